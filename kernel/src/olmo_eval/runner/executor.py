"""Where a run executes."""

from __future__ import annotations

from olmo_eval.runner.progress import Progress
from olmo_eval.runner.spec import RunSpec


class Executor:
    """Base of executors: takes one run and sees it through, here or elsewhere.

    The spec is all there is to the run: ``spec.to_json()`` is what ``olmo-eval run --spec -``
    makes it from on any machine. ``progress`` is told how it goes. ``execute`` returns the
    location of the run, a folder or a URL, when its results are written, and raises what the run
    raises::

        class Elsewhere(Executor):
            def execute(self, spec, progress):
                progress.message("sent away")
                return submit_and_wait(spec.to_json())
    """

    def execute(self, spec: RunSpec, progress: Progress) -> str:
        raise NotImplementedError(f"{type(self).__name__} does not say how to execute")


class LocalExecutor(Executor):
    """In this process."""

    def execute(self, spec: RunSpec, progress: Progress) -> str:
        from olmo_eval.runner.resolve import resolve
        from olmo_eval.runner.run import execute

        return execute(resolve(spec), progress)
