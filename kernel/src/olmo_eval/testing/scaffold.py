"""Does a scaffold keep the kernel's contract? One line in a plugin's tests::

    from olmo_eval.testing.scaffold import scaffold_contract

    test_contract = scaffold_contract(ToolLoop)

Each check runs the scaffold under a real harness, with a model that doubles numbers: it calls the
tool ``double`` where it is offered one, and then answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import anyio
from attrs import define, evolve, field

from olmo_eval.agents.limits import LIMITS, Submitted
from olmo_eval.agents.samples import gather
from olmo_eval.agents.scaffold import Scaffold
from olmo_eval.agents.tools import tool
from olmo_eval.common.types import (
    LimitEvent,
    LMOutput,
    LMRequest,
    Message,
    MessageEvent,
    Outcome,
    RequestType,
    SamplingParams,
    ToolCallEvent,
    ToolResultEvent,
)
from olmo_eval.errors import ProviderError
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.harness.runtime import Harness, natural_outcome
from olmo_eval.plugins import fresh_manager
from olmo_eval.providers.provider import Provider
from olmo_eval.registry import Owner
from olmo_eval.sandbox.backend import SandboxError
from olmo_eval.testing.doubler import Doubler

_NAME = "scaffold_under_test"
_PARAMS = SamplingParams(max_tokens=50, temperature=0.5, stop_sequences=("\x00",), seed=7)

#: how a provider reaches the model that answers in the end, such as a server in front of it
Through = Callable[[Doubler], AbstractContextManager[Provider]]


def question(number: int, **more: Any) -> LMRequest:
    """A few-shot request to double ``number``."""
    turns: tuple[Message, ...] = (
        {"role": "user", "content": "Double 4."},
        {"role": "assistant", "content": "It is 8."},
        {"role": "user", "content": f"Double {number}."},
    )
    return LMRequest(RequestType.CHAT, messages=turns, system_prompt="Be brief.", **more)


@define
class Bench:
    """A harness with the scaffold under test, and what its tool was called with.

    - ``model`` makes the model that is asked, ``through`` the provider that asks it;
    - ``tools``: whether the scaffold runs the harness's tools;
    - ``plugins``: modules whose hooks are called besides the kernel's;
    - ``settings``: of the harness, in every check.
    """

    make: Callable[..., Scaffold]
    model: Callable[..., Doubler] = Doubler
    tools: bool = True
    through: Through = nullcontext
    plugins: Sequence[str] = ()
    settings: Mapping[str, Any] = field(factory=dict)
    doubled: list[int] = field(factory=list)
    broken: bool = False

    async def run(
        self,
        model: Doubler,
        *requests: LMRequest,
        with_tools: bool = False,
        samples: int = 1,
        **settings: Any,
    ) -> list[LMOutput]:
        """The answers to ``requests``, asked at the same time, each ``samples`` times."""

        @tool
        def double(number: int) -> int:
            """Doubles a number."""
            if self.broken:
                raise SandboxError("the container is gone")
            self.doubled.append(number)
            return 2 * number

        @tool
        def submit(number: int) -> str:
            """Ends the work."""
            raise Submitted(f"It is {2 * number}, finally.")

        tools = ("double", submit) if with_tools else ()
        config = HarnessConfig(scaffold=_NAME, tools=tools, **{**self.settings, **settings})
        params = evolve(_PARAMS, num_samples=samples)
        with fresh_manager(["olmo_eval.builtins", *self.plugins]) as manager:
            manager.registry("scaffolds").add(_NAME, self.make, Owner("testing"))
            manager.registry("tools").add("double", double, Owner("testing"))
            with self.through(model) as provider:
                async with Harness(config, provider=provider) as harness:
                    asking = [partial(harness.execute, r, params) for r in requests]
                    answers = await gather(asking)
        return [output for outputs in answers for output in outputs]

    async def until_limited(self, reason: str, **settings: Any) -> tuple[LMOutput, Doubler]:
        """What comes of a model that is never done, under a limit that ends it for ``reason``."""
        seconds = settings.pop("seconds", 0.0)
        model = self.model(never_done=True, seconds=seconds)
        (output,) = await self.run(model, question(21), with_tools=self.tools, **settings)
        assert reason in LIMITS
        assert output.trajectory is not None
        assert output.trajectory.stop_reason == output.finish_reason == reason
        assert natural_outcome(output) is Outcome.LIMIT_REACHED
        ended = [e.reason for e in output.trajectory.events if isinstance(e, LimitEvent)]
        assert ended == [reason]
        turns = output.trajectory.turns
        assert turns and output.text == turns[-1].text, "what was said last is what is scored"
        return output, model


Check = Callable[[Bench], Awaitable[None]]


async def the_answer_is_the_models(bench: Bench) -> None:
    (output,) = await bench.run(bench.model(), question(21))
    assert output.text == "It is 42."
    assert output.trajectory is not None and output.trajectory.turns
    assert output.trajectory.stop_reason == "answer"
    assert natural_outcome(output) is None


async def the_whole_request_reaches_the_model(bench: Bench) -> None:
    """Few-shot turns, system prompt and sampling parameters, on every turn. A scaffold may put the
    question into words of its own, and end texts where its format does."""
    model = bench.model()
    await bench.run(model, question(21), system_prompt="Mind the units.")
    assert model.asked
    for request, params in model.asked:
        messages = request.chat_messages()
        system = [str(m["content"]) for m in messages if m["role"] == "system"]
        assert "Be brief." in "".join(system) and "Mind the units." in "".join(system)
        told = messages[len(system) :]
        assert told[:2] == list(question(21).messages[:2])
        assert told[2]["role"] == "user" and "Double 21." in str(told[2]["content"])
        assert (params.max_tokens, params.temperature) == (50, 0.5)
        assert {*_PARAMS.stop_sequences} <= {*(params.stop_sequences or ())}  # type: ignore[misc]
        assert bench.through is not nullcontext or params.seed == 7


async def every_sample_is_made_anew(bench: Bench) -> None:
    """Each with a seed of its own."""
    model = bench.model()
    outputs = await bench.run(model, question(21), samples=3)
    assert [output.text for output in outputs] == ["It is 42."] * 3
    begun = {params.seed for request, params in model.asked if not model.results(request)}
    assert len(begun) == 3


async def instances_at_once_do_not_mix(bench: Bench) -> None:
    numbers = range(10, 30)
    outputs = await bench.run(bench.model(), *map(question, numbers))
    assert [output.text for output in outputs] == [f"It is {2 * n}." for n in numbers]


async def the_limit_of_turns_is_kept(bench: Bench) -> None:
    """A limit that is reached is let through to the runtime, not caught and not exceeded."""
    model = bench.model()
    (output,) = await bench.run(model, question(21), max_turns=1)
    assert len(model.asked) <= 1
    assert output.trajectory is not None
    assert output.trajectory.stop_reason in ("answer", "max_turns")


async def a_model_that_comes_back_is_waited_for(bench: Bench) -> None:
    """Retries are the runtime's: a failure that passes is never seen."""
    (output,) = await bench.run(bench.model(fails=1), question(21))
    assert output.text == "It is 42."


