"""BFCL: the right functions with accepted arguments."""

from __future__ import annotations

import json
from typing import Any

import pytest

from olmo_eval.common.types import Instance, LMOutput, ToolCall
from olmo_eval.errors import MissingDependencyError
from olmo_eval.evals.tasks.common import build_task
from olmo_eval_tasks.benchmarks import bfcl
from olmo_eval_tasks.benchmarks.bfcl import right_calls, written_calls
from olmo_eval_tasks.scorers.function_calls import (
    FunctionCallsScorer,
    calls_match,
    flat,
    value_matches,
)
from olmo_eval_tasks.subjects import BFCL_CATEGORIES

INTEGER, FLOAT, STRING = {"type": "integer"}, {"type": "float"}, {"type": "string"}
INTEGERS = {"type": "array", "items": INTEGER}
DICTS = {"type": "array", "items": {"type": "dict"}}


@pytest.mark.parametrize(
    ("described", "value", "accepted", "right"),
    [
        (INTEGER, 3, [3], True),
        (INTEGER, 3.0, [3], False),
        (INTEGER, "3", [3], False),
        (INTEGER, True, [1], False),
        (INTEGER, "x", ["x", "y"], True),  # a variable
        (FLOAT, 3, [3.0], True),
        ({"type": "boolean"}, True, [True], True),
        ({"type": "boolean"}, 1, [True], False),
        (STRING, "New-York, NY.", ["new york ny"], True),
        (STRING, "it's", ['it"s'], True),
        (STRING, "", ["x", ""], True),
        (STRING, "Boston", ["New York"], False),
        (INTEGERS, [1, 2], [[1, 2], [2, 1]], True),
        (INTEGERS, [1, 2.0], [[1, 2]], False),
        (INTEGERS, [1], [[1, 2]], False),
        ({"type": "tuple", "items": STRING}, ["a b"], [["A-B"]], True),
        ({"type": "dict"}, {"a": 1}, [{"a": [1], "b": [2, ""]}], True),
        ({"type": "dict"}, {"a": 1}, [{"a": [1], "b": [2]}], False),
        ({"type": "dict"}, {"a": 1, "c": 1}, [{"a": [1]}], False),
        (DICTS, [{"a": "X"}, {"b": 2}], [[{"a": ["x"]}, {"b": [2]}]], True),
        (DICTS, [{"b": 2}, {"a": "X"}], [[{"a": ["x"]}, {"b": [2]}]], False),
    ],
)
def test_values_are_held_against_those_accepted(
    described: dict[str, Any], value: Any, accepted: list[Any], right: bool
) -> None:
    assert value_matches(described, value, accepted) is right


def function(name: str, required: list[str]) -> dict[str, Any]:
    properties = {"a": INTEGER, "b": INTEGER}
    return {"name": name, "parameters": {"properties": properties, "required": required}}


FUNCTIONS = {"m_f": function("m.f", ["a"]), "g": function("g", [])}


@pytest.mark.parametrize(
    ("calls", "right"),
    [
        ([("m.f", {"a": 1}), ("g", {"b": 2})], True),
        ([("g", {"b": 2}), ("m_f", {"a": 1})], True),
        ([("m_f", {"a": 1, "b": 5}), ("g", {"b": 2})], True),
        ([("m_f", {"a": 1, "b": 6}), ("g", {"b": 2})], False),
        ([("m_f", {"a": 1})], False),
        ([("m_f", {"a": 1}), ("g", {"b": 2}), ("g", {"b": 2})], False),
        ([("m_f", {"a": 1}), ("g", {})], False),
        ([("m_f", {"a": 1}), ("g", {"b": 2, "c": 3})], False),
        ([("m_f", {"a": 1}), ("g", None)], False),
        ([("f", {"a": 1}), ("g", {"b": 2})], False),
    ],
)
def test_calls_are_those_expected_in_any_order(calls: list[Any], right: bool) -> None:
    answers = [{"m.f": {"a": [1], "b": [5, ""]}}, {"g": {"b": [2]}}]

    assert calls_match(FUNCTIONS, calls, answers) is right


