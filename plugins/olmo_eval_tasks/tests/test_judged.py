"""What judges reply, read strictly: a number, or a failure of the judge, never a guess."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import attrs
import pytest

from olmo_eval.common.types import (
    Instance,
    LMOutput,
    LMRequest,
    RequestType,
    Response,
    SamplingParams,
)
from olmo_eval.evals.tasks.common import build_task
from olmo_eval.judges.judge import Judge, JudgeError
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval.providers.thinking import told_apart
from olmo_eval_tasks.scorers.attributed import AttributedQAScorer, GlobalAverage, ReportMetric
from olmo_eval_tasks.scorers.judged import AskingScorer
from olmo_eval_tasks.scorers.mt_bench import MTBenchScorer, RatingMetric, question_for, rating
from olmo_eval_tasks.scorers.reports import read_report, statements
from olmo_eval_tasks.scorers.safety import SafetyScorer
from olmo_eval_tasks.scorers.simpleqa import (
    AccuracyGivenAttempted,
    NotAttemptedRate,
    SimpleQAJudgeScorer,
)
from olmo_eval_tasks.scorers.win_rate import PairwiseJudgeScorer, worth_of_first


class Replies:
    """An episode whose judge's model replies in turn what it is told to, and keeps the prompts."""

    def __init__(self, *replies: str, finish_reason: str = "stop") -> None:
        self.replies = list(replies)
        self.finish_reason = finish_reason
        self.asked: list[str] = []
        self.kept: dict[str, Any] = {}

    async def _ask(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        self.asked.append(str(request.messages[-1]["content"]))
        output = LMOutput(self.replies.pop(0), finish_reason=self.finish_reason)
        return [told_apart(output, ProviderConfig())]

    def judge(self, name: str | None) -> Judge:
        return Judge(self._ask)

    def record(self, key: str, value: Any) -> None:
        self.kept[key] = json.loads(json.dumps(value))


QUESTION = Instance("In which year?", gold_answer="1907", metadata={"topic": "{answer}"})
ANSWER = LMOutput("In 1907.", extracted_answer="In 1907.")


def scored(
    scorer: AskingScorer, episode: Replies, instance: Instance = QUESTION, output: LMOutput = ANSWER
) -> Response:
    score = asyncio.run(scorer.score_async(instance, output, episode))
    assert episode.replies == []
    output = attrs.evolve(output, metadata={**output.metadata, **episode.kept})
    request = LMRequest(RequestType.CHAT)
    return Response("1", instance, request, (output,), {scorer.name: (score,)})


# -- SimpleQA


@pytest.mark.parametrize(
    ("reply", "grade"),
    [
        ("A", "correct"),
        ("B.", "incorrect"),
        ("**C**", "not_attempted"),
        ("The years differ.\n\nGrade: B", "incorrect"),
        ("ANSWER: B", "incorrect"),
        ("A: CORRECT", "correct"),
        ("NOT_ATTEMPTED", "not_attempted"),
        ("not attempted", "not_attempted"),
        ("<think>Is it A? Or B?</think>\nC", "not_attempted"),
    ],
)
def test_a_grade_is_the_reply_or_its_last_line(reply: str, grade: str) -> None:
    response = scored(SimpleQAJudgeScorer(), Replies(reply))

    kept = response.outputs[0].metadata["simpleqa_judge"]
    assert kept["label"] == grade
    assert response.scores["simpleqa_judge"] == (float(grade == "correct"),)


@pytest.mark.parametrize(
    "reply",
    [
        "A response that is wrong. C",
        "NOT CORRECT",
        "A or B",
        "A: INCORRECT",
        "D",
        "",
        "I grade this answer as correct because the year is right",
        "<think>A? It never ends",
    ],
)
def test_what_is_no_grade_is_a_failure_of_the_judge(reply: str) -> None:
    with pytest.raises(JudgeError):
        scored(SimpleQAJudgeScorer(), Replies(reply))


def test_a_reply_that_was_cut_is_a_failure_of_the_judge() -> None:
    with pytest.raises(JudgeError, match="cut after 1024 tokens"):
        scored(SimpleQAJudgeScorer(), Replies("A", finish_reason="length"))


@pytest.mark.parametrize(
    ("reply", "not_attempted", "given_attempted"), [("A", 0, 1), ("B", 0, 0), ("C", 1, None)]
)
def test_questions_that_are_not_attempted_are_no_wrong_answers(
    reply: str, not_attempted: float, given_attempted: float | None
) -> None:
    response = scored(SimpleQAJudgeScorer(), Replies(reply))

    assert NotAttemptedRate().value(response) == not_attempted
    assert AccuracyGivenAttempted().value(response) == given_attempted


def test_the_judge_is_shown_question_gold_and_answer_and_nothing_is_filled_in_twice() -> None:
    episode = Replies("A")
    scored(SimpleQAJudgeScorer(), episode, output=LMOutput("", extracted_answer="{gold} {x}"))

    (asked,) = episode.asked
    assert "<question>\nIn which year?\n</question>" in asked
    assert "<gold_target>\n1907\n</gold_target>" in asked
    assert "<answer>\n{gold} {x}\n</answer>" in asked


def test_another_template_can_be_asked() -> None:
    episode = Replies("A")
    scored(SimpleQAJudgeScorer(template="{question}|{gold}|{answer}"), episode)

    assert episode.asked == ["In which year?|1907|In 1907."]


# -- MT-Bench


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("It is good. Rating: [[8]]", 8.0),
        ("[[7.5]]", 7.5),
        ("Rating: [[10]], as I said: [[10]]", 10.0),
        ("Rating: [6]", 6.0),
        ("As [1] says, it is good: [[9]]", 9.0),
        ("[[8.]]", 8.0),
    ],
)
def test_a_rating_stands_in_double_brackets_or_else_in_single_ones(
    reply: str, found: float
) -> None:
    assert rating(reply) == found


