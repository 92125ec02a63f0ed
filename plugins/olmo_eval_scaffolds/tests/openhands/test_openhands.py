"""OpenHands' SDK, for real, over our providers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import anyio
import pytest

from olmo_eval.common.types import (
    Capability,
    LMOutput,
    LMRequest,
    NoteEvent,
    RequestType,
    SamplingParams,
    ToolCall,
    ToolResult,
    ToolResultEvent,
)
from olmo_eval.errors import UsageError
from olmo_eval.harness import Harness, HarnessConfig, ProviderConfig, tool
from olmo_eval.plugins import fresh_manager
from olmo_eval.testing.doubler import USAGE, Doubler
from olmo_eval.testing.scaffold import CHECKS, check_scaffold, scaffold_contract
from olmo_eval.testing.server import ScriptedServer
from olmo_eval_scaffolds.openhands.scaffold import OpenHandsScaffold

pytestmark = pytest.mark.engine


class Worker(Doubler):
    """A doubler that knows that it is always offered ``finish`` and ``think``."""

    def offered(self, request: LMRequest) -> bool:
        names = [tool.name for tool in request.tools]
        assert names[-2:] == ["finish", "think"]
        return len(names) > 2


class Writer(Doubler):
    """One that writes its calls as text."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.GENERATE, Capability.CHAT}
    )

    def offered(self, request: LMRequest) -> bool:
        assert not request.tools
        return "<function=double>" in request.chat_messages()[0]["content"] or (
            "double" in str(request.system_prompt)
        )

    def results(self, request: LMRequest) -> list[str]:
        told = [str(m["content"]) for m in request.messages if m["role"] == "user"]
        heard = [text for text in told if text.startswith("EXECUTION RESULT of ")]
        return [text.split("]:\n", 1)[1] for text in heard]

    def call(self, name: str, number: int) -> LMOutput:
        text = f"Let me see.\n<function={name}>\n<parameter=number>{number}</parameter>\n"
        return LMOutput(text, finish_reason="stop", usage=USAGE)


test_contract = scaffold_contract(OpenHandsScaffold, model=Worker)

#: in text it is not a result by which the SDK tells the model that there is no such tool
_TEXT = sorted({*CHECKS} - {"a_call_of_no_tool_is_answered"})


@pytest.mark.parametrize("check", _TEXT)
def test_contract_of_text(check: str) -> None:
    anyio.run(partial(check_scaffold, OpenHandsScaffold, check, model=Writer))


class Scripted(Worker):
    """Says what it is given, one after another."""

    def __init__(self, *said: LMOutput | str) -> None:
        super().__init__()
        self.said = [LMOutput(s, finish_reason="stop") if isinstance(s, str) else s for s in said]

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        self.asked.append((request, params))
        return [self.said[len(self.asked) - 1]]


class ScriptedWriter(Scripted):
    capabilities: ClassVar[frozenset[Capability]] = Writer.capabilities


def calling(name: str, arguments: Any, text: str = "Let me see.") -> LMOutput:
    written = arguments if isinstance(arguments, str) else json.dumps(arguments)
    call = ToolCall("call_0", name, written)
    return LMOutput(text, tool_calls=(call,), finish_reason="tool_calls", usage=USAGE)


@tool
async def wait(seconds: float, name: str = "") -> str:
    """Wait."""
    await anyio.sleep(seconds)
    return name


def run(model: Doubler, *, messages: Any = None, **settings: Any) -> LMOutput:
    async def main() -> LMOutput:
        config = HarnessConfig(scaffold="openhands", **{"tools": (wait,), **settings})
        asked = messages or ({"role": "user", "content": "Go."},)
        request = LMRequest(RequestType.CHAT, messages=asked, system_prompt="Be brief.")
        async with Harness(config, provider=model) as harness:
            return (await harness.execute(request, SamplingParams()))[0]

    with fresh_manager(["olmo_eval.builtins", "olmo_eval_scaffolds.plugin"]):
        return anyio.run(main)


def results(output: LMOutput) -> list[ToolResult]:
    assert output.trajectory is not None
    return [e.result for e in output.trajectory.events if isinstance(e, ToolResultEvent)]


def notes(output: LMOutput) -> list[str]:
    assert output.trajectory is not None
    return [e.text for e in output.trajectory.events if isinstance(e, NoteEvent)]


def test_the_message_with_which_the_agent_finishes_is_the_answer() -> None:
    output = run(Scripted(calling("finish", {"message": "It is 42."}, "Done.")))
    assert (output.text, output.finish_reason, output.tool_calls) == ("It is 42.", "stop", ())
    assert [(r.content, r.error) for r in results(output)] == [("It is 42.", False)]
    assert output.trajectory is not None and output.trajectory.stop_reason == "answer"


def test_a_finish_that_says_nothing_is_answered() -> None:
    model = Scripted(calling("finish", {}), calling("think", {"thought": "Hm."}), "42")
    output = run(model)
    failed, thought = results(output)
    assert failed.error and "message" in failed.content and not thought.error
    assert output.text == "42"
    assert model.asked[1][0].messages[-1]["content"] == failed.content


def test_the_prompts_are_the_sdks_and_the_tasks_come_after() -> None:
    model = Scripted("42")
    run(model)
    ((request, _),) = model.asked
    prompt = str(request.system_prompt)
    assert prompt.startswith("<SOUL>\nYou are OpenHands agent") and prompt.endswith("Be brief.")
    assert "security_risk" not in prompt
    run(model := Scripted("42"), scaffold_kwargs={"system_prompt": ""})
    assert model.asked[0][0].system_prompt == "Be brief."


