"""One instance under a scaffold: its limits, its tools, its record."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

import anyio
import anyio.to_thread
from attrs import evolve

from olmo_eval.agents.arguments import parse_arguments
from olmo_eval.agents.limits import Limits
from olmo_eval.agents.scaffold import LimitReached
from olmo_eval.agents.tools import Tool
from olmo_eval.common.types import (
    LMOutput,
    LMRequest,
    SamplingParams,
    ToolCall,
    ToolResult,
    Trajectory,
    Turn,
    Usage,
)
from olmo_eval.providers.provider import Provider
from olmo_eval.sandbox.backend import SandboxError
from olmo_eval.sandbox.planner import Binding

T = TypeVar("T")


class Execution:
    """What a scaffold is given for one sample of one instance (a ``ScaffoldContext``).

    It counts turns and tokens against the limits and records what happens, so that
    every scaffold honours limits alike, and the turns survive a timeout.
    """

    def __init__(
        self,
        limits: Limits,
        provider: Provider,
        tools: Mapping[str, Tool],
        binding: Binding | None,
        slots: anyio.CapacityLimiter,
    ) -> None:
        self.limits = limits
        self.turns: list[Turn] = []
        self.usage = Usage()
        self._provider = provider
        self._tools = tools
        self._binding = binding
        self._slots = slots

    # -- the model

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        limit, budget = self.limits.turns, self.limits.tokens
        if limit is not None and len(self.turns) >= limit:
            raise LimitReached("max_turns")
        capped = params
        if budget is not None:
            left = budget - self.usage.prompt_tokens - self.usage.completion_tokens
            if left <= 0:
                raise LimitReached("max_tokens")
            capped = within_budget(params, left)
        async with self._slots:
            outputs = await self._provider.generate(request, capped)
        for output in outputs:
            self.usage = add_usage(self.usage, output.usage)
        first = outputs[0]
        self.turns.append(Turn(first.text, first.tool_calls, (), first.usage))
        if capped is not params and first.finish_reason == "length":
            raise LimitReached("max_tokens")
        return outputs

    # -- the tools

    async def call_tool(self, call: ToolCall) -> ToolResult:
        result = await self._call(call)
        if self.turns:
            last = self.turns[-1]
            self.turns[-1] = evolve(last, tool_results=(*last.tool_results, result))
        return result

    async def _call(self, call: ToolCall) -> ToolResult:
        tool = self._tools.get(call.name)
        if tool is None:
            known = ", ".join(self._tools) or "none"
            return ToolResult(call.id, f"There is not a tool {call.name!r}; tools: {known}.", True)
        arguments, problem = parse_arguments(tool, call.arguments)
        if problem:
            return ToolResult(call.id, problem, True)
        if tool.requires is not None:
            if self._binding is None:
                raise SandboxError(f"tool {tool.name!r} needs a sandbox with {tool.requires!r}")
            arguments["sandbox"] = await self._binding.get(tool.requires)
        try:
            value = await _invoke(tool, arguments)
        except SandboxError:
            raise
        except Exception as error:  # whatever a tool raises is for the model to read
            return ToolResult(call.id, f"{tool.name} failed: {error or type(error).__name__}", True)
        return ToolResult(call.id, value if isinstance(value, str) else _as_json(value))

    # -- the end

    def finish(self, output: LMOutput | None, stop_reason: str) -> LMOutput:
        """The sample's output, with everything that happened; None where a limit ended it."""
        trajectory = Trajectory(tuple(self.turns), stop_reason)
        if output is None:
            text = self.turns[-1].text if self.turns else ""
            output = LMOutput(text, finish_reason=stop_reason)
        return evolve(output, trajectory=output.trajectory or trajectory, usage=self.usage)


def within_budget(params: SamplingParams, tokens: int) -> SamplingParams:
    """``params`` that generate at most ``tokens``; the same object where they do anyway."""
    if params.max_tokens is not None and params.max_tokens <= tokens:
        return params
    return evolve(params, max_tokens=tokens)


def add_usage(total: Usage, more: Usage | None) -> Usage:
    """The sum; a cost is known where any part of it is."""
    if more is None:
        return total
    costs = [u.cost_usd for u in (total, more) if u.cost_usd is not None]
    return Usage(
        total.prompt_tokens + more.prompt_tokens,
        total.completion_tokens + more.completion_tokens,
        total.cached_tokens + more.cached_tokens,
        sum(costs) if costs else None,
    )


async def _invoke(tool: Tool, arguments: dict[str, Any]) -> Any:
    """Call a tool; a plain function runs in a thread, so that it blocks nobody."""
    if inspect.iscoroutinefunction(tool.function):
        return await tool.function(**arguments)
    value = await anyio.to_thread.run_sync(
        lambda: tool.function(**arguments), abandon_on_cancel=True
    )
    return await value if inspect.isawaitable(value) else value


def _as_json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        return str(value)


def sample_params(params: SamplingParams, index: int) -> SamplingParams:
    """The parameters of sample ``index``: one sample, with a seed of its own."""
    text = f"{params.seed or 0}:{index}".encode()
    seed = int.from_bytes(hashlib.blake2b(text, digest_size=4).digest()) >> 1
    return evolve(params, num_samples=1, seed=seed)


async def gather(calls: Sequence[Callable[[], Coroutine[Any, Any, T]]]) -> list[T]:
    """All results in order; the first failure cancels the rest and is raised as it is."""
    results: dict[int, T] = {}
    failures: list[Exception] = []

    async def one(index: int, call: Callable[[], Coroutine[Any, Any, T]]) -> None:
        try:
            results[index] = await call()
        except Exception as error:
            failures.append(error)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for index, call in enumerate(calls):
            group.start_soon(one, index, call)
    if failures:
        raise failures[0]
    return [results[i] for i in range(len(calls))]