async def a_model_that_is_gone_is_no_answer(bench: Bench) -> None:
    """The failure is let through to the runtime, which tells it from an answer."""
    try:
        outputs = await bench.run(bench.model(fails=1000), question(21))
    except ProviderError:
        return
    raise AssertionError(f"the model could not be asked, and yet it answered {outputs}")


async def tools_are_called_and_heard(bench: Bench) -> None:
    model = bench.model()
    (output,) = await bench.run(model, question(21), with_tools=True)
    assert bench.doubled == [21]
    assert output.text == "It is 42."
    assert model.offered(model.asked[0][0])
    assert model.results(model.asked[-1][0]) == ["42"]


async def tools_of_instances_at_once_do_not_mix(bench: Bench) -> None:
    numbers = range(10, 30)
    outputs = await bench.run(bench.model(), *map(question, numbers), with_tools=True)
    assert sorted(bench.doubled) == list(numbers)
    assert [output.text for output in outputs] == [f"It is {2 * n}." for n in numbers]


async def a_call_of_no_tool_is_answered(bench: Bench) -> None:
    """The model is told, and may go on."""
    model = bench.model(calls="treble")
    (output,) = await bench.run(model, question(21), with_tools=True)
    assert output.text == "It is 42." and bench.doubled == []
    told = model.results(model.asked[-1][0])
    assert len(told) == 1 and "treble" in told[0]
    assert output.trajectory is not None
    (result,) = output.trajectory.turns[0].tool_results
    assert result.error and result.content == told[0]


async def a_submitted_answer_is_the_last_word(bench: Bench) -> None:
    """A tool that is given the answer ends the episode; the scaffold lets that pass."""
    model = bench.model(calls="submit", never_done=True)
    (output,) = await bench.run(model, question(21), with_tools=True)
    assert output.text == "It is 42, finally."
    assert len(model.asked) == 1
    assert output.trajectory is not None and output.trajectory.stop_reason == "answer"


async def what_happened_is_recorded(bench: Bench) -> None:
    """Each answer with its time and tokens, each result under the id of its call."""
    (output,) = await bench.run(bench.model(), question(21), with_tools=True)
    assert output.trajectory is not None and output.usage is not None
    events = output.trajectory.events
    said = [event for event in events if isinstance(event, MessageEvent)]
    assert len(said) == 2 and all(event.role == "assistant" for event in said)
    assert all(event.start is not None and event.seconds is not None for event in said)
    tokens = [event.usage.completion_tokens for event in said if event.usage is not None]
    assert sum(tokens) == output.usage.completion_tokens == 10
    called = [event.call.id for event in events if isinstance(event, ToolCallEvent)]
    results = [event.result for event in events if isinstance(event, ToolResultEvent)]
    assert [result.call_id for result in results] == called and len(called) == 1
    assert results[0].content == "42"


