"""Does a tool keep the kernel's contract? One line in a plugin's tests::

    from olmo_eval.testing.tool import tool_contract

    test_add = tool_contract(add, {"numbers": [1, 2, 3]})

Each check calls the tool in an episode of a real harness, as a scaffold does. The arguments are
those of a call that works. ``slow`` are arguments of a call that takes longer than a second, for
tools that may; ``sandbox`` is the backend for tools that need one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import anyio
from attrs import evolve, frozen

from olmo_eval.agents.arguments import check_schema
from olmo_eval.agents.episode import Episode
from olmo_eval.agents.limits import Submitted
from olmo_eval.agents.tools import Tool
from olmo_eval.common.types import Instance, ToolCall, ToolResult
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.harness.runtime import Harness
from olmo_eval.providers.mock import MockProvider
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval.sandbox.config import SandboxConfig

#: what services take as the name of a function
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_SHORT = 100  # characters: the least that an output limit may be


@frozen
class Subject:
    """A tool under test and what it is called with."""

    tool: Tool
    arguments: Mapping[str, Any]
    slow: Mapping[str, Any] | None = None
    sandbox: str = "local"

    async def call(self, *arguments: Any, tool: Tool | None = None) -> list[ToolResult]:
        """The results of calls with ``arguments``, mappings or the text of them, in one episode."""
        called = tool or self.tool
        sandboxes = (
            (SandboxConfig(mode=self.sandbox, unsafe_local=True),) if called.requires else ()
        )
        config = HarnessConfig(
            provider=ProviderConfig(kind="mock"), tools=(called,), sandboxes=sandboxes
        )
        async with Harness(config, provider=MockProvider(config.provider)) as harness:
            needs = {called.requires} if called.requires else set()
            binding = harness.sandboxes.binding(needs, None)
            episode = harness.new_episode(Instance("?"), binding)
            try:
                return [await _called(episode, called, given) for given in arguments]
            finally:
                await episode.close()


async def _called(episode: Episode, tool: Tool, given: Any) -> ToolResult:
    text = given if isinstance(given, str) else json.dumps(given)
    call = ToolCall("call_0", tool.name, text)
    try:
        return await episode.call_tool(call)
    except Submitted as submitted:
        return ToolResult(call.id, submitted.answer or "")


Check = Callable[[Subject], Awaitable[None]]


async def its_schema_tells_a_model_enough(subject: Subject) -> None:
    """A name that services take, a description of the tool and of every argument."""
    schema = subject.tool.schema
    check_schema(subject.tool)
    assert _NAME.fullmatch(schema.name), f"services do not take the name {schema.name!r}"
    assert schema.description.strip(), "the tool has no description"
    for name, argument in schema.parameters.get("properties", {}).items():
        assert argument.get("description"), f"the argument {name} has no description"


async def a_call_is_answered(subject: Subject) -> None:
    (result,) = await subject.call(subject.arguments)
    assert not result.error, result.content
    assert result.call_id == "call_0"
    assert len(result.content) <= subject.tool.output_limit


async def mistakes_are_told(subject: Subject) -> None:
    """Whatever a model writes as arguments comes back as text that says what is wrong."""
    right = dict(subject.arguments)
    wrong: list[Any] = ["{", "[1]", {**right, "no_such_argument": 1}]
    wrong += [
        {k: v for k, v in right.items() if k != name}
        for name in subject.tool.schema.parameters.get("required", ())
    ]
    results = await subject.call(*wrong)
    for given, result in zip(wrong, results, strict=True):
        assert result.error and result.content, f"{given!r} was taken: {result.content}"


async def a_wrong_type_is_told(subject: Subject) -> None:
    for name, argument in subject.tool.schema.parameters.get("properties", {}).items():
        if "type" not in argument:
            continue
        value: Any = {} if argument["type"] != "object" else 1
        (result,) = await subject.call({**subject.arguments, name: value})
        assert result.error, f"{name} = {value!r} was taken: {result.content}"
        assert name in result.content, f"{result.content!r} does not name {name}"


async def episodes_do_not_meet(subject: Subject) -> None:
    """At the same time and one after another, each is answered as if it were the only one."""
    results: list[str] = []

    async def one() -> None:
        (result,) = await subject.call(subject.arguments)
        results.append(result.content)

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(one)
    await one()
    assert len(set(results)) == 1, f"the same call was answered differently: {results}"


async def a_long_result_is_cut_visibly(subject: Subject) -> None:
    (whole,) = await subject.call(subject.arguments)
    (cut,) = await subject.call(subject.arguments, tool=evolve(subject.tool, output_limit=_SHORT))
    assert len(cut.content) <= _SHORT
    assert cut.content == whole.content or "left out" in cut.content


async def its_time_is_limited(subject: Subject) -> None:
    """A call that takes longer is answered in time, and the tool works afterwards."""
    assert subject.slow is not None
    with anyio.fail_after(15):
        slow, after = await subject.call(
            subject.slow, subject.arguments, tool=evolve(subject.tool, timeout=1.0)
        )
    assert re.search(r"longer|timed out", slow.content), slow.content
    assert not after.error, after.content


_ALWAYS: tuple[Check, ...] = (
    its_schema_tells_a_model_enough,
    a_call_is_answered,
    mistakes_are_told,
    a_wrong_type_is_told,
    episodes_do_not_meet,
    a_long_result_is_cut_visibly,
)
CHECKS: dict[str, Check] = {check.__name__: check for check in (*_ALWAYS, its_time_is_limited)}


async def check_tool(subject: Subject, check: str) -> None:
    """Run one of ``CHECKS``.

    Raises:
        AssertionError: the tool does not keep the contract.
    """
    with anyio.fail_after(60):
        await CHECKS[check](subject)


def tool_contract(
    tool: Tool,
    arguments: Mapping[str, Any],
    *,
    slow: Mapping[str, Any] | None = None,
    sandbox: str = "local",
) -> Any:
    """A pytest test that holds a tool against every check.

    ``arguments`` are those of a call that works, and that is answered in the same way every time.
    """
    import pytest

    subject = Subject(tool, arguments, slow, sandbox)
    wanted = _ALWAYS if slow is None else (*_ALWAYS, its_time_is_limited)

    @pytest.mark.parametrize("check", [check.__name__ for check in wanted])
    def test_tool_contract(check: str) -> None:
        anyio.run(check_tool, subject, check)

    return test_tool_contract
