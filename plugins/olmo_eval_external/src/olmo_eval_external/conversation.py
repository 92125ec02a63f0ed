"""A framework's conversations as records of the workbench."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from olmo_eval.common.convert import structure
from olmo_eval.common.types import Trajectory


def conversation(events: Sequence[Mapping[str, Any]], limit: str | None) -> Trajectory:
    """What was said and called, in order, and the limit that ended it, where one did."""
    kept = {"events": list(events), "stop_reason": limit or "answer"}
    return structure(kept, Trajectory, where="trajectory")