def test_a_call_that_fits_two_answers_leaves_the_right_one_free() -> None:
    answers = [{"g": {"a": [1, 2]}}, {"g": {"a": [1]}}]

    assert calls_match(FUNCTIONS, [("g", {"a": 1}), ("g", {"a": 2})], answers)


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("[f(a=1, b='x')]", [("f", {"a": 1, "b": "x"})]),
        ("f(a=(1, 2)), m.g(b={'c': True})", [("f", {"a": [1, 2]}), ("m.g", {"b": {"c": True}})]),
        ("```python\n[f(a=-1.5, b=name)]\n```", [("f", {"a": -1.5, "b": "name"})]),
        ("[f()]", [("f", {})]),
        ("[]", []),
        ("[f(1)]", []),
        ("I would call f(a=1).", []),
        ("", []),
    ],
)
def test_calls_written_as_text_are_read(text: str, calls: list[Any]) -> None:
    assert written_calls(text) == calls


def test_functions_are_offered_in_json_schema(invented_mirror: Any, first: Any) -> None:
    task, instance = first("bfcl_multiple")

    request = task.request_for(instance)

    assert [tool.name for tool in request.tools] == ["weather_today", "area_of_square"]
    parameters = request.tools[1].parameters
    assert parameters["type"] == "object"
    assert parameters["properties"]["side"]["type"] == "number"
    assert (
        not build_task("bfcl_multiple:prompt")
        .request_for(next(iter(build_task("bfcl_multiple:prompt").instances)))
        .tools
    )


@pytest.mark.parametrize("category", BFCL_CATEGORIES)
@pytest.mark.parametrize("variant", ["", ":prompt"])
def test_right_calls_score_1_and_others_0(
    category: str, variant: str, invented_mirror: Any
) -> None:
    task = build_task(f"bfcl_{category}{variant}")
    scorer = FunctionCallsScorer()

    def scored(instance: Instance, *calls: tuple[str, dict[str, Any]], text: str = "") -> float:
        made = (ToolCall(str(n), flat(f), json.dumps(a)) for n, (f, a) in enumerate(calls))
        return scorer.score(instance, task.extracted(LMOutput(text, tool_calls=tuple(made))))

    for instance in task.instances:
        silent = scored(instance, text="I cannot say.")
        wrong = scored(instance, ("weather.today", {"town": "Rome"}))
        if instance.gold_answer is None:
            assert (silent, wrong) == ((1.0, 0.0) if "irr" in category else (0.0, 1.0))
            continue
        assert (silent, wrong) == (0.0, 0.0)
        assert scored(instance, *reversed(right_calls(instance))) == 1.0
        assert scored(instance, text=task.oracle(instance) or "") == 1.0


def test_without_the_data_the_way_to_it_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("OLMO_EVAL_DATA_MIRROR", str(tmp_path))
    monkeypatch.setattr(bfcl, "_package_data", lambda: None)

    with pytest.raises(MissingDependencyError) as error:
        next(iter(build_task("bfcl_simple").instances))

    assert error.value.hint == bfcl.INSTALL


@pytest.mark.skipif(bfcl._package_data() is None, reason="needs the package bfcl-eval")
@pytest.mark.parametrize("category", BFCL_CATEGORIES)
def test_the_data_answers_score_what_they_can(
    category: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OLMO_EVAL_DATA_MIRROR", raising=False)
    task = build_task(f"bfcl_{category}")
    instances = list(task.instances)
    scorer = FunctionCallsScorer()

    answered = [(i, task.oracle(i)) for i in instances]
    scores = [scorer.score(i, task.extracted(LMOutput(t))) for i, t in answered if t]

    assert len(instances) == task.expected_instances
    assert not scores or sum(scores) / len(scores) == pytest.approx(task.oracle_ceiling)
