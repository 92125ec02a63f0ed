"""``olmo-eval judge calibrate``: a judge held against people, and against itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PACK = str(Path(__file__).parent.parent / "packs/opinions.py")

Calibrate = Callable[..., Any]


@pytest.fixture
def calibrate(bench: Any) -> Calibrate:
    def run(*arguments: str, judge: str = "opinion:first") -> Any:
        command = ("judge", "calibrate", "labels.jsonl", "--plugin", PACK, "--judge", judge)
        return bench.cli(*command, "--scorer", "llm_judge", "--draws", "100", *arguments)

    return run


def labels(*labels: Any, **more: Any) -> None:
    rows = [
        {"question": f"{i} + 1?", "gold": i + 1, "answer": str(i + 1), **more}
        | ({"labels": one} if isinstance(one, list) else {"label": one})
        for i, one in enumerate(labels)
    ]
    Path("labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_judge_is_held_against_people(calibrate: Calibrate) -> None:
    labels(*[True] * 6, *[False] * 4)
    found = calibrate("--json").json

    assert (found["n"], found["n_asked"], found["n_failed"], found["level"]) == (
        10, 10, 0, "nominal",
    )  # fmt: skip
    assert found["with_people"]["agreement"]["value"] == 0.6
    assert found["with_people"]["kappa"]["value"] == 0
    assert found["table"]["counts"] == [[0, 4, 0], [0, 6, 0]]
    assert found["with_itself"] is None and found["of_people"] is None
    assert found["used"] == {
        "calls": 10, "prompt_tokens": 200, "completion_tokens": 30, "cost_usd": pytest.approx(1),
    }  # fmt: skip


def test_it_is_printed_for_people(calibrate: Calibrate) -> None:
    labels(True, False, True)
    told = calibrate("--repeats", "2")

    assert told.code == 0, told.err
    for line in ("each judged 2 times", "the judge with people", "the judge with itself",
                 "raw agreement", "Cohen's kappa", "Krippendorff's alpha, nominal",
                 "people \\ judge", "judge: 6 requests", "$0.6000"):  # fmt: skip
        assert line in told.out, line


def test_a_reply_that_cannot_be_read_is_compared_with_nothing(calibrate: Calibrate) -> None:
    labels(True, False)
    told = calibrate("-o", "auxiliary_providers.judge.kwargs.reply=perhaps", "--json")

    assert told.code == 1
    found = told.json
    assert (found["n_failed"], found["with_people"]["agreement"]["value"]) == (2, None)
    assert [row[-1] for row in found["table"]["counts"]] == [1, 1]
    assert "neither yes nor no" in next(iter(found["errors"]))


def test_judgements_are_kept_and_not_asked_for_again(calibrate: Calibrate) -> None:
    labels(*[True] * 6)
    Path("most").write_text("4")
    died = calibrate("--save", "kept.jsonl", "--json").json
    Path("most").unlink()
    assert (died["n_failed"], died["n_asked"]) == (2, 6)

    done = calibrate("--save", "kept.jsonl", "--json").json
    assert (done["n_failed"], done["used"]["calls"]) == (0, 2)
    assert calibrate("--save", "kept.jsonl", "--json").json["used"]["calls"] == 0
    other = calibrate("--save", "kept.jsonl", "--json", judge="opinion:second").json
    assert other["used"]["calls"] == 6


def test_a_judge_that_is_gone_is_given_up(calibrate: Calibrate) -> None:
    labels(*[True] * 60)
    Path("most").write_text("3")
    told = calibrate("-o", "auxiliary_providers.judge.max_concurrency=1")

    assert told.code == 1 and "20 in a row failed; the last one: " in told.err
    assert "20 of 23 judgements failed" in told.out


def test_it_ends_at_its_cost(calibrate: Calibrate) -> None:
    labels(*[True] * 30)
    told = calibrate("--max-cost", "0.5", "-o", "auxiliary_providers.judge.max_concurrency=1")

    assert told.code == 2 and "more than --max-cost 0.5" in told.err
    assert "judge: 6 requests" in told.out


def test_several_people_are_held_against_each_other(calibrate: Calibrate) -> None:
    labels([1, 1, 0], [1, 0, None], [0, 0, 0], [1, 1, None])
    found = calibrate("--json").json

    assert (found["n"], found["n_undecided"]) == (4, 1)
    assert found["of_people"]["agreement"]["n"] == 4
    assert 0 < found["of_people"]["alpha_nominal"]["value"] < 1
    assert found["with_people"]["agreement"]["n"] == 3


def test_numbers_on_a_scale_are_ordered(calibrate: Calibrate) -> None:
    labels(0, 0.2, 0.9, 1)
    found = calibrate(
        *("--scorer", "rubric_judge", "-o", "scorer.rubric=Is it right?", "--json"),
        *("-o", "auxiliary_providers.judge.kwargs.reply=Score: 9"),
    ).json

    assert found["level"] == "ordinal" and found["scorer"]["rubric"] == "Is it right?"
    assert {"kappa_linear", "kappa_quadratic", "alpha_ordinal"} <= set(found["with_people"])
    assert found["table"]["people"] == ["0", "0.2", "0.9", "1"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no labelled answer"),
        ("{", "line 1: "),
        ("[]", "line 1: expected an object"),
        ('\n{"question": "q", "answer": "a"}', "line 2: expected either 'label' or 'labels'"),
        ('{"question": "q", "label": 1}', "line 1: 'answer' is missing or no text"),
        ('{"question": "q", "answer": "a", "label": {}}', "line 1: a label is a text"),
        ('{"question": "q", "answer": "a", "label": NaN}', "line 1: a label is a text"),
        ('{"question": "q", "answer": "a", "label": null}', "line 1: it has no label"),
        ('{"question": "q", "answer": "a", "labels": []}', "line 1: it has no label"),
        ('{"question": "q", "answer": "a", "gold": {}, "label": 1}', "line 1: 'gold' is neither"),
        ('{"question": "q", "answer": "a", "label": 7}', "line 1: the label 7 is not on the scale"),
        (
            '{"question": "q", "answer": "a", "label": 1}\n'
            '{"question": "p", "answer": "a", "label": "good"}',
            "line 2: labels are texts here and numbers elsewhere",
        ),
        (
            '{"id": 1, "question": "q", "answer": "a", "label": 1}\n'
            '{"id": 1, "question": "p", "answer": "a", "label": 1}',
            "line 2: id '1' stands in line 1 too",
        ),
    ],
)
def test_a_file_that_is_not_as_it_should_be_is_refused_by_line(
    calibrate: Calibrate, text: str, said: str
) -> None:
    Path("labels.jsonl").write_text(text)
    told = calibrate()

    assert told.code == 1 and said in told.err
    assert not Path("judged.log").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--scorer", "exact_match"), "asks no judge"),
        (("-o", "scorer.nothing=1"), "nothing"),
        (("--order", "bad,good"), "--order names labels"),
    ],
)
def test_what_cannot_be_is_refused(
    calibrate: Calibrate, arguments: tuple[str, ...], said: str
) -> None:
    labels(True, False)
    told = calibrate(*arguments)

    assert told.code == 2 and said in told.err


def test_a_judge_has_to_be_named(bench: Any) -> None:
    labels(True)
    told = bench.cli("judge", "calibrate", "labels.jsonl", "--scorer", "llm_judge")
    assert told.code == 2 and "add --judge MODEL" in told.err


def test_texts_need_a_judge_that_gives_labels(calibrate: Calibrate) -> None:
    labels("right", "wrong")
    told = calibrate()
    assert told.code == 2 and "the judge gives scores and no labels" in told.err


def test_judges_and_the_scorers_that_ask_them_are_listed(bench: Any) -> None:
    rows = bench.cli("judge", "list", "--json").json
    assert {"judge", "llm_judge", "rubric_judge"} <= {r["name"] for r in rows if r["needs"]}
    assert not any(row["name"] == "exact_match" for row in rows)
