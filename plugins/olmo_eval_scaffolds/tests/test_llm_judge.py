"""The judge reads one line, or fails; it never guesses."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from olmo_eval.common.scorers.judge import JudgeScorer
from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.harness import HarnessConfig, ProviderConfig
from olmo_eval.harness.runtime import Harness
from olmo_eval.judges.judge import JudgeError
from olmo_eval.plugins import fresh_manager
from olmo_eval_scaffolds.llm_judge import LLMJudge

PLUGINS = ["olmo_eval.builtins", "olmo_eval_scaffolds.plugin"]
INSTANCE = Instance("Capital of France?", gold_answer="Paris")


def judge(**settings: Any) -> LLMJudge:
    return LLMJudge(None, **settings)


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("It says Paris.\nGRADE: CORRECT", 1.0),
        ("GRADE: INCORRECT\n", 0.0),
        ("Hm.\n**GRADE: NOT_ATTEMPTED**", 0.0),
    ],
)
def test_grades(reply: str, score: float) -> None:
    judgment = judge().read(reply)
    assert judgment.score == score and judgment.reply == reply


@pytest.mark.parametrize(("reply", "score"), [("ok\nSCORE: 7", 0.7), ("SCORE: 10/10", 1.0)])
def test_scores(reply: str, score: float) -> None:
    assert judge(reply="score").read(reply).score == pytest.approx(score)


@pytest.mark.parametrize(
    "reply",
    ["", "CORRECT", "GRADE: CORRECT\nor maybe not", "GRADE: PERFECT", "grade: correct",
     "GRADE: CORRECT or GRADE: INCORRECT", "SCORE: 1"],
)  # fmt: skip
def test_an_unreadable_grade_is_a_failure(reply: str) -> None:
    with pytest.raises(JudgeError, match="GRADE"):
        judge().read(reply)


@pytest.mark.parametrize("reply", ["SCORE: 11", "SCORE: -1", "SCORE: nan", "SCORE: 4/5", "SCORE:"])
def test_an_unreadable_score_is_a_failure(reply: str) -> None:
    with pytest.raises(JudgeError, match="SCORE"):
        judge(reply="score").read(reply)


def test_the_answer_cannot_fill_the_template() -> None:
    request = judge().request(INSTANCE, LMOutput("{gold} {question}"))
    content = str(request.messages[0]["content"])
    assert "<answer>\n{gold} {question}\n</answer>" in content


def harness(**settings: Any) -> HarnessConfig:
    mock = ProviderConfig(kind="mock", kwargs={"text": "x\nGRADE: CORRECT", **settings})
    return HarnessConfig(provider=ProviderConfig(kind="mock"), auxiliary_providers={"judge": mock})


def test_a_scorer_is_judged_by_the_auxiliary_provider_and_keeps_the_reply() -> None:
    async def main() -> tuple[float, dict[str, Any], int]:
        async with Harness(harness()) as running:
            before = len(running.auxiliary.started())
            output = LMOutput("Paris")
            async with running.answered((output,), INSTANCE).episode(0, JudgeScorer()) as episode:
                score = await JudgeScorer().score_async(INSTANCE, output, episode)
                return score, episode.evidence, before

    with fresh_manager(PLUGINS):
        score, records, before = anyio.run(main)
    assert score == 1.0 and before == 0
    assert records["judge"]["reply"] == "x\nGRADE: CORRECT"


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"faults": {"fail": 1.0}}, "told to fail"), ({"text": "dunno"}, "no GRADE line")],
)
def test_a_judge_that_cannot_be_asked_or_read_fails(settings: Any, message: str) -> None:
    async def main() -> None:
        async with Harness(harness(**settings)) as running:
            output = LMOutput("Paris")
            async with running.answered((output,), INSTANCE).episode(0, JudgeScorer()) as episode:
                with pytest.raises(JudgeError, match=message):
                    await JudgeScorer().score_async(INSTANCE, output, episode)

    with fresh_manager(PLUGINS):
        anyio.run(main)
