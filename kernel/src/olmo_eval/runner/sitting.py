"""The record of a run while it is being made, whatever makes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from olmo_eval import plugins
from olmo_eval.common.convert import to_json
from olmo_eval.errors import OlmoEvalError
from olmo_eval.harness.runtime import Harness
from olmo_eval.results import digests, journal
from olmo_eval.results.folder import WITH_TABLES, RunFolder, now
from olmo_eval.results.locking import this_host
from olmo_eval.results.redact import Redactor
from olmo_eval.runner.interrupt import Interrupted
from olmo_eval.runner.progress import Progress

if TYPE_CHECKING:
    from olmo_eval.results.summary import Score
    from olmo_eval.runner.job import Job


class Sitting:
    """The keeper of a run's record, from the beginning of a sitting to its end."""

    def __init__(
        self,
        job: Job,
        harness: Harness,
        folder: RunFolder,
        record: dict[str, Any],
        progress: Progress,
    ) -> None:
        self.job, self.harness, self.folder, self.progress = job, harness, folder, progress
        self.redactor = Redactor()
        self.redactor.learn(to_json(job.harness))
        self.record = self.redactor.value({"run_id": folder.run_id, **record})
        self.record["concurrency"] = harness.max_concurrency
        self._manager = plugins.manager()

    def begin(self, known: Mapping[str, Any] | None) -> None:
        """Write ``run.json`` as that of a run being made; ``known`` is what an earlier sitting
        left.
        """
        sessions = list((known or {}).get("sessions", ()))
        argv = self.record["environment"]["argv"]
        host = this_host(self.folder.path.parent.parent)
        sessions.append({"started": now(), "host": host, "argv": argv})
        self.record.update(
            status="running",
            started=(known or {}).get("started") or sessions[0]["started"],
            sessions=sessions,
        )
        self.folder.write_json(self.record)

    def remark(self, text: str) -> None:
        """Tell people something when the run has ended, and keep it in the record."""
        clean = self.redactor.text(text)
        self.record.setdefault("remarks", []).append(clean)
        self.progress.message(clean)

    def fail(self, error: BaseException) -> None:
        """Close the record of a run that ``error`` ended."""
        stops = (Interrupted, KeyboardInterrupt, anyio.get_cancelled_exc_class())
        status = "interrupted" if isinstance(error, stops) else "failed"
        if isinstance(error, OlmoEvalError):
            self.record["error"] = self.redactor.text(error.message)
        try:
            if not isinstance(error, journal.JournalGoneError):  # nor is the folder made again
                self.close(status, None)
        except OlmoEvalError as unwritable:
            self.progress.message(unwritable.message)
        self.tell_finished()

    def close(self, status: str, seconds: float | None) -> None:
        """Write how the run stands at the end of this sitting, after ``seconds``."""
        self.record["status"] = status
        self.record["finished"] = now()
        self.record["sessions"][-1].update(ended=self.record["finished"], seconds=seconds)
        self.record.pop(digests.IN_LOCK, None)
        if status in WITH_TABLES:
            self.folder.seal(self.record)
        self.folder.write_json(self.record)

    def tell_finished(self, scores: Sequence[Score] = ()) -> None:
        """Tell the observers how the run has ended; ``scores`` are those of its tables."""
        results = self.job.results
        root = results.rstrip("/") if "://" in results else str(Path(results).resolve())
        location = f"{root}/runs/{self.folder.run_id}"
        self.notify("run_finished", run=self.record, scores=tuple(scores), location=location)

    def notify(self, hook: str, **arguments: Any) -> None:
        """Tell the observers of every plugin; what fails in one is shown, and no more."""
        for failure in self._manager.notify(hook, **arguments):
            self.progress.message(
                f"plugin {failure.owner}: {failure.name} failed: {failure.reason}"
            )
