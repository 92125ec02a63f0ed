"""What lm_eval's results become, without lm_eval."""

from __future__ import annotations

import importlib
import math
import sys
from typing import Any

import pytest

from olmo_eval.errors import UsageError
from olmo_eval_external.framework import Reported
from olmo_eval_external.lm_eval import LMEval, result_of
from olmo_eval_external.program import INSIDE

sys.path.insert(0, str(INSIDE))
inside = importlib.import_module("run_lm_eval")

NO_DIRECTIONS = {"higher_is_better": "", "lower_is_better": ""}


def metric(task: str, name: str, value: float, higher: bool | None = True) -> dict[str, Any]:
    return {"event": "metric", "task": task, "name": name, "value": value, "higher": higher}


def sample(task: str, number: int, **scores: float) -> dict[str, Any]:
    told = {"id": f"{task}-{number}", "doc_id": number, "question": "?", "answer": "a", "gold": "a"}
    return {"event": "sample", "task": task, "leaf": task, **told, "scores": scores}


def names(result: Any) -> list[str]:
    return [key.name for key in result.metrics]


def test_one_task_reports_its_metrics_by_their_names() -> None:
    found = Reported(
        [metric("arc", "acc", 0.5), metric("arc", "acc_norm", 1.0)],
        [sample("arc", 0, acc=1.0, acc_norm=1.0), sample("arc", 1, acc=0.0, acc_norm=1.0)],
    )

    result = result_of(found, NO_DIRECTIONS)

    assert names(result) == ["acc", "acc_norm"]
    assert [(one.id, one.score, one.scores) for one in result.instances] == [
        ("arc-0", 1.0, {"acc_norm": 1.0}),
        ("arc-1", 0.0, {"acc_norm": 1.0}),
    ]


def test_several_tasks_are_stood_for_by_the_mean_of_their_first_metrics() -> None:
    found = Reported(
        [metric("arc", "acc", 0.5), metric("sums", "exact_match", 1.0)],
        [sample("arc", 0, acc=0.5), sample("sums", 0, exact_match=1.0)],
    )

    result = result_of(found, NO_DIRECTIONS)

    assert names(result) == ["mean", "arc/acc", "sums/exact_match"]
    assert next(iter(result.metrics.values())) == 0.75
    assert [(one.id, one.score, one.scores) for one in result.instances] == [
        ("arc/arc-0", 0.5, {"arc/acc": 0.5}),
        ("sums/sums-0", 1.0, {"sums/exact_match": 1.0}),
    ]


def test_tasks_of_opposite_directions_have_no_mean() -> None:
    found = Reported([metric("arc", "acc", 0.5), metric("wiki", "word_perplexity", 9.0, False)])

    with pytest.raises(UsageError, match="have no mean"):
        result_of(found, NO_DIRECTIONS)


def test_a_metric_without_a_direction_is_left_out_and_named() -> None:
    found, said = Reported([metric("x", "acc", 0.5), metric("x", "odd", 2.0, None)]), []

    result = result_of(found, NO_DIRECTIONS, said.append)
    told = result_of(found, {**NO_DIRECTIONS, "lower_is_better": "odd"}, said.append)

    assert names(result) == ["acc"]
    assert "odd (-a higher_is_better=odd, or -a lower_is_better=odd)" in said[0]
    assert [(key.name, key.higher_is_better) for key in told.metrics] == [
        ("acc", True),
        ("odd", False),
    ]


def test_the_part_is_the_tasks_that_are_named() -> None:
    assert LMEval.part({"tasks": "arc_easy, tasks/mine.yaml"}) == "arc_easy,mine"


# -- inside


def test_filters_are_joined_to_one_document() -> None:
    def logged(filter_: str, value: float) -> dict[str, Any]:
        return {
            "doc_id": 3, "doc_hash": "abc", "filter": filter_, "metrics": ["exact_match"],
            "exact_match": value, "arguments": [("Q: 1 + 1", {})], "filtered_resps": ["2"],
            "target": 2,
        }  # fmt: skip

    (row,) = inside.joined("t", [logged("none", 0.0), logged("strict", 1.0)])

    assert row["scores"] == {"exact_match": 0.0, "exact_match (strict)": 1.0}
    assert (row["question"], row["answer"], row["gold"]) == ("Q: 1 + 1", "2", "2")


def test_documents_that_are_copies_have_ids_of_their_own() -> None:
    logged = {
        "doc_hash": "abc", "filter": "none", "metrics": ["acc"], "acc": 1.0, "target": 0,
        "arguments": [("Q", " a"), ("Q", " b")], "filtered_resps": [(-2.0, False), (-1.0, True)],
    }  # fmt: skip

    rows = list(inside.joined("t", [{**logged, "doc_id": n} for n in range(2)]))

    assert [row["id"] for row in rows] == ["abc", "abc-1"]
    assert rows[0]["answer"] == " b"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("acc", True, 1.0),
        ("f1", 0.25, 0.25),
        ("word_perplexity", (-6.0, 3), math.exp(2.0)),
        ("bits_per_byte", (-6.0, 3), 2.0 / math.log(2)),
        ("brier_score", (1, [0.5, 0.5]), None),
        ("something", "text", None),
    ],
)
def test_a_document_has_a_value_where_it_is_one_by_itself(
    name: str, value: Any, expected: float | None
) -> None:
    assert inside.per_document(name, value) == pytest.approx(expected)


def test_a_group_without_metrics_is_shown_as_its_members() -> None:
    values = {"all": {"alias": "all"}, "a": {"acc,none": 1.0}, "b": {"acc,none": 0.5}}
    groups = {"all": ["a", "b"], "a": [], "b": []}

    assert inside.shown(values, groups) == ["a", "b"]
    assert inside.shown({**values, "all": {"acc,none": 0.75}}, groups) == ["all"]
    assert list(inside.leaves("all", groups)) == ["a", "b"]


def test_settings_of_generation_that_cannot_be_honoured_are_refused() -> None:
    body = inside.sampling({"until": "\n", "do_sample": False, "temperature": 0.7})

    assert body == {"temperature": 0.0, "max_tokens": 256, "stop": ["\n"]}
    with pytest.raises(Exception, match="num_beams"):
        inside.sampling({"num_beams": 4})


def test_a_task_that_lm_eval_does_not_know_is_named() -> None:
    class Manager:
        def match_tasks(self, wanted: list[str]) -> list[str]:
            return [name for name in ("arc_easy", "arc_challenge") if wanted[0] in (name, "arc_*")]

    assert inside.tasks_of(["arc_*"], Manager()) == ["arc_easy", "arc_challenge"]
    with pytest.raises(Exception, match="knows no task 'arc_eazy'"):
        inside.tasks_of(["arc_eazy"], Manager())
