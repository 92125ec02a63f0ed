"""Scorers: from one output of the model to one number."""

from olmo_eval.common.scorers.base import AsyncScorer, Reads, Scorer
from olmo_eval.common.scorers.judge import JudgeScorer
from olmo_eval.common.scorers.likelihood import (
    BitsPerByteScorer,
    LogprobScorer,
    PerplexityScorer,
)
from olmo_eval.common.scorers.text import (
    ExactMatchFlexScorer,
    ExactMatchScorer,
    F1Scorer,
    MultipleChoiceScorer,
    SQuADF1Scorer,
    SubstringRecallScorer,
)

__all__ = [
    "AsyncScorer",
    "BitsPerByteScorer",
    "ExactMatchFlexScorer",
    "ExactMatchScorer",
    "F1Scorer",
    "JudgeScorer",
    "LogprobScorer",
    "MultipleChoiceScorer",
    "PerplexityScorer",
    "Reads",
    "SQuADF1Scorer",
    "Scorer",
    "SubstringRecallScorer",
]
