"""Tools in text: what is an action, what an answer, and what a model is told of anything else."""

from __future__ import annotations

from typing import Any, ClassVar

import anyio
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from olmo_eval.common.types import (
    Capability,
    LMOutput,
    LMRequest,
    NoteEvent,
    RequestType,
    SamplingParams,
    ToolSchema,
)
from olmo_eval.harness import Harness, HarnessConfig, ProviderConfig
from olmo_eval.plugins import fresh_manager
from olmo_eval.providers.mock import MockProvider
from olmo_eval.testing.doubler import USAGE, Doubler
from olmo_eval.testing.scaffold import scaffold_contract
from olmo_eval_scaffolds.react import Action, Answer, Malformed, offered, read, sampled
from olmo_eval_scaffolds.tool_loop import ToolLoop

PLUGINS = ["olmo_eval.builtins", "olmo_eval_scaffolds.plugin"]
ACT = 'Thought: easy.\nAction: double\nAction Input: {"number": 21}'


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (ACT, Action("double", '{"number": 21}')),
        (ACT.removeprefix("Thought: easy.\n"), Action("double", '{"number": 21}')),
        ("Action: now\nAction Input:\n```json\n{}\n```", Action("now", "{}")),
        ('Action: f\nAction Input: {\n  "x": [1,\n 2]\n}', Action("f", '{\n  "x": [1,\n 2]\n}')),
        ("Thought: so.\nFinal Answer: 42", Answer("42")),
        ("Final Answer:\n1\n2", Answer("1\n2")),
        ("Final Answer: write\nAction: x", Answer("write\nAction: x")),
        ("The Final Answer: of it", "no action and no answer"),
        ("42", "no action and no answer"),
        ("", "no action and no answer"),
        (f"{ACT}\nFinal Answer: 42", "an action and an answer at once"),
        (f"{ACT}\n{ACT}", "2 actions"),
        ("Action: double", "`Action Input:` is missing"),
        ("Action Input: {}", "`Action:` is missing"),
        ("Action Input: {}\nAction: f", "`Action:` comes first"),
        ("Action: f\nAction Input: {'x': 1}", "not valid JSON"),
        ("Action: f\nAction Input: [1]", "must be a JSON object"),
        ("Action: f(1)\nand g\nAction Input: {}", "the name of one tool"),
        ("Action:\nAction Input: {}", "the name of one tool"),
    ],
)  # fmt: skip
def test_what_a_model_wrote(text: str, found: Any) -> None:
    wrote = read(text)
    if isinstance(found, str):
        assert isinstance(wrote, Malformed) and found in wrote.problem
    else:
        assert wrote == found


@given(st.lists(st.sampled_from(["Action: f", "Action Input: {}", "Final Answer: x", "words", ""])))
def test_every_text_is_one_of_three(lines: list[str]) -> None:
    wrote = read("\n".join(lines))
    keywords = [line.partition(":")[0] for line in lines if ":" in line]
    acts, answers = keywords == ["Action", "Action Input"], keywords[:1] == ["Final Answer"]
    assert isinstance(wrote, Action if acts else Answer if answers else Malformed) or (
        acts and isinstance(wrote, Malformed)  # words between a name and its arguments
    )


def test_the_tools_stand_in_the_system_prompt() -> None:
    schema = ToolSchema("double", "Doubles\na number.", {"type": "object", "properties": {}})
    request = LMRequest(
        RequestType.CHAT,
        messages=({"role": "system", "content": "Be brief."}, {"role": "user", "content": "?"}),
        system_prompt="Be brief.",
        tools=(schema,),
    )
    asked = offered(request)
    assert asked.tools == () and asked.messages == request.messages[1:]
    assert asked.system_prompt is not None
    assert asked.system_prompt.startswith("Be brief.\n\nYou can use these tools:")
    assert "- double: Doubles a number." in asked.system_prompt
    assert "one of double" in asked.system_prompt
    assert "before you give your answer" not in asked.system_prompt
    required = offered(evolve(request, tool_choice="required")).system_prompt
    assert required is not None and "before you give your answer" in required


def test_texts_end_before_an_observation() -> None:
    assert sampled(SamplingParams()).stop_sequences == ("\nObservation:",)
    assert sampled(SamplingParams(stop_sequences=("x",))).stop_sequences == ("x", "\nObservation:")


