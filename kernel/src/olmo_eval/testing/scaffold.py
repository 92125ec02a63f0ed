"""Does a scaffold keep the kernel's contract? One line in a plugin's tests::

    from olmo_eval.testing.scaffold import scaffold_contract

    test_contract = scaffold_contract(ToolLoop)

Each check runs the scaffold under a real harness, with a model that doubles numbers: it calls the
tool ``double`` where it is offered one, and then answers. ``tools=False`` leaves out what only a
scaffold that runs tools can do.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import anyio
import anyio.lowlevel
from attrs import define, field

from olmo_eval.agents.limits import Submitted
from olmo_eval.agents.scaffold import Scaffold
from olmo_eval.agents.tools import tool
from olmo_eval.common.types import (
    Capability,
    LMOutput,
    LMRequest,
    Message,
    MessageEvent,
    RequestType,
    SamplingParams,
    ToolCall,
    ToolCallEvent,
    ToolResultEvent,
    Usage,
)
from olmo_eval.errors import TransientError
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.harness.runtime import Harness
from olmo_eval.plugins import fresh_manager
from olmo_eval.providers.provider import Provider, ProviderConfig
from olmo_eval.registry import Owner

_NAME = "scaffold_under_test"
_PARAMS = SamplingParams(max_tokens=50, temperature=0.5, stop_sequences=("\x00",), seed=7)


def question(number: int, **more: Any) -> LMRequest:
    """A few-shot request to double ``number``."""
    turns: tuple[Message, ...] = (
        {"role": "user", "content": "Double 4."},
        {"role": "assistant", "content": "It is 8."},
        {"role": "user", "content": f"Double {number}."},
    )
    return LMRequest(RequestType.CHAT, messages=turns, system_prompt="Be brief.", **more)


class Doubler(Provider):
    """A model that doubles the last number it was asked for; ``asked`` is all it heard.

    ``never_done`` makes it call its tool for ever, ``calls`` another one than ``double``;
    ``fails`` is how many times it cannot be reached first.
    """

    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.GENERATE, Capability.CHAT, Capability.TOOLS}
    )
    retry_base = 0.001

    def __init__(self, *, never_done: bool = False, calls: str = "double", fails: int = 0):
        super().__init__(ProviderConfig(kind="mock", model="doubler"))
        self.never_done, self.calls, self.fails = never_done, calls, fails
        self.asked: list[tuple[LMRequest, SamplingParams]] = []

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        await anyio.lowlevel.checkpoint()  # lets the others in flight have their turns
        self.asked.append((request, params))
        if self.fails:
            self.fails -= 1
            raise TransientError("nobody there")
        messages = request.chat_messages()
        numbers = [
            int(found[1])
            for message in messages
            if message["role"] == "user"
            and (found := re.fullmatch(r"Double (\d+)\.", str(message["content"])))
        ]
        heard = any(message["role"] == "tool" for message in messages)
        usage = Usage(prompt_tokens=10, completion_tokens=5)
        if request.tools and (self.never_done or not heard):
            call = ToolCall("call_0", self.calls, f'{{"number": {numbers[-1]}}}')
            return [LMOutput("", tool_calls=(call,), finish_reason="tool_calls", usage=usage)]
        text = f"It is {2 * numbers[-1]}."
        return [LMOutput(text, finish_reason="stop", usage=usage)] * params.num_samples


@define
class Bench:
    """A harness with the scaffold under test, and what its tool was called with."""

    make: Callable[..., Scaffold]
    doubled: list[int] = field(factory=list)

    async def run(
        self, model: Doubler, *requests: LMRequest, with_tools: bool = False, **settings: Any
    ) -> list[LMOutput]:
        """The answers to ``requests``, asked at the same time."""

        @tool
        def double(number: int) -> int:
            """Doubles a number."""
            self.doubled.append(number)
            return 2 * number

        @tool
        def submit(number: int) -> str:
            """Ends the work."""
            raise Submitted(f"It is {2 * number}, finally.")

        answers: dict[int, LMOutput] = {}
        tools = ("double", submit) if with_tools else ()
        config = HarnessConfig(scaffold=_NAME, tools=tools, **settings)
        with fresh_manager(["olmo_eval.builtins"]) as manager:
            manager.registry("scaffolds").add(_NAME, self.make, Owner("testing"))
            manager.registry("tools").add("double", double, Owner("testing"))
            async with Harness(config, provider=model) as harness:

                async def ask(index: int, request: LMRequest) -> None:
                    (answers[index],) = await harness.execute(request, _PARAMS)

                async with anyio.create_task_group() as group:
                    for index, request in enumerate(requests):
                        group.start_soon(ask, index, request)
        return [answers[index] for index in range(len(requests))]


Check = Callable[[Bench], Awaitable[None]]


async def the_answer_is_the_models(bench: Bench) -> None:
    (output,) = await bench.run(Doubler(), question(21))
    assert output.text == "It is 42."
    assert output.trajectory is not None and output.trajectory.turns
    assert output.trajectory.stop_reason == "answer"


async def the_whole_request_reaches_the_model(bench: Bench) -> None:
    """Few-shot turns, system prompt and sampling parameters, on every turn."""
    model = Doubler()
    await bench.run(model, question(21), system_prompt="Mind the units.")
    assert model.asked
    for request, params in model.asked:
        assert request.messages[:3] == question(21).messages
        system = request.system_prompt or ""
        assert "Be brief." in system and "Mind the units." in system
        assert params == _PARAMS


async def instances_at_once_do_not_mix(bench: Bench) -> None:
    numbers = range(10, 30)
    outputs = await bench.run(Doubler(), *map(question, numbers))
    assert [output.text for output in outputs] == [f"It is {2 * n}." for n in numbers]


async def the_limit_of_turns_is_kept(bench: Bench) -> None:
    """A limit that is reached is let through to the runtime, not caught and not exceeded."""
    model = Doubler()
    (output,) = await bench.run(model, question(21), max_turns=1)
    assert len(model.asked) <= 1
    assert output.trajectory is not None
    assert output.trajectory.stop_reason in ("answer", "max_turns")


async def a_model_that_comes_back_is_waited_for(bench: Bench) -> None:
    """Retries are the runtime's: a failure that passes is never seen."""
    (output,) = await bench.run(Doubler(fails=1), question(21))
    assert output.text == "It is 42."


