"""The sitting of one shard of a run: it answers and scores its part, and writes no tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from olmo_eval.errors import OlmoEvalError
from olmo_eval.results.folder import RunFolder, now
from olmo_eval.runner.session import Session


class ShardSession(Session):
    """A part of a run being made, beside other parts; the command without a shard merges them.

    The run's record and its observers are the merging command's: a shard only begins the record
    where there is none yet.
    """

    def begin(self, known: Mapping[str, Any] | None) -> None:
        if known is None:
            super().begin(known)
            return
        self.record["sessions"] = [{"started": now()}]

    def notify(self, hook: str, **arguments: Any) -> None:
        if hook in ("instance_scored", "task_finished"):
            super().notify(hook, **arguments)

    def fail(self, error: BaseException) -> None:
        if isinstance(error, OlmoEvalError):
            self.progress.message(f"shard {self.job.shard} is not finished")

    def _journals(self) -> list[Path]:
        return [RunFolder(self.folder.path).journal, self.folder.journal]

    def _finish(self, status: str, seconds: float) -> None:
        self.journal.sync()
        done = sum(self._done.values())
        self.progress.message(
            f"shard {self.job.shard} is done: {done:,} instances; the same command without --shard "
            "takes all shards in and writes the tables"
        )