class Writer(Doubler):
    """A doubler that writes what it wants of its tools."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.GENERATE, Capability.CHAT}
    )

    def offered(self, request: LMRequest) -> bool:
        assert not request.tools
        return "- double: Doubles a number." in (request.system_prompt or "")

    def results(self, request: LMRequest) -> list[str]:
        said = [str(m.get("content")) for m in request.messages if m["role"] == "user"]
        return [text.removeprefix("Observation: ") for text in said if text.startswith("Obs")]

    def call(self, name: str, number: int) -> LMOutput:
        text = f'Thought: easy.\nAction: {name}\nAction Input: {{"number": {number}}}'
        return LMOutput(f"{text}\nObservation: 7", finish_reason="stop", usage=USAGE)

    def answer(self, number: int) -> LMOutput:
        return LMOutput(f"Final Answer: It is {number}.", finish_reason="stop", usage=USAGE)


class Talker(Writer):
    """Answers in the format where it was told of it, else plainly."""

    def number(self, request: LMRequest) -> int:
        self.told = self.offered(request)
        return super().number(request)

    def answer(self, number: int) -> LMOutput:
        kind = Writer if self.told else Doubler
        return kind.answer(self, number)


test_contract = scaffold_contract(ToolLoop, model=Talker)


class Scripted(MockProvider):
    """Says ``replies`` in turn, the last for ever, and remembers what it was asked."""

    def __init__(self, replies: list[str], able: list[str]) -> None:
        super().__init__(ProviderConfig(kind="mock", kwargs={"capabilities": able}))
        self.replies = replies
        self.asked: list[LMRequest] = []

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        self.asked.append(request)
        text = self.replies[min(len(self.asked), len(self.replies)) - 1]
        return [LMOutput(text, finish_reason="stop")]


def run(replies: list[str], able: list[str], **kwargs: Any) -> tuple[LMOutput, list[LMRequest]]:
    """What comes of a model that says ``replies`` and is ``able``, and what was asked of it."""

    async def main() -> tuple[LMOutput, list[LMRequest]]:
        provider = Scripted(replies, able)
        config = HarnessConfig(scaffold="tool_loop", tools=("calculator",), scaffold_kwargs=kwargs)
        request = LMRequest(RequestType.CHAT, messages=({"role": "user", "content": "6*7?"},))
        async with Harness(config, provider=provider) as harness:
            (output,) = await harness.execute(request, SamplingParams())
        return output, provider.asked

    with fresh_manager(PLUGINS):
        return anyio.run(main)


CALCULATE = 'Action: calculator\nAction Input: {"expression": "6*7"}'
WITHOUT, WITH = ["generate", "chat"], ["generate", "chat", "tools"]


def test_a_model_without_tool_calls_uses_a_tool() -> None:
    output, asked = run([CALCULATE, "Final Answer: 42"], WITHOUT)
    assert output.text == "42" and output.trajectory is not None
    (result,) = output.trajectory.turns[0].tool_results
    assert (result.content, result.error) == ("42", False)
    assert asked[1].messages[1:] == (
        {"role": "assistant", "content": CALCULATE},
        {"role": "user", "content": "Observation: 42"},
    )


def test_the_format_can_be_chosen() -> None:
    output, asked = run([CALCULATE, "Final Answer: 42"], WITH, tool_format="react")
    assert output.text == "42" and not asked[0].tools
    output, asked = run(["42"], WITH)
    assert output.text == "42" and [tool.name for tool in asked[0].tools] == ["calculator"]


@pytest.mark.parametrize("native", [False, True])
def test_a_harness_is_refused_only_where_calls_are_needed(native: bool) -> None:
    kwargs = {"tool_format": "native"} if native else {}
    config = HarnessConfig(
        provider=ProviderConfig(kind="mock", kwargs={"capabilities": WITHOUT}),
        scaffold="tool_loop",
        scaffold_kwargs=kwargs,
        tools=("calculator",),
    )
    with fresh_manager(PLUGINS):
        refused = Harness.refusals(config, {Capability.CHAT, Capability.TOOLS})
    assert any("cannot call tools" in reason for reason in refused) is native


def test_what_is_malformed_is_answered_and_noted() -> None:
    replies = ["Action: calculator", "Action: calculater\nAction Input: {}", "Final Answer: 42"]
    output, asked = run(replies, WITHOUT)
    assert output.text == "42"
    told = [m["content"] for m in asked[-1].messages if m["role"] == "user"][1:]
    assert told[0].startswith("Observation: `Action Input:` is missing.")
    assert told[1] == "Observation: There is not a tool 'calculater'; tools: calculator."
    assert output.trajectory is not None
    notes = [e.text for e in output.trajectory.events if isinstance(e, NoteEvent)]
    assert len(notes) == 1 and "is missing" in notes[0]


def test_a_model_that_never_follows_the_format_is_taken_at_its_word() -> None:
    output, asked = run(["It is 42."], WITHOUT)
    assert (output.text, output.finish_reason, len(asked)) == ("It is 42.", "stop", 3)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"tool_format": "xml"}, "tool_format must be one of auto, native, react"),
        ({"max_malformed": 0}, "max_malformed must be a whole number, at least 1"),
        ({"max_malformed": "3"}, "max_malformed must be a whole number"),
    ],
)
def test_settings_are_checked(kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        ToolLoop(**kwargs)
