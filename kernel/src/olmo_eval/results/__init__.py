"""Runs as they are recorded: the experiment schema, the store, statistics, comparison.

``olmo_eval.compare`` compares two of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from olmo_eval.exports import lazy

if TYPE_CHECKING:
    from olmo_eval.results.compare import Comparison, TaskComparison
    from olmo_eval.results.flips import Flip
    from olmo_eval.results.health import TaskHealth
    from olmo_eval.results.matrix import Matrix, compare_many
    from olmo_eval.results.store import Run, Store, open_run
    from olmo_eval.results.summary import Score

__all__ = [
    "Comparison",
    "Flip",
    "Matrix",
    "Run",
    "Score",
    "Store",
    "TaskComparison",
    "TaskHealth",
    "compare_many",
    "open_run",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Comparison": "olmo_eval.results.compare",
        "Flip": "olmo_eval.results.flips",
        "Matrix": "olmo_eval.results.matrix",
        "Run": "olmo_eval.results.store",
        "Score": "olmo_eval.results.summary",
        "Store": "olmo_eval.results.store",
        "TaskComparison": "olmo_eval.results.compare",
        "TaskHealth": "olmo_eval.results.health",
        "compare_many": "olmo_eval.results.matrix",
        "open_run": "olmo_eval.results.store",
    },
)
