"""Tool calls in the text of open models."""

from __future__ import annotations

import json

import pytest

from olmo_eval_providers.local.tool_calls import tool_calls_in

CALL = {"name": "add", "arguments": {"a": 1}}


def test_tagged_calls_are_taken_out_of_the_text():
    text, calls = tool_calls_in(f"Let me see. <tool_call>\n{json.dumps(CALL)}\n</tool_call>")
    assert text == "Let me see."
    assert [(c.name, json.loads(c.arguments)) for c in calls] == [("add", {"a": 1})]


def test_two_calls_have_two_ids():
    one = f"<tool_call>{json.dumps(CALL)}</tool_call>"
    _, calls = tool_calls_in(one + one)
    assert [c.id for c in calls] == ["call_0", "call_1"]


def test_a_bare_object_with_parameters_is_a_call():
    _, calls = tool_calls_in('{"name": "add", "parameters": {"a": 2}}')
    assert json.loads(calls[0].arguments) == {"a": 2}


def test_python_calls_between_tags():
    text = (
        'I look.\n<function_calls>\nfind(query="a\\nb", n=-3)\nadd(a=[1, {"x": null}], ok=true)\n'
    )
    rest, calls = tool_calls_in(text + "</function_calls>")
    assert rest == "I look."
    assert [(c.id, c.name, json.loads(c.arguments)) for c in calls] == [
        ("call_0", "find", {"query": "a\nb", "n": -3}),
        ("call_1", "add", {"a": [1, {"x": None}], "ok": True}),
    ]


@pytest.mark.parametrize(
    "inner",
    [
        "__import__('os').system('true')",
        "f(1)",
        "f(a=b)",
        "f(**{'a': 1})",
        "import os",
        "f(a={**b})",
        "f(a=b'x')",
        "f(a=" + "[" * 5000,
        "f(a=" + "-" * 100_000 + "1)",
        "\x00",
    ],
)
def test_python_that_is_no_plain_call_stays_text(inner):
    text = f"<function_calls>{inner}</function_calls>"
    assert tool_calls_in(text) == (text, ())


def test_a_call_that_never_ends_nesting_stays_text():
    text = "<tool_call>" + '{"name": "x", "arguments": ' + "[" * 200_000
    assert tool_calls_in(text) == (text, ())


@pytest.mark.parametrize("text", ["4", "{}", '{"name": "x"}', "<tool_call>oops</tool_call>"])
def test_anything_else_stays_text(text):
    assert tool_calls_in(text) == (text, ())