async def tools_are_called_and_heard(bench: Bench) -> None:
    model = Doubler()
    (output,) = await bench.run(model, question(21), with_tools=True)
    assert bench.doubled == [21]
    assert output.text == "It is 42."
    assert [schema.name for schema in model.asked[0][0].tools] == ["double", "submit"]
    results = [m for m in model.asked[-1][0].messages if m["role"] == "tool"]
    assert [(m["tool_call_id"], m["content"]) for m in results] == [("call_0", "42")]


async def tools_of_instances_at_once_do_not_mix(bench: Bench) -> None:
    numbers = range(10, 30)
    outputs = await bench.run(Doubler(), *map(question, numbers), with_tools=True)
    assert sorted(bench.doubled) == list(numbers)
    assert [output.text for output in outputs] == [f"It is {2 * n}." for n in numbers]


async def a_call_of_no_tool_is_answered(bench: Bench) -> None:
    """The model is told, and may go on."""
    model = Doubler(calls="treble")
    (output,) = await bench.run(model, question(21), with_tools=True)
    assert output.text == "It is 42." and bench.doubled == []
    told = [m["content"] for m in model.asked[-1][0].messages if m["role"] == "tool"]
    assert len(told) == 1 and "treble" in str(told[0])


async def a_submitted_answer_is_the_last_word(bench: Bench) -> None:
    """A tool that is given the answer ends the episode; the scaffold lets that pass."""
    model = Doubler(calls="submit", never_done=True)
    (output,) = await bench.run(model, question(21), with_tools=True)
    assert output.text == "It is 42, finally."
    assert len(model.asked) == 1
    assert output.trajectory is not None and output.trajectory.stop_reason == "answer"


async def what_happened_is_recorded(bench: Bench) -> None:
    """Each answer with its time and tokens, each result under the id of its call."""
    (output,) = await bench.run(Doubler(), question(21), with_tools=True)
    assert output.trajectory is not None and output.usage is not None
    events = output.trajectory.events
    said = [event for event in events if isinstance(event, MessageEvent)]
    assert len(said) == 2 and all(event.role == "assistant" for event in said)
    assert all(event.start is not None and event.seconds is not None for event in said)
    tokens = [event.usage.completion_tokens for event in said if event.usage is not None]
    assert sum(tokens) == output.usage.completion_tokens == 10
    called = [event.call.id for event in events if isinstance(event, ToolCallEvent)]
    results = [event.result for event in events if isinstance(event, ToolResultEvent)]
    assert [(result.call_id, result.content) for result in results] == [("call_0", "42")]
    assert called == ["call_0"]


async def a_model_that_is_never_done_is_ended(bench: Bench) -> None:
    model = Doubler(never_done=True)
    (output,) = await bench.run(model, question(21), with_tools=True, max_turns=3)
    assert len(model.asked) == 3
    assert output.trajectory is not None and output.trajectory.stop_reason == "max_turns"
    assert len(output.trajectory.turns) == 3


_ALWAYS: tuple[Check, ...] = (
    the_answer_is_the_models,
    the_whole_request_reaches_the_model,
    instances_at_once_do_not_mix,
    the_limit_of_turns_is_kept,
    a_model_that_comes_back_is_waited_for,
)
_TOOLS: tuple[Check, ...] = (
    tools_are_called_and_heard,
    tools_of_instances_at_once_do_not_mix,
    a_call_of_no_tool_is_answered,
    a_submitted_answer_is_the_last_word,
    what_happened_is_recorded,
    a_model_that_is_never_done_is_ended,
)
CHECKS: dict[str, Check] = {check.__name__: check for check in (*_ALWAYS, *_TOOLS)}


async def check_scaffold(make: Callable[..., Scaffold], check: str) -> None:
    """Run one of ``CHECKS``.

    Raises:
        AssertionError: the scaffold does not keep the contract.
    """
    with anyio.fail_after(60):
        await CHECKS[check](Bench(make))


def scaffold_contract(make: Callable[..., Scaffold], *, tools: bool = True) -> Any:
    """A pytest test that holds the scaffold that ``make`` returns against every check."""
    import pytest

    wanted = (*_ALWAYS, *_TOOLS) if tools else _ALWAYS

    @pytest.mark.parametrize("check", [check.__name__ for check in wanted])
    def test_scaffold_contract(check: str) -> None:
        anyio.run(check_scaffold, make, check)

    return test_scaffold_contract
