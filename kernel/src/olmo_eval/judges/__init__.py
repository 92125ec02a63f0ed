"""Graders that ask a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from olmo_eval.exports import lazy

if TYPE_CHECKING:
    from olmo_eval.judges.judge import Judge, JudgeConfig, JudgeError, Judgment

__all__ = [
    "Judge",
    "JudgeConfig",
    "JudgeError",
    "Judgment",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Judge": "olmo_eval.judges.judge",
        "JudgeConfig": "olmo_eval.judges.judge",
        "JudgeError": "olmo_eval.judges.judge",
        "Judgment": "olmo_eval.judges.judge",
    },
)
