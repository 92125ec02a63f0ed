"""Where a run executes."""

from __future__ import annotations

from typing import Any

from olmo_eval.errors import UsageError
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

    ``settings`` are what a command says of the place, to executors that take it: ``address`` (of a
    cluster) and ``workers`` (how many processes make the run). One that names none in ``takes`` is
    given none.
    """

    #: the settings that it takes
    takes: frozenset[str] = frozenset()

    def __init__(self, **settings: Any) -> None:
        for name in settings.keys() - self.takes:
            raise UsageError(
                f"this executor takes no {name}",
                hint="--workers join in each of several processes divides a run among them"
                if name == "workers"
                else f"leave --{name} out, or name the executor that takes it: --executor NAME",
            )
        self.settings = settings

    def execute(self, spec: RunSpec, progress: Progress) -> str:
        raise NotImplementedError(f"{type(self).__name__} does not say how to execute")


class LocalExecutor(Executor):
    """In this process."""

    def execute(self, spec: RunSpec, progress: Progress) -> str:
        from olmo_eval.runner.join import execute_joined
        from olmo_eval.runner.resolve import resolve
        from olmo_eval.runner.run import execute

        job = resolve(spec)
        return execute_joined(job, progress) if spec.joins else execute(job, progress)
