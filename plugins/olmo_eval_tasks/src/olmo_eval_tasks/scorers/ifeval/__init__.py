"""``ifeval``: whether an answer follows instructions that a program can check.

Zhou et al. 2023, "Instruction-Following Evaluation for Large Language Models"
(https://arxiv.org/abs/2311.07911).
"""

from olmo_eval_tasks.scorers.ifeval.metrics import (
    IFEvalInstLooseAccuracy,
    IFEvalInstStrictAccuracy,
    IFEvalPromptLooseAccuracy,
    IFEvalPromptStrictAccuracy,
)
from olmo_eval_tasks.scorers.ifeval.scorer import IFEvalScorer

__all__ = [
    "IFEvalInstLooseAccuracy",
    "IFEvalInstStrictAccuracy",
    "IFEvalPromptLooseAccuracy",
    "IFEvalPromptStrictAccuracy",
    "IFEvalScorer",
]
