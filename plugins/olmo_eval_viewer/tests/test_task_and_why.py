"""The pages about one task, about where a number is from, and about a question in one run."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from olmo_eval.results.baseline import clear_baseline, set_baseline
from olmo_eval.results.why import why


def test_a_task_counts_what_no_run_and_what_every_run_solves(window: Any) -> None:
    shown = window.get("/task?task=sums&group=nightly&format=json").json
    values = [
        {row["instance_id"]: row["values"]["accuracy:exact_match"] for row in run.rows("sums")}
        for run in window.runs
    ]

    every = [[one[key] for one in values] for key in values[-1]]
    assert shown["counts"]["always"] == sum(all(v == 1 for v in row) for row in every)
    assert shown["counts"]["never"] == sum(all(v == 0 for v in row) for row in every)
    assert shown["counts"]["sometimes"] == sum({0, 1} <= set(row) for row in every)
    assert sum(shown["counts"].values()) == 120
    assert [run["step"] for run in shown["runs"]] == [100, 200, 400]
    first = shown["questions"][0]
    assert first["scores"] == [one[first["id"]] for one in values]
    known = [q["mean"] for q in shown["questions"]]
    assert known == sorted(known)


def test_a_task_divides_its_questions_by_metadata_and_filters_by_it(window: Any) -> None:
    address = "/task?task=sums&group=nightly&format=json"
    parts = window.get(f"{address}&by=level").json["parts"]

    assert {row["value"]: row["n"] for row in parts["rows"]} == {"easy": 80, "hard": 40}
    assert window.get(f"{address}&where=level:hard").json["total"] == 40
    assert window.get(f"{address}&solved=never").json["total"] == sum(
        row["counts"]["never"] for row in parts["rows"]
    )


def test_a_task_can_be_had_as_a_table_of_all_its_questions(window: Any) -> None:
    reply = window.get("/task?task=sums&group=nightly&format=csv")

    rows = list(csv.DictReader(io.StringIO(reply.text)))
    assert len(rows) == 120 and {run.run_id for run in window.runs} <= set(rows[0])


def test_one_run_leads_to_its_questions_one_by_one(window: Any) -> None:
    run = window.runs[1]
    shown = window.get(f"/task?task=sums&run={run.run_id}&format=json").json
    link = shown["questions"][0]["href"]

    page = window.get(link)
    alone = window.get(f"{link}&format=json").json

    assert page.status == 200 and "Word diff" not in page.text
    assert len(alone["sides"]) == 1 and alone["b"] is None
    assert alone["sides"][0]["run_id"] == run.run_id
    assert alone["back"].startswith("/task?run=")


def test_every_number_opens_its_walk(window: Any) -> None:
    run = window.runs[0]
    shown = window.get(f"/why?run={run.run_id}&task=sums&format=json").json
    found = why(run, "sums")

    assert shown["score"]["value"] == found.score.value and shown["same"] is True
    assert shown["instance"]["instance_id"] == found.instance["instance_id"]
    assert shown["data"] == found.to_dict()["data"]
    page = window.get(f"/why?run={run.run_id}&task=sums")
    assert "as recorded" in page.text
    for path in (window.pair(), "/", "/track", f"/task?task=sums&run={run.run_id}"):
        assert 'href="/why?' in window.get(path).text, path


def test_a_run_is_compared_with_the_baseline_that_is_asked_for(window: Any) -> None:
    first, second, last = (run.run_id for run in window.runs)
    address = f"/against?run={last}&how="

    reply = window.get(f"{address}previous")
    assert reply.headers["location"] == f"/compare?a={second}&b={last}"
    unset = window.get(f"{address}pinned")
    assert unset.status == 400 and "no baseline is set" in unset.text
    set_baseline(window.results, first)
    try:
        assert f"a={first}" in window.get(f"{address}pinned").headers["location"]
    finally:
        clear_baseline(window.results)
    runs = window.get("/?against=best&format=json").json["runs"]
    assert runs[0]["compare"]["href"] == f"/against?run={last}&how=best"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/task", 400),
        ("/task?task=nobody", 404),
        ("/task?task=sums&solved=x", 400),
        ("/task?task=sums&by=x", 404),
        ("/task?task=sums&score=x", 400),
        ("/why", 400),
        ("/why?run=nobody&task=sums", 404),
        ("/against?run=x&how=y", 404),
    ],
)
def test_what_is_asked_wrongly_is_said(window: Any, path: str, status: int) -> None:
    reply = window.get(path)

    assert reply.status == status and "Traceback" not in reply.text


@pytest.mark.parametrize("format_", ["html", "json", "text"])
def test_they_can_be_had_in_every_format(window: Any, format_: str) -> None:
    run = window.runs[0].run_id
    for path in (
        "/task?task=sums",
        f"/task?task=pick&run={run}",
        f"/why?run={run}&task=pick",
        f"/question?run={run}&task=pick&id=p3",
    ):
        reply = window.get(f"{path}&format={format_}")
        assert reply.status == 200, f"{path}: {reply.text}"
        assert len(reply.body) < 200_000
