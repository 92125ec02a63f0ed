"""What a scorer that does more than look may use: judges, sandboxes, a place for evidence."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from olmo_eval.judges.judge import Judge
from olmo_eval.sandbox.backend import Sandbox

if TYPE_CHECKING:
    from olmo_eval.harness.runtime import Harness


class HarnessScoringContext:
    """A ``ScoringContext`` for one output. ``records`` holds what scorers kept for audit."""

    def __init__(self, harness: Harness) -> None:
        self._harness = harness
        self.records: dict[str, Any] = {}

    def judge(self, name: str | None = None) -> Judge:
        return self._harness.judges.get(name)

    def sandbox(self, capability: str) -> AbstractAsyncContextManager[Sandbox]:
        return self._harness.sandboxes.lease(capability)

    def record(self, key: str, value: Any) -> None:
        self.records[key] = value
