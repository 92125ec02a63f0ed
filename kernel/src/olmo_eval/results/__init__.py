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
    from olmo_eval.results.tracking.biographies import Biography, TaskBiographies, biographies_of
    from olmo_eval.results.tracking.decisions import TaskTrust, Trust, trust
    from olmo_eval.results.tracking.noise import NoiseFloor, NoiseFloors
    from olmo_eval.results.tracking.tracks import Track, TrackPoint, Tracks, track
    from olmo_eval.results.verify import Fault, Verification, verify_run, verify_store
    from olmo_eval.results.why import Why

__all__ = [
    "Biography",
    "Comparison",
    "Fault",
    "Flip",
    "Matrix",
    "NoiseFloor",
    "NoiseFloors",
    "Run",
    "Score",
    "Store",
    "TaskBiographies",
    "TaskComparison",
    "TaskHealth",
    "TaskTrust",
    "Track",
    "TrackPoint",
    "Tracks",
    "Trust",
    "Verification",
    "Why",
    "biographies_of",
    "compare_many",
    "open_run",
    "track",
    "trust",
    "verify_run",
    "verify_store",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Biography": "olmo_eval.results.tracking.biographies",
        "Comparison": "olmo_eval.results.compare",
        "Fault": "olmo_eval.results.verify",
        "Flip": "olmo_eval.results.flips",
        "Matrix": "olmo_eval.results.matrix",
        "NoiseFloor": "olmo_eval.results.tracking.noise",
        "NoiseFloors": "olmo_eval.results.tracking.noise",
        "Run": "olmo_eval.results.store",
        "Score": "olmo_eval.results.summary",
        "Store": "olmo_eval.results.store",
        "TaskBiographies": "olmo_eval.results.tracking.biographies",
        "TaskComparison": "olmo_eval.results.compare",
        "TaskHealth": "olmo_eval.results.health",
        "TaskTrust": "olmo_eval.results.tracking.decisions",
        "Track": "olmo_eval.results.tracking.tracks",
        "TrackPoint": "olmo_eval.results.tracking.tracks",
        "Tracks": "olmo_eval.results.tracking.tracks",
        "Trust": "olmo_eval.results.tracking.decisions",
        "Verification": "olmo_eval.results.verify",
        "Why": "olmo_eval.results.why",
        "biographies_of": "olmo_eval.results.tracking.biographies",
        "compare_many": "olmo_eval.results.matrix",
        "open_run": "olmo_eval.results.store",
        "track": "olmo_eval.results.tracking.tracks",
        "trust": "olmo_eval.results.tracking.decisions",
        "verify_run": "olmo_eval.results.verify",
        "verify_store": "olmo_eval.results.verify",
    },
)
