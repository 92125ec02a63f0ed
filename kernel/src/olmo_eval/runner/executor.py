"""Where a run executes."""

from __future__ import annotations

from typing import Any


class Executor:
    """Base of executors: takes one run and sees it through.

    ``job`` is a ``runner.run.Job``; ``execute`` returns when its results are written, and raises
    what the run raises.
    """

    def execute(self, job: Any, progress: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not say how to execute")


class LocalExecutor(Executor):
    """In this process."""

    def execute(self, job: Any, progress: Any) -> Any:
        from olmo_eval.runner.run import execute

        return execute(job, progress)