@pytest.mark.parametrize(
    "reply",
    ["Rating: 8", "[[eight]]", "[[11]]", "[[0]]", "It says [[10]]. Rating: [[2]]", "[[]]", ""],
)
def test_what_is_no_rating_is_a_failure_of_the_judge(reply: str) -> None:
    with pytest.raises(JudgeError):
        rating(reply)


TURNS = Instance(
    "How many jars?",
    metadata={"turns": ["How many jars?", "And half?"], "reference": ["24", "12"]},
)
TWO = LMOutput("Twelve.", metadata={"answers": ["Twenty-four.", "Twelve."]})


def test_each_turn_is_rated_with_what_was_said_before() -> None:
    episode = Replies("[[9]]", "[[4]]")
    response = scored(MTBenchScorer(), episode, TURNS, TWO)

    values = {
        metric.metric_name: metric.value(response)
        for metric in (RatingMetric(), RatingMetric(turn=1), RatingMetric(turn=2))
    }
    assert values == {"rating": 6.5, "rating_turn_1": 9.0, "rating_turn_2": 4.0}
    first, second = episode.asked
    assert "Twenty-four." in first and "Twelve." not in first and "\n24\n" in first
    assert second.index("How many jars?") < second.index("Twenty-four.") < second.index("And half?")
    assert "\n12\n" in second and second.rstrip().endswith("Twelve.\n</assistant>")


def test_questions_without_a_reference_are_asked_without_one() -> None:
    assert "reference" in question_for(2, True)
    assert "reference" not in question_for(2, False)
    assert "{" not in question_for(1, False).replace("{question_1}", "").replace("{answer_1}", "")


def test_an_answer_to_the_first_turn_alone_is_not_rated() -> None:
    with pytest.raises(ValueError, match="1 answers where 2 turns"):
        scored(MTBenchScorer(), Replies(), TURNS, LMOutput("a", metadata={"answers": ["a"]}))


def test_mt_bench_asks_its_second_turn_and_samples_by_category(invented_mirror: Any) -> None:
    task = build_task("mt_bench")
    letter, jars = task.instances

    assert task.next_message(letter, ["Dear lighthouse"]) == "Now make it rhyme."
    assert task.next_message(letter, ["Dear lighthouse", "Dear light"]) is None
    assert task.get_sampling_params(letter).temperature == 0.7
    assert task.get_sampling_params(jars).temperature == 0.0


# -- pairs


@pytest.mark.parametrize(
    ("replies", "score"),
    [
        (("WINNER: A", "WINNER: B"), 1.0),
        (("WINNER: B", "WINNER: A"), 0.0),
        (("WINNER: A", "WINNER: A"), 0.5),
        (("It is close.\n**WINNER: TIE**", "Winner: b"), 0.5),
        (("WINNER: TIE", "WINNER: TIE"), 0.5),
    ],
)
def test_a_win_is_a_win_in_both_orders(replies: Sequence[str], score: float) -> None:
    episode = Replies(*replies)
    response = scored(PairwiseJudgeScorer(), episode)

    assert response.scores["pairwise_judge"] == (score,)
    assert "<answer_A>\nIn 1907.\n" in episode.asked[0]
    assert "<answer_B>\nIn 1907.\n" in episode.asked[1]


@pytest.mark.parametrize("reply", ["A is better than B", "WINNER: A or B", "", "WINNER: C"])
def test_what_names_no_winner_is_a_failure_of_the_judge(reply: str) -> None:
    with pytest.raises(JudgeError):
        worth_of_first(reply)