def test_tools_are_told_with_their_own_schemas_and_ids() -> None:
    model = Scripted(calling("wait", {"seconds": 0, "name": "x"}), "done")
    assert run(model, tool_choice="required").text == "done"
    (first, _), (second, _) = model.asked
    assert first.tools[0] == wait.schema
    assert [first.tool_choice, second.tool_choice] == ["required", "auto"]
    question, said, heard = second.messages
    assert question == {"role": "user", "content": "Go."}
    assert (said["content"], said["tool_calls"][0]["id"]) == ("Let me see.", "call_0")
    assert json.loads(said["tool_calls"][0]["function"]["arguments"]) == {"seconds": 0, "name": "x"}
    assert (heard["role"], heard["tool_call_id"], heard["content"]) == ("tool", "call_0", "x")


@pytest.mark.parametrize(("arguments", "told"), [("{'s'", "not valid JSON"), ({}, "lacks seconds")])
def test_wrong_arguments_are_answered_as_under_every_scaffold(arguments: Any, told: str) -> None:
    model = Scripted(calling("wait", arguments), "sorry")
    output = run(model)
    (result,) = results(output)
    assert result.error and told in result.content
    assert model.asked[1][0].messages[-1]["content"] == result.content


def test_an_answer_without_words_is_asked_about() -> None:
    model = Scripted("", "42")
    output = run(model)
    assert output.text == "42"
    assert len(notes(output)) == 1 and "did not include a function call" in notes(output)[0]
    assert model.asked[1][0].messages[-1]["content"] == notes(output)[0]


def test_a_text_that_calls_no_known_tool_is_answered() -> None:
    wrong = "<function=treble>\n<parameter=number>21</parameter>\n</function>"
    model = ScriptedWriter(wrong, "It is 42.")
    output = run(model)
    assert output.text == "It is 42." and results(output) == []
    assert "treble" in notes(output)[0]
    assert notes(output)[0] in str(model.asked[1][0].messages[-1]["content"])


def test_texts_end_where_a_call_ends() -> None:
    model = ScriptedWriter("42")
    run(model)
    ((request, params),) = model.asked
    assert params.stop_sequences == ("</function",) and not request.tools
    assert "wait" in str(request.system_prompt) and "Be brief." in str(request.system_prompt)


def test_a_tool_that_hangs_is_ended_with_the_episode() -> None:
    began = time.monotonic()
    output = run(Scripted(calling("wait", {"seconds": 60})), timeout=1.0)
    assert time.monotonic() - began < 20
    assert (output.finish_reason, output.text) == ("timeout", "Let me see.")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scaffold_kwargs": {"tool_format": "xml"}}, "must be one of auto, native, text"),
        ({"scaffold_kwargs": {"system_prompt": 7}}, "system_prompt must be a text"),
        ({"messages": ({"role": "assistant", "content": "?"},)}, "ends with a user's text"),
    ],
)
def test_what_it_cannot_do_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run(Scripted("42"), **settings)


def test_the_users_own_openhands_and_tracing_do_not_count(tmp_path: Path) -> None:
    """No greeting, no file written, no persona read, nobody told of the agent's steps."""
    home = tmp_path / "home" / ".openhands"
    home.mkdir(parents=True)
    (home / "SOUL.md").write_text("You are a pirate.")
    (home / "hooks.json").write_text("{}")
    code = (
        "from olmo_eval_scaffolds.openhands import package; package.load()\n"
        "from openhands.sdk.observability.laminar import should_enable_observability as told\n"
        "llm = package.make_llm(print, print, native=True)\n"
        "from openhands.sdk import Agent\n"
        "print(told(), 'pirate' in Agent(llm=llm).static_system_message)"
    )
    variables = {"HOME": str(home.parent), "LMNR_PROJECT_API_KEY": "key"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("False False\n", "")
    assert sorted(path.name for path in home.rglob("*")) == ["SOUL.md", "hooks.json"]


def served(model: Doubler) -> Any:
    """A provider that asks ``model`` through a server on loopback."""

    def reply(body: Mapping[str, Any]) -> dict[str, Any]:
        names = [tool["function"]["name"] for tool in body["tools"]]
        assert names == ["wait", "finish", "think"]
        (output,) = anyio.run(model.generate, LMRequest(RequestType.CHAT), SamplingParams())
        calls = [{"name": c.name, "arguments": c.arguments} for c in output.tool_calls]
        return {"text": output.text, "tool_calls": calls}

    return ScriptedServer(reply)


def test_through_a_server() -> None:
    from olmo_eval.providers.models import make_provider

    script = Scripted(
        calling("wait", {"seconds": 0, "name": "x"}), calling("finish", {"message": "It is x."})
    )
    with served(script) as server:
        config = ProviderConfig(
            kind="litellm",
            model="openai/scripted",
            base_url=server.base_url,
            kwargs={"api_key": "none"},
        )
        with fresh_manager(["olmo_eval_providers.plugin"]):
            provider = make_provider(config)
            output = run(provider)
        heard = server.requests[1]["messages"][-1]
    assert output.text == "It is x."
    assert (heard["role"], heard["content"]) == ("tool", "x")
