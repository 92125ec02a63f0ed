"""Tool calls in the text of open models."""

from __future__ import annotations

import json

import pytest

from olmo_eval_providers.tool_calls import tool_calls_in

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


@pytest.mark.parametrize("text", ["4", "{}", '{"name": "x"}', "<tool_call>oops</tool_call>"])
def test_anything_else_stays_text(text):
    assert tool_calls_in(text) == (text, ())
