"""What may be wrong with a run though its score looks like any other: each measure by itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from olmo_eval.cli.instances import MEASURES as OFFERED
from olmo_eval.results.health import (
    NAMES,
    Tally,
    TaskHealth,
    divergence,
    health_of,
)

KEY = "accuracy:exact_match"


def text(i: int = 0, written: str | None = None, **more: Any) -> dict[str, Any]:
    """A row of a generated answer, each different from the others."""
    output = {"text": f"answer {i}" if written is None else written, "answer": None}
    return {
        "question": f"question {i}", "gold": f"gold {i}", "outcome": "scored", "error": None,
        "request": {"type": "completion", "prompt": f"Q: question {i}"}, "request_hash": f"h{i}",
        "outputs": [output], "values": {KEY: 1.0}, "completion_tokens": 20, "latency": 0.1,
        "reused": False, **more,
    }  # fmt: skip


def choice(i: int = 0, strengths: tuple[float | None, ...] = (), **more: Any) -> dict[str, Any]:
    """A row of scored choices; the likeliest changes from row to row."""
    k = 4
    strengths = strengths or tuple(-1.0 if c == i % k else -2.0 - c for c in range(k))
    request = {
        "type": "loglikelihood", "prompt": f"Q: question {i}", "contexts": None,
        "continuations": [f" {c}" for c in range(len(strengths))],
    }  # fmt: skip
    outputs = [{"text": None, "sum_logprob": s, "metadata": None} for s in strengths]
    return text(i, request=request, outputs=outputs, completion_tokens=None, **more)


def health(*rows: dict[str, Any], **settings: Any) -> TaskHealth:
    tally = Tally(KEY, **settings)
    for row in rows:
        tally.see(row)
    return tally.health()


def fine(n: int, make: Any = text) -> list[dict[str, Any]]:
    return [make(i) for i in range(n)]


@pytest.mark.parametrize("make", [text, choice])
def test_of_what_is_well_nothing_is_said(make: Any) -> None:
    found = health(*fine(100, make))

    assert found.unusual == ()
    assert {n for n, count in found.counts.items() if count} <= {"identical"}
    assert (found.instances, found.answered) == (100, 100)


def test_no_instances_are_no_trouble() -> None:
    assert health() == TaskHealth(0, 0, dict.fromkeys(NAMES, 0))


SEVERAL = [
    ("empty", {"outputs": [{"text": " \n", "answer": None}]}, 5),
    ("cut", {"outcome": "truncated"}, 10),
    ("refused", {"outcome": "refused", "outputs": [], "values": {KEY: None}}, 1),
    ("extraction_failed", {"outcome": "extraction_failed"}, 10),
    ("prompt_cut", {"outputs": [{"text": "b", "metadata": '{"truncated_prompt_tokens": 3}'}]}, 1),
    ("slow", {"latency": 1.5}, 1),
]


@pytest.mark.parametrize(("name", "bad", "percent"), SEVERAL, ids=[name for name, _, _ in SEVERAL])
def test_a_share_is_unusual_above_its_threshold(name: str, bad: Any, percent: int) -> None:
    def with_bad(n: int) -> TaskHealth:
        return health(*(text(1000 + i, **bad) for i in range(n)), *fine(200 - n))

    at, above = with_bad(2 * percent), with_bad(2 * percent + 2)

    assert at.counts[name] == 2 * percent
    assert name not in at.unusual
    assert above.unusual == (name,)


def test_one_of_few_is_not_yet_unusual() -> None:
    assert health(text(0, outcome="truncated"), *fine(3)).unusual == ()


def test_one_that_is_not_finite_is_enough() -> None:
    lost = text(0, outcome="scorer_failed", error="not finite: NaN", outputs=[], values={KEY: None})
    found = health(lost, *fine(999))

    assert found.unusual == ("non_finite",)
    assert found.counts["missing"] == 0
    assert not found.diverged


def test_one_without_a_score_is_enough() -> None:
    found = health(text(0, outcome="infra_failed", outputs=[], values={KEY: None}), *fine(999))

    assert found.unusual == ("missing",)
    assert (found.instances, found.answered) == (1000, 999)


def test_an_answer_that_is_meant_to_be_short_is_not_cut() -> None:
    letters = [text(i, outcome="truncated", completion_tokens=1) for i in range(100)]

    assert "cut" not in health(*letters).unusual


def test_a_tool_call_without_words_is_no_empty_answer() -> None:
    calls = [{"text": "", "answer": None, "tool_calls": "[...]"}]

    assert health(*(text(i, outputs=calls) for i in range(50))).counts["empty"] == 0


# -- identical answers


def alike(same: int, n: int, golds: int | None = None) -> tuple[str, ...]:
    """What is unusual where ``same`` of ``n`` answers are one, and ``golds`` gold ones differ."""
    rows = [text(i, "the one" if i < same else None) for i in range(n)]
    for i, row in enumerate(rows):
        row["gold"] = str(i % golds) if golds else f"gold {i}"
    return health(*rows).unusual


def test_half_of_the_answers_to_open_questions_are_rarely_the_same() -> None:
    assert alike(50, 100) == ()
    assert alike(52, 100) == ("identical",)


def test_where_few_answers_are_possible_only_always_the_same_is_unusual() -> None:
    assert alike(90, 100, golds=4) == ()
    assert alike(94, 100, golds=4) == ("identical",)


def test_the_same_answer_to_a_few_questions_says_nothing() -> None:
    assert alike(19, 19) == ()


def test_golds_that_are_all_the_same_expect_it() -> None:
    assert alike(100, 100, golds=1) == ()


def test_the_extracted_answer_counts_and_empty_ones_do_not() -> None:
    rows = [text(i, f"because {i}, 7", values={KEY: 0.0}) for i in range(40)]
    for row in rows:
        row["outputs"][0]["answer"] = '"7"'
    empty = [text(i, "") for i in range(40)]

    assert "identical" in health(*rows).unusual
    assert health(*empty).unusual == ("empty",)


def test_the_same_place_among_the_choices_every_time() -> None:
    always_first = [choice(i, (-1.0, -2.0, -3.0, -4.0)) for i in range(100)]

    assert health(*always_first).unusual == ("identical",)
    assert health(*always_first[:80], *fine(100, choice)[:20]).unusual == ()


# -- prompts


def test_a_field_that_nothing_fills_makes_all_prompts_the_same() -> None:
    typed_wrong = {"type": "completion", "prompt": "Q: {qestion}"}
    rows = [text(i, request=typed_wrong, request_hash="one") for i in range(100)]

    assert health(*rows).unusual == ("identical_prompts",)


def test_choices_that_differ_do_not_hide_it() -> None:
    rows = fine(40, choice)
    for i, row in enumerate(rows):
        row["request"]["prompt"] = "Q: {qestion}"
        row["request"]["continuations"] = [f" {i} {c}" for c in range(4)]

    assert health(*rows).unusual == ("identical_prompts",)


def test_a_question_that_is_asked_twice_is_no_such_thing() -> None:
    assert health(*fine(20), *fine(20)).counts["identical_prompts"] == 0


def test_a_text_that_the_prompt_lost_shows_by_its_gold_answers() -> None:
    same = {"question": "What is it about?", "request_hash": "one"}

    assert "identical_prompts" in health(*(text(i, **same) for i in range(9))).unusual


def test_choices_without_a_prompt_are_told_apart_by_themselves() -> None:
    rows = fine(40, choice)
    for i, row in enumerate(rows):
        row["request"].update(prompt="", continuations=[f"{i} is.", f"{i} is not."])

    assert health(*rows).counts["identical_prompts"] == 0


def test_each_choice_with_a_context_of_its_own_counts_by_all_of_them() -> None:
    rows = fine(40, choice)
    for i, row in enumerate(rows):
        row["request"].update(prompt="", contexts=[f"{i} he", f"{i} she"])

    assert health(*rows).counts["identical_prompts"] == 0


# -- ties


def test_ties_at_the_top_count_and_others_do_not() -> None:
    tied = [choice(i, (-1.0, -1.0, -3.0)) for i in range(6)]
    below = [choice(i, (-1.0, -3.0, -3.0)) for i in range(6)]

    assert health(*tied, *fine(94, choice)).unusual == ("ties",)
    assert health(*tied[:5], *fine(95, choice)).unusual == ()
    assert health(*below).counts["ties"] == 0


def test_choices_without_their_question_are_not_among_those_that_tie() -> None:
    rows = [choice(i, (-1.0, -2.0, -1.0, -1.0)) for i in range(10)]

    assert health(*rows, unconditional=True).counts["ties"] == 0
    assert health(*rows).counts["ties"] == 10


# -- seconds


def test_what_takes_less_than_a_second_is_not_slow_and_what_was_reused_took_none() -> None:
    quick = [text(i, latency=0.9 if i % 3 == 0 else 0.001) for i in range(90)]
    reused = [text(i, latency=0.0, reused=True) for i in range(90)]

    assert health(*quick).counts["slow"] == 0
    assert health(*reused, *(text(i, latency=2.0) for i in range(90))).counts["slow"] == 0


# -- what is kept of it


def test_members_are_those_that_are_counted() -> None:
    tally = Tally(KEY)
    for row in (text(0), text(1, ""), text(2), text(3, "")):
        tally.see(row)

    assert tally.members("empty").tolist() == [False, True, False, True]
    assert tally.health().counts["empty"] == 2


def test_the_record_keeps_what_was_counted() -> None:
    found = health(text(0, ""), text(1, ""), *fine(18))
    kept = json.loads(json.dumps(found.to_dict()))

    assert kept == {
        "instances": 20, "answered": 20, "empty": 2, "unusual": ["empty"],
    }  # fmt: skip
    record = {"tasks": [{"name": "a", "health": kept}, {"name": "made before there was any"}]}
    assert health_of(record)["a"].to_dict() == kept
    assert divergence(record) == ""


def test_the_command_offers_every_measure() -> None:
    assert OFFERED == NAMES


# -- ties


def tied(choices: list[str], primary: str, *logprobs: float, tokens: int = 1) -> int:
    """How many ties one question has whose choices are ``choices``, by the metric ``primary``."""
    row = choice(0, logprobs, choices=choices)
    row["request"]["continuations"] = [f" {c}" for c in choices]
    for i, output in enumerate(row["outputs"]):
        output["num_tokens"] = tokens + i
    tally = Tally(primary)
    tally.see({**row, "values": {primary: 1.0}})
    return tally.health().counts["ties"]


def test_ties_are_counted_as_the_primary_metric_compares() -> None:
    assert tied(["a", "bbb"], "acc_raw:logprob", -2.0, -2.0) == 1
    assert tied(["a", "bbb"], "acc_per_char:logprob", -2.0, -2.0) == 0
    assert tied(["a", "bbb"], "acc_per_char:logprob", -2.0, -4.0) == 1
    assert tied(["a", "bbb"], "acc_per_token:logprob", -2.0, -4.0) == 1
    assert tied(["a", "bbb"], "acc_raw:logprob", -2.0, -4.0) == 0


def test_choices_with_the_same_text_are_no_tie() -> None:
    assert tied(["x", "x", "y"], "acc_raw:logprob", -1.0, -1.0, -2.0) == 0
    assert tied(["x", "x", "y"], "acc_raw:logprob", -1.0, -1.0, -1.0) == 1
