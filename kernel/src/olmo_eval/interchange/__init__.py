"""What passes between the workbench and other programs: logs that come in, transcripts that go out.

A plugin supplies an :class:`Importer` for the logs of another evaluation or training program, and
an :class:`Exporter` for a format of transcripts. Whatever has no place in the target is counted in
:class:`Losses`, which people are shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from olmo_eval.exports import lazy

if TYPE_CHECKING:
    from olmo_eval.interchange.exporter import Exporter
    from olmo_eval.interchange.imported import (
        ImportedInstance,
        ImportedMetric,
        ImportedRun,
        ImportedTask,
        Source,
    )
    from olmo_eval.interchange.importer import Importer
    from olmo_eval.interchange.losses import Losses
    from olmo_eval.results.transcripts import ScoredContinuation, Transcript

__all__ = [
    "Exporter",
    "ImportedInstance",
    "ImportedMetric",
    "ImportedRun",
    "ImportedTask",
    "Importer",
    "Losses",
    "ScoredContinuation",
    "Source",
    "Transcript",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Exporter": "olmo_eval.interchange.exporter",
        "ImportedInstance": "olmo_eval.interchange.imported",
        "ImportedMetric": "olmo_eval.interchange.imported",
        "ImportedRun": "olmo_eval.interchange.imported",
        "ImportedTask": "olmo_eval.interchange.imported",
        "Importer": "olmo_eval.interchange.importer",
        "Losses": "olmo_eval.interchange.losses",
        "ScoredContinuation": "olmo_eval.results.transcripts",
        "Source": "olmo_eval.interchange.imported",
        "Transcript": "olmo_eval.results.transcripts",
    },
)
