"""The harness at work: one way to execute a request, whatever surrounds the model.

How an output tells that a limit ended it (``natural_outcome`` reads this):

- ``finish_reason`` ``"length"``: the sampling parameters' ``max_tokens`` cut the text;
- ``"content_filter"``: the service withheld the answer;
- ``"max_turns"``, ``"max_tokens"``, ``"timeout"``: a limit of the harness ended the instance;
  the same word is ``trajectory.stop_reason`` where there is a trajectory, which then holds every
  turn up to the limit. ``text`` is the last thing the model said.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType
from typing import Any

import anyio
from attrs import evolve, frozen

from olmo_eval.agents.execution import Execution, gather, sample_params, within_budget
from olmo_eval.agents.scaffold import LimitReached
from olmo_eval.agents.selection import find_tools, make_scaffold
from olmo_eval.common.types import (
    Instance,
    LMOutput,
    LMRequest,
    Message,
    Outcome,
    RequestType,
    SamplingParams,
    Trajectory,
    Turn,
)
from olmo_eval.errors import ProviderError
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.harness.gpus import share_gpus
from olmo_eval.harness.refusals import refusals
from olmo_eval.harness.scoring import HarnessScoringContext
from olmo_eval.judges.judges import Judges
from olmo_eval.providers.auxiliary import AuxiliaryProviders, close_provider
from olmo_eval.providers.models import make_provider
from olmo_eval.providers.provider import Provider, current_instance
from olmo_eval.providers.retry import RetryingProvider
from olmo_eval.sandbox.backend import SandboxError
from olmo_eval.sandbox.planner import Binding, SandboxPlanner

LIMITS = ("max_turns", "max_tokens", "timeout")


def natural_outcome(output: LMOutput) -> Outcome | None:
    """What ``output`` itself says about how it ended; None where it simply ended."""
    reason = output.finish_reason
    if reason == "stop" or reason is None:
        return None
    if reason in LIMITS:
        return Outcome.LIMIT_REACHED
    return {"length": Outcome.TRUNCATED, "content_filter": Outcome.REFUSED}.get(reason)


@frozen
class HarnessResult:
    """One request executed: the final answer and the turns that led to it."""

    final_output: str
    trajectory: Trajectory
    max_turns_reached: bool
    output: LMOutput


class Harness:
    """A harness configuration come to life. An async context manager::

        async with Harness(config) as harness:
            outputs = await harness.execute(request, params)

    Entering starts the main provider only; tools' and scorers' sandboxes and auxiliary providers
    start when first needed. Leaving closes everything, whatever happened. ``provider`` may be
    given ready-made (it is still started and closed here).
    """

    refusals = staticmethod(refusals)

    def __init__(
        self, config: HarnessConfig, *, provider: Provider | None = None, run_id: str = "local"
    ) -> None:
        if config.auxiliary_providers:
            config = share_gpus(config)
        self.provider = RetryingProvider(provider or make_provider(config.provider))
        self.config = config.with_provider(self.provider.config)
        self.run_id = run_id
        self.tools = find_tools(config.tools)
        self.scaffold = (
            None
            if config.scaffold is None
            else make_scaffold(config.scaffold, config.scaffold_kwargs)
        )
        self.sandboxes = SandboxPlanner(config.sandboxes, run_id=run_id)
        self.auxiliary = AuxiliaryProviders(config.auxiliary_providers)
        self.judges = Judges(config.graders, self.auxiliary)
        self._schemas = tuple(t.schema for t in self.tools.values())
        self._requires = frozenset(t.requires for t in self.tools.values() if t.requires)
        self._slots: anyio.CapacityLimiter | None = None
        self._stack = AsyncExitStack()
        self._answer = self._pick_path()
        self._tell = self.provider.wants_instances

    @property
    def max_concurrency(self) -> int:
        """Instances the runner keeps in flight."""
        return self.config.max_concurrency or self.provider.max_concurrency

    # -- life

    async def __aenter__(self) -> Harness:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(close_provider, self.provider)
            await self.provider.start()
            stack.push_async_callback(self.sandboxes.close)
            await stack.enter_async_context(self.auxiliary)
            self._slots = anyio.CapacityLimiter(self.provider.max_concurrency)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.__aexit__(kind, error, traceback)

    # -- executing

    def execute(
        self, request: LMRequest, params: SamplingParams, instance: Instance | None = None
    ) -> Coroutine[Any, Any, list[LMOutput]]:
        """Await for the outputs of ``request``: the one entry of the runner.

        Log-likelihoods are measured on the model as they are. Everything else is answered under
        the harness: with its system prompt, its tools, its scaffold (once a sample) and limits.
        ``instance`` reaches none but providers that pretend to be a model.

        Raises:
            RefusedError, ProviderError: the model could not be asked, or a tool's sandbox
                failed. Retries are over by then.
        """
        if self._tell and instance is not None:
            return self._told(request, params, instance)
        if request.request_type.scored:
            return self.provider.loglikelihood(request)
        return self._answer(request, params)

    async def _told(
        self, request: LMRequest, params: SamplingParams, instance: Instance
    ) -> list[LMOutput]:
        token = current_instance.set(instance)
        try:
            return await self.execute(request, params)
        finally:
            current_instance.reset(token)

    def generate(
        self, request: LMRequest, params: SamplingParams
    ) -> Coroutine[Any, Any, list[LMOutput]]:
        """Ask the bare model, with retries and nothing else of the harness."""
        return self.provider.generate(request, params)

    async def run(self, request: LMRequest, params: SamplingParams | None = None) -> HarnessResult:
        """Execute one request once and tell how it went, turn by turn."""
        params = evolve(params or SamplingParams(), num_samples=1)
        output = (await self.execute(request, params))[0]
        trajectory = output.trajectory or Trajectory(
            stop_reason=output.finish_reason if output.finish_reason in LIMITS else "answer"
        )
        reached = trajectory.stop_reason == "max_turns"
        return HarnessResult(output.text, trajectory, reached, output)

    def prepare(self, request: LMRequest) -> LMRequest:
        """``request`` as this harness sends it first: a pure function, for hashing and inspection.

        A harness with a system prompt, tools or a scaffold speaks to a chat model, so a plain
        completion becomes one user message. The harness's system prompt stands before the
        task's; its tools after the task's.
        """
        config = self.config
        offered = () if config.tool_choice == "none" else self._schemas
        if request.request_type.scored:
            return request
        if not (offered or config.system_prompt is not None or self.scaffold):
            return request
        messages: tuple[Message, ...] = request.messages
        if request.request_type is RequestType.COMPLETION:
            messages = ({"role": "user", "content": request.prompt},)
        prompts = [p for p in (config.system_prompt, request.system_prompt) if p is not None]
        known = {schema.name for schema in request.tools}
        return evolve(
            request,
            request_type=RequestType.CHAT,
            prompt="",
            messages=messages,
            system_prompt="\n\n".join(prompts) if prompts else None,
            tools=(*request.tools, *(s for s in offered if s.name not in known)),
            tool_choice="auto" if config.tool_choice == "none" else config.tool_choice,
        )

    def _pick_path(self) -> Callable[..., Coroutine[Any, Any, list[LMOutput]]]:
        """The cheapest way to answer: nothing around the model costs nothing."""
        config = self.config
        if self.scaffold is not None:
            return self._in_scaffold
        limited = config.timeout is not None or config.max_total_tokens is not None
        if limited or self.tools or config.system_prompt is not None:
            return self._in_one_turn
        return self.provider.generate

    async def _in_one_turn(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        budget = self.config.max_total_tokens
        capped = params if budget is None else within_budget(params, budget)
        outputs = None
        with anyio.move_on_after(self.config.timeout):
            outputs = await self.provider.generate(self.prepare(request), capped)
        if outputs is None:
            return [_limited(LMOutput(""), "timeout")] * params.num_samples
        if capped is params:
            return outputs
        return [_limited(o, "max_tokens") if o.finish_reason == "length" else o for o in outputs]

    async def _in_scaffold(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        request = self.prepare(request)
        if params.num_samples == 1:
            return [await self._sample(request, params)]
        return await gather(
            [
                partial(self._sample, request, sample_params(params, i))
                for i in range(params.num_samples)
            ]
        )

    async def _sample(self, request: LMRequest, params: SamplingParams) -> LMOutput:
        if not self._requires:
            return await self._turns(request, params, None)
        try:
            async with self.sandboxes.binding(self._requires) as binding:
                return await self._turns(request, params, binding)
        except SandboxError as error:
            raise ProviderError(f"sandbox: {error.message}", hint=error.hint) from error

    async def _turns(
        self, request: LMRequest, params: SamplingParams, binding: Binding | None
    ) -> LMOutput:
        assert self.scaffold is not None
        assert self._slots is not None, "used outside of the harness's context"
        execution = Execution(self.config.limits, self.provider, self.tools, binding, self._slots)
        output, reason = None, "timeout"
        with anyio.move_on_after(self.config.timeout):
            try:
                output = await self.scaffold.run(request, params, execution)
                reason = "answer"
            except LimitReached as limit:
                reason = limit.reason
        return execution.finish(output, reason)

    # -- scoring

    def scoring_context(self) -> HarnessScoringContext:
        """What the scorers of one output may use; make a new one for each output."""
        return HarnessScoringContext(self)


def _limited(output: LMOutput, reason: str) -> LMOutput:
    """``output`` as one that a limit of the harness ended."""
    usage = output.usage
    turns = (Turn(output.text, output.tool_calls, (), usage),) if output.text else ()
    return evolve(output, finish_reason=reason, trajectory=Trajectory(turns, reason))