async def a_tool_whose_sandbox_is_gone_is_no_answer(bench: Bench) -> None:
    """The failure is let through to the runtime: the model is not blamed for it."""
    bench.broken = True
    try:
        outputs = await bench.run(bench.model(), question(21), with_tools=True)
    except ProviderError:
        return
    raise AssertionError(f"the tool's sandbox was gone, and yet there are answers: {outputs}")


async def a_model_that_is_never_done_is_ended(bench: Bench) -> None:
    output, model = await bench.until_limited("max_turns", max_turns=3)
    assert len(model.asked) == 3
    assert output.trajectory is not None and len(output.trajectory.turns) == 3


async def the_limit_of_tokens_is_kept(bench: Bench) -> None:
    """The third of answers that use 15 tokens each may use 10."""
    _, model = await bench.until_limited("max_tokens", max_total_tokens=40)
    assert [params.max_tokens for _, params in model.asked] == [40, 25, 10]


async def the_limit_of_time_is_kept(bench: Bench) -> None:
    with anyio.fail_after(20):
        _, model = await bench.until_limited("timeout", timeout=1.0, seconds=0.3)
    assert 1 <= len(model.asked) <= 4


async def the_limit_of_tool_calls_is_kept(bench: Bench) -> None:
    output, _ = await bench.until_limited("max_tool_calls", max_tool_calls=2)
    assert output.trajectory is not None
    results = [e for e in output.trajectory.events if isinstance(e, ToolResultEvent)]
    assert len(results) == 2


async def the_limit_of_cost_is_kept(bench: Bench) -> None:
    """Of answers that cost a cent each."""
    output, model = await bench.until_limited("max_cost", max_episode_cost=0.025)
    assert len(model.asked) == 3
    assert output.usage is not None and round(output.usage.cost_usd or 0, 6) == 0.03


async def a_loop_without_limits_ends_too(bench: Bench) -> None:
    with anyio.fail_after(50):
        await bench.until_limited("max_turns")


_ALWAYS: tuple[Check, ...] = (
    the_answer_is_the_models,
    the_whole_request_reaches_the_model,
    every_sample_is_made_anew,
    instances_at_once_do_not_mix,
    the_limit_of_turns_is_kept,
    a_model_that_comes_back_is_waited_for,
    a_model_that_is_gone_is_no_answer,
)
_LOOPS: tuple[Check, ...] = (
    a_model_that_is_never_done_is_ended,
    the_limit_of_tokens_is_kept,
    the_limit_of_time_is_kept,
    the_limit_of_tool_calls_is_kept,
    the_limit_of_cost_is_kept,
    a_loop_without_limits_ends_too,
)
_TOOLS: tuple[Check, ...] = (
    tools_are_called_and_heard,
    tools_of_instances_at_once_do_not_mix,
    a_call_of_no_tool_is_answered,
    a_submitted_answer_is_the_last_word,
    what_happened_is_recorded,
    a_tool_whose_sandbox_is_gone_is_no_answer,
)
CHECKS: dict[str, Check] = {c.__name__: c for c in (*_ALWAYS, *_LOOPS, *_TOOLS)}


async def check_scaffold(make: Callable[..., Scaffold], check: str, **bench: Any) -> None:
    """Run one of ``CHECKS``; ``bench`` are settings of a ``Bench``.

    Raises:
        AssertionError: the scaffold does not keep the contract.
    """
    with anyio.fail_after(60):
        await CHECKS[check](Bench(make, **bench))


def scaffold_contract(
    make: Callable[..., Scaffold],
    *,
    tools: bool = True,
    loops: bool | None = None,
    model: Callable[..., Doubler] = Doubler,
    through: Through = nullcontext,
    plugins: Sequence[str] = (),
    **settings: Any,
) -> Any:
    """A pytest test that holds the scaffold that ``make`` returns against every check.

    - ``tools=False`` is for a scaffold that does not run the harness's tools, ``loops`` says
      whether it goes on for as long as the model calls some (by default where it runs them);
    - ``model`` is a ``Doubler`` that speaks as models do under this scaffold;
    - ``through(model)`` is a context whose value is a provider that asks it in the end: a server's;
    - ``plugins`` are modules that the harness needs, ``settings`` those of its configuration.
    """
    import pytest

    looping = tools if loops is None else loops
    wanted = (*_ALWAYS, *(_LOOPS if looping else ()), *(_TOOLS if tools else ()))

    @pytest.mark.parametrize("check", [check.__name__ for check in wanted])
    def test_scaffold_contract(check: str) -> None:
        bench = {"model": model, "tools": tools, "through": through, "plugins": plugins}

        async def run() -> None:
            await check_scaffold(make, check, settings=settings, **bench)

        anyio.run(run)

    return test_scaffold_contract
