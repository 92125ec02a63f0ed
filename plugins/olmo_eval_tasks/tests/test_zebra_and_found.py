"""Grids of logic puzzles, and lists of papers."""

from __future__ import annotations

from typing import Any

import pytest

from olmo_eval.common.types import Instance, LMOutput, LMRequest, RequestType, Response
from olmo_eval.evals.tasks.common import Task, build_task
from olmo_eval_tasks.benchmarks.litsearch import last_list
from olmo_eval_tasks.scorers.found import FoundRate, GoldRecall, RecallAtK
from olmo_eval_tasks.scorers.zebra import ZebraGridScorer

pytestmark = pytest.mark.usefixtures("invented_mirror")


def measured(task: Task, instance: Instance, text: str) -> dict[str, float | None]:
    output = task.extracted(LMOutput(text))
    scores = {s.name: (s.score(instance, output),) for s in task.scorers()}
    request = LMRequest(RequestType.CHAT)
    response = Response("1", instance, request, (output,), scores)
    return {m.metric_name: m.value(response) for m in task.config.metrics}


WHOLE = '{"House 1": {"Name": "Arnold", "Pet": "cat"}, "House 2": {"Name": "Eric", "Pet": "dog"}}'


@pytest.mark.parametrize(
    ("text", "puzzle", "cells", "parsed"),
    [
        (f'Arnold is first.\n{{"reasoning": "x", "solution": {WHOLE}}}', 1.0, 1.0, 1.0),
        (WHOLE.replace("Arnold", " ARNOLD "), 1.0, 1.0, 1.0),
        (WHOLE.replace("dog", "cat"), 0.0, 0.75, 1.0),
        (WHOLE.replace("House 2", "House 3"), 0.0, 0.5, 1.0),
        (WHOLE.replace('"dog"', '"dog", "Car": "red"'), 1.0, 1.0, 1.0),
        ('{"solution": {"House 1": "Arnold"}}', 0.0, 0.0, 0.0),
        ("House 1: Arnold", 0.0, 0.0, 0.0),
        ("", 0.0, 0.0, 0.0),
    ],
)
def test_a_grid(text: str, puzzle: float, cells: float, parsed: float) -> None:
    task = build_task("zebralogic")
    instance = next(iter(task.instances))

    found = measured(task, instance, text)

    assert found == {"puzzle_accuracy": puzzle, "cell_accuracy": cells, "parsed": parsed}


def test_a_puzzle_without_its_solution_has_no_score() -> None:
    with pytest.raises(ValueError, match="no grid"):
        ZebraGridScorer().score(Instance("?"), LMOutput("", extracted_answer={}))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("I found [1] and [2].\nPapers: [101, 202]", [101, 202]),
        ("[3,1,2]", [3, 1, 2]),
        ("none", None),
        ("[]", None),
        ("[a, b]", None),
    ],
)
def test_the_last_list_of_numbers(text: str, numbers: list[int] | None) -> None:
    assert last_list(text) == numbers


@pytest.mark.parametrize(
    ("text", "found", "recall"),
    [
        ("[202, 7, 101]", 1.0, 1.0),
        ("[202, 202]", 1.0, 0.5),
        ("[7]", 0.0, 0.0),
        ("nothing", 0.0, 0.0),
    ],
)
def test_papers_that_are_found(text: str, found: float, recall: float) -> None:
    task = build_task("litsearch")

    measures = measured(task, next(iter(task.instances)), text)

    assert measures == {"found_rate": found, "gold_recall": recall}


def test_papers_early_in_a_ranking_count() -> None:
    instance = Instance("?", metadata={"all_answers": [1, 6]})
    output = LMOutput("", extracted_answer=[9, 8, 7, 1, 5, 6])
    scores: dict[str, Any] = {"gold_recall": (1.0,)}
    response = Response("1", instance, LMRequest(RequestType.CHAT), (output,), scores)

    assert [RecallAtK(k=k).value(response) for k in (3, 5, 20)] == [0.0, 0.5, 1.0]
    assert RecallAtK(k=5).metric_name == "recall@5"
    assert (FoundRate().value(response), GoldRecall().value(response)) == (1.0, 1.0)
