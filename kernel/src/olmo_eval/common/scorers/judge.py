"""Scoring by a judge: a model that grades what another model answered."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from olmo_eval.common.scorers.base import AsyncScorer
from olmo_eval.common.types import Instance, LMOutput


@frozen
class JudgeScorer(AsyncScorer):
    """The score a judge of the harness gives; ``judge`` names it where there are several.

    What the judge replied is recorded beside the score. A reply that cannot be read is a failure
    of the judge (the outcome ``judge_failed``), never a score.
    """

    name: str = "judge"
    reads = "text"
    judge: str | None = None

    @property
    def requires(self) -> frozenset[str]:  # type: ignore[override]
        return frozenset({f"judge:{self.judge}" if self.judge else "judge"})

    async def score_async(self, instance: Instance, output: LMOutput, episode: Any) -> float:
        judgment: Any = await episode.judge(self.judge).grade(instance, output)
        episode.record(
            self.name,
            {
                "score": judgment.score,
                "label": judgment.label,
                "reply": judgment.reply,
                **judgment.metadata,
            },
        )
        return float(judgment.score)
