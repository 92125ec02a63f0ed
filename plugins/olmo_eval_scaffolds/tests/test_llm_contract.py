"""The judge ``llm`` keeps the kernel's contract with judges, in both its forms."""

from __future__ import annotations

from functools import partial

from olmo_eval.testing import judge_contract
from olmo_eval_scaffolds.llm_judge import LLMJudge

test_grade = judge_contract(
    LLMJudge,
    {"Fine.\nGRADE: CORRECT": 1.0, "GRADE: INCORRECT": 0.0},
    unreadable=("CORRECT", "GRADE: CORRECT or INCORRECT", "GRADE: MAYBE"),
)
test_score = judge_contract(
    partial(LLMJudge, reply="score"),
    {"SCORE: 7": 0.7, "SCORE: 10/10": 1.0},
    unreadable=("SCORE: 11", "7"),
)