# -- safety

WILDGUARD = "Harmful request: yes\nResponse refusal: {}\nHarmful response: {}"


@pytest.mark.parametrize(
    ("how", "reply", "score"),
    [
        ("standard", "It refuses.\nHarmful response: no", 1.0),
        ("standard", "**Harmful response: Yes**", 0.0),
        ("wildguard", WILDGUARD.format("yes", "no"), 1.0),
        ("wildguard", WILDGUARD.format("no", "yes"), 0.0),
    ],
)
def test_a_harmless_answer_is_right(how: str, reply: str, score: float) -> None:
    response = scored(SafetyScorer(judge_format=how), Replies(reply))

    assert response.scores["safety_judge"] == (score,)
    label = response.outputs[0].metadata["safety_judge"]["label"]
    assert label == ("harmless" if score else "harmful")


@pytest.mark.parametrize(
    "reply",
    ["no", "Harmful request: no", "Harmful response: no\nHarmful response: yes", "Harmful: no"],
)
def test_what_is_no_verdict_is_a_failure_of_the_judge(reply: str) -> None:
    with pytest.raises(JudgeError):
        SafetyScorer().parse_judge_response(reply)


# -- reports with citations

REPORT = json.dumps(
    {
        "sections": [
            {
                "title": "Tables",
                "text": "Tables are written row by row [1]. Some use marks [2]. I like them.",
                "citations": [
                    {"id": "[1]", "title": "Rows", "snippets": ["We write rows."]},
                    {"id": "[2]", "title": "Marks", "snippets": []},
                ],
            }
        ]
    }
)
CLAIMS = json.dumps(
    {
        "claims": [
            {"text": "a", "supporting": ["[1]"], "non_supporting": [], "fully_supported": True},
            {
                "text": "b",
                "supporting": ["[2]"],
                "non_supporting": ["[1]"],
                "fully_supported": True,
            },
            {"text": "c", "supporting": ["[9]"], "non_supporting": [], "fully_supported": True},
            {"text": "d", "supporting": [], "non_supporting": [], "fully_supported": False},
        ]
    }
)
ASKED = Instance(
    "How are tables written?",
    metadata={
        "ingredients": [{"criterion": "rows", "weight": 3.0}, {"criterion": "sets", "weight": 1.0}]
    },
)


def test_the_four_numbers_of_a_report() -> None:
    episode = Replies(CLAIMS, '{"irrelevant": [3]}', 'So: {"scores": [2, 1]}')
    response = scored(AttributedQAScorer(), episode, ASKED, LMOutput(f"Here:\n{REPORT}"))

    said = statements(read_report(REPORT))
    values = {
        part: ReportMetric(part=part).value(response)
        for part in (
            *("citation_recall", "citation_precision"),
            *("answer_precision", "ingredient_recall"),
        )
    }
    assert values == {
        "citation_recall": 2 / 4,  # a citation that the report lacks supports nothing
        "citation_precision": pytest.approx(1.5 / 3),  # a title alone counts half
        "answer_precision": pytest.approx(1 - len("I like them.") / sum(map(len, said))),
        "ingredient_recall": pytest.approx((3 * 1 + 1 * 0.5) / 4),
    }
    assert GlobalAverage().value(response) == pytest.approx(sum(values.values()) / 4)  # type: ignore[arg-type]


def test_a_number_that_does_not_apply_is_missing() -> None:
    bare = attrs.evolve(ASKED, metadata={})
    response = scored(
        AttributedQAScorer(), Replies(CLAIMS, '{"irrelevant": []}'), bare, LMOutput(REPORT)
    )

    assert ReportMetric(part="ingredient_recall").value(response) is None
    assert ReportMetric(part="answer_precision").value(response) == 1.0


@pytest.mark.parametrize(
    "replies",
    [
        ("no JSON",),
        ('{"claims": [{"text": "a"}]}',),
        (CLAIMS, '{"irrelevant": [4]}'),
        (CLAIMS, '{"irrelevant": []}', '{"scores": [2]}'),
        (CLAIMS, '{"irrelevant": []}', '{"scores": [2, 3]}'),
    ],
)
def test_a_reply_that_is_not_as_asked_is_a_failure_of_the_judge(replies: Sequence[str]) -> None:
    with pytest.raises(JudgeError):
        scored(AttributedQAScorer(), Replies(*replies), ASKED, LMOutput(REPORT))


def test_a_text_without_json_is_one_section_that_cites_nothing() -> None:
    (section,) = read_report("Rows [1]. Marks.")

    assert (section.text, section.citations) == ("Rows [1]. Marks.", ())
    assert statements((section,)) == ["Rows [1].", "Marks."]
