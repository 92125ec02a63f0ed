"""Graders that ask a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from olmo_eval.exports import lazy

if TYPE_CHECKING:
    from olmo_eval.judges.calls import JudgeCall, JudgeUsage
    from olmo_eval.judges.judge import Judge, JudgeConfig, JudgeError, Judgment

__all__ = [
    "Judge",
    "JudgeCall",
    "JudgeConfig",
    "JudgeError",
    "JudgeUsage",
    "Judgment",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Judge": "olmo_eval.judges.judge",
        "JudgeCall": "olmo_eval.judges.calls",
        "JudgeConfig": "olmo_eval.judges.judge",
        "JudgeError": "olmo_eval.judges.judge",
        "JudgeUsage": "olmo_eval.judges.calls",
        "Judgment": "olmo_eval.judges.judge",
    },
)
