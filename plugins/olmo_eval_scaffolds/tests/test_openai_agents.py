"""The OpenAI Agents SDK, for real, over our providers."""

from __future__ import annotations

import sys
import time
from typing import Any

import anyio
import pytest

from olmo_eval.common.types import (
    LMOutput,
    LMRequest,
    RequestType,
    SamplingParams,
    ToolResultEvent,
)
from olmo_eval.errors import MissingDependencyError
from olmo_eval.harness import Harness, HarnessConfig, ProviderConfig, tool
from olmo_eval.plugins import fresh_manager
from olmo_eval.providers.mock import MockProvider
from olmo_eval.testing.scaffold import scaffold_contract
from olmo_eval_scaffolds.openai_agents import OpenAIAgentsScaffold

pytestmark = pytest.mark.engine

agents = pytest.importorskip("agents", reason="needs olmo-eval-scaffolds[agents]")

#: what few-shot examples of tasks with tools look like, with a call that nothing answers
SHOWN = (
    {"role": "system", "content": "Use tools."},
    {"role": "user", "content": [{"type": "text", "text": "1+1?"}], "name": "ann"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "add", "arguments": "{}"}}
        ],
    },
    {"role": "user", "content": "6*7?"},
)


class Recorder(MockProvider):
    """The mock, remembering what it was asked."""

    def __init__(self, replies: list[Any]) -> None:
        super().__init__(ProviderConfig(kind="mock", kwargs={"replies": replies}))
        self.asked: list[LMRequest] = []

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        self.asked.append(request)
        return await super().generate(request, params)


@tool
async def wait(seconds: float, name: str = "") -> str:
    """Wait."""
    await anyio.sleep(seconds)
    return name


def calls(*arguments: Any) -> dict[str, Any]:
    return {"text": "Wait.", "tool_calls": [{"name": "wait", "arguments": a} for a in arguments]}


def run(replies: list[Any], **settings: Any) -> tuple[LMOutput, list[LMRequest]]:
    async def main() -> tuple[LMOutput, list[LMRequest]]:
        provider = Recorder(replies)
        config = HarnessConfig(scaffold="openai_agents", tools=(wait,), **settings)
        request = LMRequest(RequestType.CHAT, messages=SHOWN)
        async with Harness(config, provider=provider) as harness:
            (output,) = await harness.execute(request, SamplingParams())
        return output, provider.asked

    with fresh_manager(["olmo_eval.builtins", "olmo_eval_scaffolds.plugin"]):
        return anyio.run(main)


def results(output: LMOutput) -> list[str]:
    assert output.trajectory is not None
    events = output.trajectory.events
    return [e.result.content for e in events if isinstance(e, ToolResultEvent)]


test_contract = scaffold_contract(OpenAIAgentsScaffold)


def test_the_messages_of_a_task_are_left_as_they_are() -> None:
    output, asked = run([calls({"seconds": 0, "name": "x"}), "done"])
    assert output.text == "done"
    assert [request.messages[:4] for request in asked] == [SHOWN, SHOWN]
    said, heard = asked[1].messages[4:]
    assert said["content"] == "Wait." and heard == {
        "role": "tool",
        "tool_call_id": said["tool_calls"][0]["id"],
        "content": "x",
    }


def test_calls_of_one_turn_run_one_after_another() -> None:
    slow, quick = {"seconds": 0.3, "name": "slow"}, {"seconds": 0, "name": "quick"}
    output, asked = run([calls(slow, quick), "done"])
    assert results(output) == ["slow", "quick"]
    assert [m["content"] for m in asked[1].messages if m["role"] == "tool"] == ["slow", "quick"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [("{'seconds'", "not valid JSON"), ("[1]", "must be a JSON object"), ({}, "lacks seconds")],
)
def test_wrong_arguments_are_answered(arguments: Any, told: str) -> None:
    output, asked = run([calls(arguments), "sorry"])
    assert output.text == "sorry"
    (content,) = results(output)
    assert told in content and asked[1].messages[-1]["content"] == content


def test_a_tool_has_to_be_called_on_the_first_turn_only() -> None:
    _, asked = run([calls({"seconds": 0}), "done"], tool_choice="required")
    assert [request.tool_choice for request in asked] == ["required", "auto"]


def test_a_tool_that_hangs_is_ended_with_the_episode() -> None:
    began = time.monotonic()
    output, _ = run([calls({"seconds": 60})], timeout=0.5)
    assert time.monotonic() - began < 20
    assert (output.finish_reason, output.text) == ("timeout", "Wait.")


def test_an_empty_answer_is_an_answer() -> None:
    output, asked = run([""])
    assert (output.text, len(asked)) == ("", 1)


def test_nothing_is_traced() -> None:
    seen: list[str] = []

    class Listener(agents.TracingProcessor):  # type: ignore[misc, name-defined]
        def on_trace_start(self, trace: Any) -> None:
            seen.append("trace")

        def on_span_start(self, span: Any) -> None:
            seen.append("span")

        on_trace_end = on_span_end = lambda *_: None
        shutdown = force_flush = lambda *_: None

    agents.set_trace_processors([Listener()])
    try:
        run([calls({"seconds": 0}), "done"])
        assert seen == []
        with agents.trace("one of another user of the SDK in this process"):
            run(["done"])
        assert seen == ["trace"]
    finally:
        agents.set_trace_processors([])


def test_without_the_sdk_a_run_is_refused_with_the_way_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "agents", None)
    with pytest.raises(MissingDependencyError, match="'agents' is not installed") as caught:
        OpenAIAgentsScaffold()
    assert caught.value.hint == "pip install 'olmo-eval-scaffolds[agents]'"
