"""What the pages show: the numbers of `olmo-eval compare`, and the questions behind them."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from olmo_eval import compare

PAGES = (
    "/",
    "/?model=mock&status=complete",
    "/track",
    "/track?group=nightly&task=sums",
    "/biographies?group=nightly&task=sums",
)


@pytest.mark.parametrize("format_", ["html", "json", "text"])
def test_every_page_can_be_had_in_every_format(window: Any, format_: str) -> None:
    runs = "&".join(f"run={run.run_id}" for run in window.runs)
    pages = [
        *PAGES,
        window.pair(),
        window.pair("/question", task="sums", id="s1"),
        f"/matrix?{runs}",
    ]
    for page in pages:
        reply = window.get(f"{page}{'&' if '?' in page else '?'}format={format_}")

        assert reply.status == 200, f"{page}: {reply.text}"
        assert len(reply.body) < 200_000
        if format_ == "json":
            assert isinstance(reply.json, dict)


def test_the_verdicts_are_those_of_compare(window: Any) -> None:
    found = compare(window.runs[0], window.runs[1], results=window.results)

    shown = window.get(window.pair(format="json")).json

    assert shown["verdict"] == found.kind
    for row, card in zip(found.rows, shown["tasks"] + shown["suites"], strict=True):
        verdict = card["verdict"]
        assert verdict.pop("headline") == row.verdict.headline()
        assert verdict == row.verdict.to_dict()
        assert (card["score_a"], card["score_b"]) == (row.score_a, row.score_b)
    assert shown["notes"] == list(found.notes)


@pytest.mark.parametrize("task", ["sums", "pick"])
def test_the_counters_are_the_verdicts_and_each_lists_its_questions(window: Any, task: str) -> None:
    shown = window.get(window.pair(task=task, format="json")).json
    verdict, counts = shown["task"]["verdict"], shown["counts"]

    assert counts["regressed"] == verdict["losses"]
    assert counts["improved"] == verdict["wins"]
    assert counts["both_right"] + counts["both_wrong"] == verdict["ties"]
    assert sum(counts.values()) == shown["total"] >= verdict["n"]
    assert counts["missing"] == shown["total"] - verdict["n"]
    for name, n in counts.items():
        listed = window.get(window.pair(task=task, show=name, format="json")).json
        assert listed["total"] == n
        assert {q["standing"] for q in listed["questions"]} <= {name}


def test_questions_that_differ_come_first_the_steadiest_at_the_top(window: Any) -> None:
    shown = window.get(window.pair(a=1, b=2, task="sums", format="json")).json["questions"]

    differs = [q["standing"] in ("regressed", "improved") for q in shown]
    assert any(differs) and differs == sorted(differs, reverse=True)
    steady = [q["steady_a"] + q["steady_b"] for q, flip in zip(shown, differs, strict=True) if flip]
    assert steady == sorted(steady, reverse=True)


def test_a_part_by_metadata_is_tested_and_one_chosen_by_its_results_is_not(window: Any) -> None:
    hard = window.get(window.pair(task="sums", where="level:hard", format="json")).json
    assert hard["total"] == 40
    assert hard["part"]["verdict"]["n"] <= 40
    assert hard["part"]["verdict"]["adjustment"] == "none"

    for chosen in ({"show": "regressed"}, {"q": "plus"}, {"tokens": "0-3"}):
        part = window.get(window.pair(task="sums", format="json", **chosen)).json["part"]
        assert part["verdict"] is None and part["why"]


def test_parts_are_adjusted_for_their_number(window: Any) -> None:
    shown = window.get(window.pair(task="sums", by="level", format="json")).json["slices"]

    assert shown["keys"] == ["level"]
    assert {row["value"]: row["n"] for row in shown["rows"]} == {"easy": 80, "hard": 40}
    assert all(row["verdict"]["family"] == 2 for row in shown["rows"])


def test_search_finds_text_and_regular_expressions(window: Any) -> None:
    def found(**asked: str) -> set[str]:
        page = window.get(window.pair(task="sums", format="json", **asked)).json
        return {q["id"] for q in page["questions"]}

    assert found(q="117 PLUS") == {"s117"}
    assert found(q=r"^11[0-2] plus", regex="1") == {"s110", "s111", "s112"}
    assert found(q="[", regex="") == set()
    refused = window.get(window.pair(task="sums", q="[", regex="1"))
    assert refused.status == 400 and "regular expression" in refused.text


@pytest.mark.parametrize("sort", ["evidence", "data", "gain", "slowest"])
def test_neighbours_follow_the_filters_and_their_order(window: Any, sort: str) -> None:
    asked = {"task": "sums", "show": "improved", "sort": sort, "format": "json"}
    address = window.pair(a=1, b=2, **asked)
    page = window.get(address).json
    listed = [q["id"] for q in page["questions"]]

    shown = window.get(window.pair("/question", 1, 2, id=listed[1], **asked)).json

    assert shown["place"]["number"] == 2 and shown["place"]["total"] == page["total"]
    assert f"id={listed[0]}" in shown["place"]["before"]
    assert f"id={listed[2]}" in shown["place"]["after"]
    assert "show=improved" in shown["place"]["after"]


def test_a_question_shows_both_answers_the_prompt_and_its_history(window: Any) -> None:
    row = next(iter(window.runs[1].rows("sums", ids=["s5"])))

    shown = window.get(window.pair("/question", task="sums", id="s5", format="json")).json

    assert shown["prompt"]["sent"][0][0]["text"] == row["request"]["prompt"]
    assert shown["sides"][1]["text"] == (row["outputs"] or [{"text": ""}])[0]["text"]
    assert shown["gold"] == "6"
    (strip,) = shown["history"]
    assert [cell["at"] for cell in strip["cells"]] == [100, 200, 400]
    assert [cell["side"] for cell in strip["cells"]] == ["A", "B", ""]


def test_a_choice_shows_the_log_probabilities_of_both(window: Any) -> None:
    shown = window.get(window.pair("/question", task="pick", id="p4", format="json")).json

    choices = shown["choices"]
    assert len(choices) == 3
    for side, of in (("a", window.runs[0]), ("b", window.runs[1])):
        outputs = next(iter(of.rows("pick", ids=["p4"])))["outputs"]
        assert [c[f"logprob_{side}"] for c in choices] == [o["sum_logprob"] for o in outputs]


def test_the_questions_can_be_had_as_csv_without_formulas(window: Any) -> None:
    reply = window.get(window.pair(task="sums", show="improved", format="csv"))

    rows = list(csv.DictReader(io.StringIO(reply.text)))
    assert (
        len(rows) == window.get(window.pair(task="sums", format="json")).json["counts"]["improved"]
    )
    assert {row["standing"] for row in rows} == {"improved"}
    assert reply.headers["content-disposition"].startswith("attachment")


def test_ticked_runs_are_compared_the_older_one_as_baseline(window: Any) -> None:
    first, second, third = (run.run_id for run in window.runs)

    two = window.get(f"/select?run={second}&run={first}")
    three = window.get(f"/select?run={third}&run={second}&run={first}")

    assert two.headers["location"] == f"/compare?a={first}&b={second}"
    assert three.headers["location"] == f"/matrix?run={first}&run={second}&run={third}"


def test_every_run_is_offered_the_checkpoint_before_it(window: Any) -> None:
    rows = window.get("/?format=json").json["runs"]

    offered = {row["step"]: (row["compare"] or {}).get("with") for row in rows}
    ids = [run.run_id for run in window.runs]
    assert offered == {100: None, 200: ids[0], 400: ids[1]}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/compare?a=nobody&b=nobody", 404),
        ("/compare", 400),
        ("/question?a=1", 400),
        ("/biographies?group=nobody", 404),
        ("/matrix", 400),
        ("/?page=0", 400),
        ("/?page=99999999999", 400),
        ("/?format=xml", 400),
        ("/static/../server.py", 404),
        ("/static/nothing.js", 404),
        ("/nothing", 404),
    ],
)
def test_what_is_not_there_is_said_without_a_traceback(window: Any, path: str, status: int) -> None:
    reply = window.get(path)

    assert reply.status == status
    assert "Traceback" not in reply.text


@pytest.mark.parametrize(
    "bad", [{"show": "x"}, {"sort": "x"}, {"tokens": "a-b"}, {"adjust": "x"}, {"by": "x"}]
)
def test_a_bad_filter_is_named(window: Any, bad: dict[str, str]) -> None:
    reply = window.get(window.pair(task="sums", format="json", **bad))

    assert reply.status in (400, 404)
    assert next(iter(bad)) in reply.json["error"] or "divided" in reply.json["error"]
