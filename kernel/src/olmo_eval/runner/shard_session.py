"""The sitting of one shard of a run: it answers and scores its part, and writes no tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from olmo_eval.common.convert import to_json
from olmo_eval.common.figures import counted
from olmo_eval.results.folder import RunFolder, now
from olmo_eval.results.record import Row
from olmo_eval.results.redact import Redactor
from olmo_eval.runner.job import Job
from olmo_eval.runner.session import Session


def begin_shards(job: Job, folder: RunFolder, record: Mapping[str, Any]) -> None:
    """Write the record of a run that begins with a shard."""
    redactor = Redactor()
    redactor.learn(to_json(job.harness))
    begun = {"run_id": folder.run_id, **record, "status": "running", "started": now()}
    folder.write_json(redactor.value(begun))


class ShardSession(Session):
    """A part of a run being made, beside other parts; the command without a shard takes them in.

    The run's record, and telling its observers of the run, are that command's.
    """

    def begin(self, known: Mapping[str, Any] | None) -> None:
        self.record["sessions"] = [{"started": now()}]

    def notify(self, hook: str, **arguments: Any) -> None:
        if hook == "instance_scored":
            super().notify(hook, **arguments)

    def fail(self, error: BaseException) -> None:
        self.progress.message(f"shard {self.job.shard} is not finished")

    def _journals(self) -> list[Path]:
        return [RunFolder(self.folder.path).journal, self.folder.journal]

    def _note(self, record: Row, offset: int) -> None:
        """Nothing: the command that takes the shards in finds where their records stand."""

    def _finish(self, status: str, seconds: float) -> None:
        self.journal.sync()
        done = sum(self._done.values())
        self.progress.message(
            f"shard {self.job.shard} is done: {counted(done, 'instance')}; the same command "
            "without --shard takes all shards in and writes the tables"
        )
