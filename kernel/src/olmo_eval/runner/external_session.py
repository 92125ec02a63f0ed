"""The sitting of an external eval: it runs, and what it reports becomes the usual tables."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from anyio.abc import TaskStatus
from anyio.from_thread import BlockingPortal

from olmo_eval import faults
from olmo_eval.common.convert import to_json
from olmo_eval.common.figures import counted
from olmo_eval.errors import OlmoEvalError, PluginError, RunFailedError
from olmo_eval.evals.external import ExternalContext
from olmo_eval.harness.runtime import Harness
from olmo_eval.results import journal
from olmo_eval.results.finalize import write_task
from olmo_eval.results.folder import RunFolder, unwritable
from olmo_eval.results.record import Row
from olmo_eval.results.summary import Score
from olmo_eval.results.tables import describe, write_metrics
from olmo_eval.runner.apart import Apart
from olmo_eval.runner.asked import FILE, RequestLog
from olmo_eval.runner.external import SCORER
from olmo_eval.runner.external_result import CheckedResult, Reported, checked
from olmo_eval.runner.external_surroundings import Models, Sandboxes, Steps
from olmo_eval.runner.interrupt import Interrupted, interrupts, most_telling
from olmo_eval.runner.progress import Progress
from olmo_eval.runner.sitting import Sitting

if TYPE_CHECKING:
    from olmo_eval.runner.job import Job

_BLOCK = 1 << 20


class ExternalSession(Sitting):
    """An external eval being run."""

    def __init__(
        self,
        job: Job,
        harness: Harness,
        folder: RunFolder,
        record: dict[str, Any],
        progress: Progress,
    ) -> None:
        super().__init__(job, harness, folder, record, progress)
        assert job.external is not None
        self.request = job.external
        self.redactor.learn(to_json(self.request.arguments))
        self.redactor.learn({"required_secrets": list(self.request.kind.required_secrets)})
        self.record = self.redactor.value(self.record)
        self.steps = Steps(self.request.title, progress)

    async def make(self, known: Mapping[str, Any] | None) -> None:
        """Run the eval, then write the tables."""
        began = time.perf_counter()
        if known is not None:
            self._begin_anew(known)
        self.begin(known)
        self.notify("run_started", run=self.record)
        try:
            result = await self._run()
            scores = self._write(checked(result, self.request, self.redactor.text))
            self._finish(scores, time.perf_counter() - began)
        except BaseException as error:
            self.fail(error)
            raise

    @property
    def _place(self) -> Path:
        return self.folder.path / "external"

    def _begin_anew(self, known: Mapping[str, Any]) -> None:
        """What an eval has done cannot be gone on with: what it wrote is put aside."""
        self.progress.message(
            f"run {self.folder.run_id} is {known['status']}: the external eval begins anew in it"
        )
        if not self._place.exists():
            return
        n = 1
        while (aside := self._place.with_name(f"{self._place.name}.{n}")).exists():
            n += 1
        try:
            self._place.rename(aside)
        except OSError as error:
            raise unwritable(error, self._place) from error

    async def _run(self) -> Any:
        """What the eval's ``execute`` returns.

        Raises:
            PluginError: it raised. RunFailedError: its time was over. Interrupted: Ctrl-C.
        """
        request, limit = self.request, self.request.kind.timeout_seconds
        try:
            self._place.mkdir(exist_ok=True)
        except OSError as error:
            raise unwritable(error, self._place) from error
        async with BlockingPortal() as portal, self._surroundings(portal) as context:
            call = Apart(lambda: request.kind().run(context))
            async with anyio.create_task_group() as group:
                await group.start(self._listen, call)
                in_time = await call.ended_within(limit)
                group.cancel_scope.cancel()
            if not in_time:
                await portal.stop(cancel_remaining=True)
        if call.stops:
            raise Interrupted(
                f"external eval {request.name!r} was stopped",
                hint="it cannot go on from here: the same command begins it anew",
            )
        if not in_time:
            blocks = " and still blocks its thread" if call.abandoned else ""
            raise RunFailedError(
                f"{request.label} did not finish in {limit:g} s{blocks}",
                hint=f"its timeout_seconds is the limit; what it wrote is kept in {self._place}",
            )
        if call.error is not None:
            raise self._fault(call.error) from call.error
        return call.result

    @asynccontextmanager
    async def _surroundings(self, portal: BlockingPortal) -> AsyncIterator[ExternalContext]:
        """What the eval is given, and its end; the record is told what was asked."""
        log = RequestLog(self.folder.path / FILE, self.redactor.line)
        models = Models(self.harness, log, portal)
        needs = self.request.kind.needs(self.request.arguments)
        sandboxes = Sandboxes(self.harness, needs, models)
        async with AsyncExitStack() as stack:
            stack.callback(log.close)
            stack.callback(lambda: self._count(models.tally()))
            stack.callback(models.close)
            stack.push_async_callback(sandboxes.close)
            yield ExternalContext(
                models.evaluated,
                dict(self.request.arguments),
                self._place,
                serve=models.endpoint,
                progress=self.steps,
                furnish=sandboxes.furnish,
                clean=self.redactor.text,
            )

    def _count(self, tally: dict[str, Any]) -> None:
        """Put into the record what was asked in this sitting, and say what was not asked again."""
        self.record["sessions"][-1]["requests"] = tally
        if tally["reused"]:
            self.progress.message(
                f"{counted(tally['reused'], 'answer')} of an earlier attempt taken over, "
                f"{counted(tally['answered'], 'new request')}"
            )

    def _fault(self, error: BaseException) -> PluginError:
        """What the eval raised, with the line in its code and without secrets."""
        told = most_telling(error) if isinstance(error, BaseExceptionGroup) else error
        module = self.request.kind.__module__
        root = (module.partition(".")[0],)
        where = faults.innermost(told, root) or faults.innermost(error, root)
        place = where.text if where else module
        said = f"{self.request.label} failed: {faults.reason(told)} ({place})"
        hint = told.hint if isinstance(told, OlmoEvalError) else None
        clean = self.redactor.text
        return PluginError(clean(said), hint=clean(hint or faults.HINT))

    async def _listen(self, call: Apart, *, task_status: TaskStatus[None]) -> None:
        """First Ctrl-C: let it clean up. Second: leave it behind."""
        with interrupts() as heard:
            task_status.started()
            async for _ in heard:
                call.stop()
                if call.stops == 1:
                    self.progress.message("stopping; Ctrl-C again stops at once")

    def _write(self, result: CheckedResult) -> list[Score]:
        """The tables; the eval's entry in the record gets its metrics and outcomes."""
        name, (entry,) = self.request.title, self.record["tasks"]
        rows = (_clean(row, self.redactor.line) for row in result.rows())
        try:
            columns = write_task(self.folder.path, name, result.keys, [SCORER], rows)
            result = result.measured(columns)
            scores = [m.score(name, primary=m is result.primary) for m in result.metrics]
            write_metrics(self.folder, self.record, scores)
        except OSError as error:
            raise unwritable(error, self.folder.path) from error
        describe(self.record, {name: columns}, {})
        entry["primary"] = result.primary.key
        entry["metrics"] = [metric.entry() for metric in result.metrics]
        entry["metadata"] = self.redactor.value(to_json(result.metadata))
        for metric in result.metrics:
            self._remark_on(metric)
        return scores

    def _remark_on(self, metric: Reported) -> None:
        if metric.estimate is not None and not metric.is_mean:
            self.remark(
                f"{self.request.name}: {metric.metric.name} is reported as {metric.value:g}, and "
                f"the mean of the instances is {metric.estimate.value:g}: the error is not known, "
                "and comparisons are made on the instances"
            )

    def _finish(self, scores: list[Score], seconds: float) -> None:
        for name in self._files_with_secrets():
            self.remark(
                f"{name} holds a secret; files that an eval writes itself are kept as they are"
            )
        name = self.request.title
        values = {f"{s.metric}:{s.scorer}": s.value for s in scores}
        self.notify("task_finished", run_id=self.folder.run_id, task=name, metrics=values)
        missing = any(not score.complete for score in scores)
        self.close("incomplete" if missing else "complete", seconds)
        self.steps.finished(seconds)
        self.tell_finished(scores)

    def _files_with_secrets(self) -> Iterator[str]:
        """The eval's own files in which a known secret stands."""
        for path in sorted(self._place.rglob("*")):
            if path.is_file() and self._holds_secret(path):
                yield path.relative_to(self.folder.path).as_posix()

    def _holds_secret(self, path: Path) -> bool:
        overlap = b""
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                if self.redactor.finds(overlap + block):
                    return True
                overlap = block[-4096:]
        return False


def _clean(row: Row, redact: Any) -> tuple[Row, int]:
    """A row as a journal would have kept it, without secrets and of text that UTF-8 can hold, and
    its size in bytes."""
    line = journal.encode(row, redact)
    kept = journal.decode(line)
    assert kept is not None, "a line that was just written can be read"
    return kept, len(line)
