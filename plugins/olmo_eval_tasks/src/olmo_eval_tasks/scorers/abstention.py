"""Answering or abstaining: LAB-Bench's accuracy, precision and coverage (Laurent et al. 2024).

One choice says that the question cannot be answered. Over all questions, *coverage* is the share
that was answered and *accuracy* the share that was answered rightly; *precision* is the share of
right answers among those given. ``metadata["abstain_idx"]`` is the place of that choice.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from olmo_eval.common.metrics import AccuracyMetric, Metric
from olmo_eval.common.metrics.base import as_scorer
from olmo_eval.common.scorers import MultipleChoiceScorer, Scorer
from olmo_eval.common.scorers.text import answer_text
from olmo_eval.common.text import LABELS
from olmo_eval.common.types import Instance, LMOutput, Response


@frozen
class AnsweredScorer(Scorer):
    """1 where a choice was named that answers the question, 0 where none was or it abstains."""

    name: str = "answered"
    reads = "text"

    def score(self, instance: Instance, output: LMOutput) -> float:
        answer = answer_text(output)
        abstains = LABELS[int(instance.metadata["abstain_idx"])]
        return float(answer is not None and answer.strip() != abstains)


@frozen
class CoverageMetric(AccuracyMetric):
    """Share of the questions that were answered."""

    name: str = field(default="coverage", kw_only=True)
    scorer: Scorer = field(factory=AnsweredScorer, converter=as_scorer)


@frozen
class PrecisionMetric(Metric):
    """Share of right answers among those given; no value where the model abstained."""

    name: str = field(default="precision", kw_only=True)
    binary: ClassVar[bool] = True
    scorer: Scorer = field(factory=MultipleChoiceScorer, converter=as_scorer)

    def value(self, response: Response) -> float | None:
        output = response.outputs[0]
        if not AnsweredScorer().score(response.instance, output):
            return None
        return self.scorer.score(response.instance, output)
