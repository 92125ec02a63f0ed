"""Runs over checkpoints: tracks, question biographies, trust in tasks, the noise floor.

Typed values that commands print and plots draw; every number in them is computed by
``results.statistics``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from olmo_eval.exports import lazy

if TYPE_CHECKING:
    from olmo_eval.results.tracking.biographies import Biography, TaskBiographies, biographies_of
    from olmo_eval.results.tracking.decisions import TaskTrust, Trust, trust
    from olmo_eval.results.tracking.noise import NoiseFloor, NoiseFloors, measure_noise
    from olmo_eval.results.tracking.tracks import Track, TrackPoint, Tracks, track

__all__ = [
    "Biography",
    "NoiseFloor",
    "NoiseFloors",
    "TaskBiographies",
    "TaskTrust",
    "Track",
    "TrackPoint",
    "Tracks",
    "Trust",
    "biographies_of",
    "measure_noise",
    "track",
    "trust",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Biography": "olmo_eval.results.tracking.biographies",
        "NoiseFloor": "olmo_eval.results.tracking.noise",
        "NoiseFloors": "olmo_eval.results.tracking.noise",
        "TaskBiographies": "olmo_eval.results.tracking.biographies",
        "TaskTrust": "olmo_eval.results.tracking.decisions",
        "Track": "olmo_eval.results.tracking.tracks",
        "TrackPoint": "olmo_eval.results.tracking.tracks",
        "Tracks": "olmo_eval.results.tracking.tracks",
        "Trust": "olmo_eval.results.tracking.decisions",
        "biographies_of": "olmo_eval.results.tracking.biographies",
        "measure_noise": "olmo_eval.results.tracking.noise",
        "track": "olmo_eval.results.tracking.tracks",
        "trust": "olmo_eval.results.tracking.decisions",
    },
)
