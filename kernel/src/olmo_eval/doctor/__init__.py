"""Whether this installation and this machine are fit to evaluate, check by check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from olmo_eval.exports import lazy

if TYPE_CHECKING:
    from olmo_eval.doctor.finding import Check, Checkup, Finding, Level
    from olmo_eval.doctor.modules import Module, find_modules

__all__ = ["Check", "Checkup", "Finding", "Level", "Module", "find_modules"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Check": "olmo_eval.doctor.finding",
        "Checkup": "olmo_eval.doctor.finding",
        "Finding": "olmo_eval.doctor.finding",
        "Level": "olmo_eval.doctor.finding",
        "Module": "olmo_eval.doctor.modules",
        "find_modules": "olmo_eval.doctor.modules",
    },
)
