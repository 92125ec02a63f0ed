"""Scorers with a question of their own keep the contract with judges."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from olmo_eval.common.scorers import LLMJudgeScorer, RubricJudgeScorer
from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.errors import JudgeError
from olmo_eval.evals.tasks.common.named import named_metric
from olmo_eval.plugins import fresh_manager
from olmo_eval.testing import judge_contract

test_yes_or_no = judge_contract(
    LLMJudgeScorer, {"Yes.": 1.0, "no": 0.0}, unreadable=("Yes and no.", "yes/no", "Correct")
)
test_rating = judge_contract(
    RubricJudgeScorer(rubric="Is it vivid?"),
    {"Vivid.\nScore: 8": 0.8, "Score: 2.5": 0.25},
    unreadable=("Score: 11", "Score: -1", "Score: 8 of Score: 9, who knows", "8"),
)


@pytest.mark.parametrize("name", ["llm_judge", "rubric_judge"])
def test_metrics_may_name_them(name: str) -> None:
    with fresh_manager(["olmo_eval.builtins"]):
        assert named_metric(f"accuracy:{name}").scorer.name == name


def test_a_function_that_fails_is_a_judge_that_failed() -> None:
    def gone(prompt: str) -> str:
        raise ConnectionError("nobody there")

    async def main() -> None:
        scorer: Any = LLMJudgeScorer(judge_fn=gone)
        with pytest.raises(JudgeError, match="nobody there"):
            await scorer.score_async(Instance("?", "1"), LMOutput("1"), None)

    anyio.run(main)
