"""The harness at work: one way to execute a request, whatever surrounds the model.

How an output tells that a limit ended it (``natural_outcome`` reads this):

- ``finish_reason`` ``"length"``: the sampling parameters' ``max_tokens`` cut the text;
- ``"content_filter"``: the service withheld the answer;
- one of ``olmo_eval.agents.limits.LIMITS``: a limit of the harness ended the instance;
  the same word is ``trajectory.stop_reason`` where there is a trajectory, which then holds every
  event up to the limit. ``text`` is the last thing the model said.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

import anyio
from attrs import evolve, frozen

from olmo_eval.agents.conversation import Conversation
from olmo_eval.agents.episode import Episode, Surroundings
from olmo_eval.agents.limits import LIMITS, within_budget
from olmo_eval.agents.needs import of_sandboxes
from olmo_eval.agents.samples import gather, sample_params
from olmo_eval.agents.scaffold import Scaffold
from olmo_eval.agents.selection import find_tools, make_scaffold
from olmo_eval.agents.shared import Shared
from olmo_eval.agents.tools import Tool, ToolUnavailableError
from olmo_eval.common.thinking import UNCLOSED
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
from olmo_eval.harness.answered import (
    Answered,
    EpisodeTask,
    KeptPlaces,
    inspecting,
    named_in,
    separate,
)
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.harness.gpus import share_gpus
from olmo_eval.harness.refusals import refusals
from olmo_eval.judges.judge import JudgeError
from olmo_eval.judges.judges import Judges
from olmo_eval.providers.auxiliary import AuxiliaryProviders, close_provider
from olmo_eval.providers.models import make_provider
from olmo_eval.providers.provider import Provider, current_instance
from olmo_eval.providers.retry import RetryingProvider
from olmo_eval.providers.thinking import told_apart
from olmo_eval.sandbox.backend import SandboxError
from olmo_eval.sandbox.binding import Binding
from olmo_eval.sandbox.planner import SandboxPlanner

T = TypeVar("T")


def natural_outcome(output: LMOutput) -> Outcome | None:
    """What ``output`` itself says about how it ended; None where it simply ended."""
    reason = output.finish_reason
    if reason == "stop" or reason is None:
        return None
    if reason in LIMITS:
        return Outcome.LIMIT_REACHED
    return _OUTCOMES.get(reason)


_OUTCOMES = {
    "length": Outcome.TRUNCATED,
    UNCLOSED: Outcome.TRUNCATED,
    "content_filter": Outcome.REFUSED,
}


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
        agents = self.max_concurrency if self.scaffold is not None else 0
        self.sandboxes = SandboxPlanner(config.sandboxes, run_id=run_id, agents=agents)
        self.auxiliary = AuxiliaryProviders(config.auxiliary_providers)
        self.judges = Judges(config.graders, self.auxiliary)
        self.shared = Shared()
        self._schemas = tuple(t.schema for t in self.tools.values())
        self._surroundings: Surroundings | None = None
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
            await stack.enter_async_context(self.sandboxes)
            await stack.enter_async_context(self.auxiliary)
            self._surroundings = Surroundings(
                self.config.limits,
                self.provider,
                anyio.CapacityLimiter(self.provider.max_concurrency),
                self.auxiliary,
                self.judges,
                self.shared,
            )
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
        """Await for the outputs of ``request``, where nobody will score what an agent left.

        Log-likelihoods are measured on the model as they are. Everything else is answered under
        the harness: with its system prompt, its tools, its scaffold (once a sample) and limits.
        ``instance`` is what an episode works on, and providers that pretend to be a model see it.

        Raises:
            RefusedError, ProviderError: the model could not be asked, or a tool's sandbox
                failed. Retries are over by then.
        """
        if self._tell and instance is not None:
            return self._told(self._execute(request, params, instance), instance)
        return self._execute(request, params, instance)

    def _execute(
        self, request: LMRequest, params: SamplingParams, instance: Instance | None
    ) -> Coroutine[Any, Any, list[LMOutput]]:
        if request.request_type.scored:
            return self.provider.loglikelihood(request)
        if self.scaffold is not None:
            return self._executed(request, params, instance or _instance_of(request))
        return self._answer(request, params)

    async def _told(self, answer: Coroutine[Any, Any, T], instance: Instance) -> T:
        token = current_instance.set(instance)
        try:
            return await answer
        finally:
            current_instance.reset(token)

    async def answer(
        self,
        request: LMRequest,
        params: SamplingParams,
        instance: Instance,
        task: EpisodeTask | None = None,
    ) -> Answered:
        """``execute`` for a runner: the outputs, and with them what their scorers may use.

        The environments that an agent worked in are kept for those scorers of ``task`` that
        inspect them, until the result is closed.

        Raises:
            RefusedError, ProviderError: as for ``execute``.
        """
        if self._loop(task) is None or request.request_type.scored:
            outputs = await self.execute(request, params, instance)
            return Answered(self, task, instance, tuple(outputs))
        episodes = self._in_episodes(request, params, instance, task)
        return await (self._told(episodes, instance) if self._tell else episodes)

    def answered(
        self, outputs: tuple[LMOutput, ...], instance: Instance, task: EpisodeTask | None = None
    ) -> Answered:
        """Outputs that were made before, with what their scorers may use; of those that were kept
        with their thoughts in the text, these are told apart."""
        config = self.config.provider
        apart = tuple(told_apart(output, config) for output in outputs)
        same = all(a is b for a, b in zip(apart, outputs, strict=True))
        return Answered(self, task, instance, outputs if same else apart)

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
        task's; its tools after the task's. Where the harness does not insist on a tool being
        called, the task's own ``tool_choice`` holds.
        """
        config = self.config
        offered = () if config.tool_choice == "none" else self._schemas
        if request.request_type.scored:
            return request
        if not (offered or config.system_prompt is not None or self.scaffold):
            return request
        messages: tuple[Message, ...] = request.without_system().messages
        if request.request_type is RequestType.COMPLETION:
            messages = ({"role": "user", "content": request.prompt},)
        prompts = [p for p in (config.system_prompt, request.system_prompt) if p is not None]
        known = {schema.name for schema in request.tools}
        insists = bool(offered) and config.tool_choice == "required"
        return evolve(
            request,
            request_type=RequestType.CHAT,
            prompt="",
            messages=messages,
            system_prompt="\n\n".join(prompts) if prompts else None,
            tools=(*request.tools, *(s for s in offered if s.name not in known)),
            tool_choice="required" if insists else request.tool_choice,
        )

    def _pick_path(self) -> Callable[..., Coroutine[Any, Any, list[LMOutput]]]:
        """The cheapest way to answer once: nothing around the model costs nothing."""
        config = self.config
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

    # -- in episodes

    async def _executed(
        self, request: LMRequest, params: SamplingParams, instance: Instance
    ) -> list[LMOutput]:
        answered = await self._in_episodes(request, params, instance, None)
        await answered.close()
        return list(answered.outputs)

    async def _in_episodes(
        self,
        request: LMRequest,
        params: SamplingParams,
        instance: Instance,
        task: EpisodeTask | None,
    ) -> Answered:
        """One episode a sample. Each ends with its answer, unless a scorer will inspect it."""
        request, count = self.prepare(request), params.num_samples
        required = self._required(instance, task)
        spec = instance.environment
        try:
            kept = None
            if task is not None and inspecting(task):
                kept = KeptPlaces(self.sandboxes, task, spec, required, count)
            episodes = [
                self.new_episode(
                    instance, kept.binding() if kept else self.sandboxes.binding(required, spec)
                )
                for _ in range(count)
            ]
            answered = Answered(self, task, instance, (), episodes, kept)
            try:
                samples = [
                    partial(self._sample, e, request, sample_params(params, i), task, kept is None)
                    for i, e in enumerate(episodes)
                ]
                outputs = [await samples[0]()] if count == 1 else await gather(samples)
            except BaseException:
                await answered.close()
                raise
        except SandboxError as error:
            raise ProviderError(f"sandbox: {error.message}", hint=error.hint) from error
        except JudgeError as error:
            raise ProviderError(f"judge: {error.message}", hint=error.hint) from error
        except ToolUnavailableError as error:
            raise ProviderError(f"tool: {error.message}", hint=error.hint) from error
        return Answered(self, task, instance, tuple(outputs), episodes if kept else (), kept)

    async def _sample(
        self,
        episode: Episode,
        request: LMRequest,
        params: SamplingParams,
        task: EpisodeTask | None,
        ends: bool,
    ) -> LMOutput:
        loop = self._loop(task)
        assert loop is not None
        setup = task.setup if task is not None and task.has_setup else None
        try:
            output = await episode.run(loop, request, params, setup)
            return told_apart(output, self.config.provider)  # a scaffold may ask by itself
        finally:
            if ends:
                await episode.close()

    def _loop(self, task: EpisodeTask | None) -> Scaffold | None:
        """What goes on between the request and the last answer: the turns that the task asks,
        each answered by the scaffold, if there is one."""
        if task is not None and task.converses:
            return Conversation(task.user_message, self.scaffold)
        return self.scaffold

    def _required(self, instance: Instance, task: EpisodeTask | None) -> frozenset[str]:
        """The sandbox capabilities that an episode of ``instance`` may ask for."""
        own = (tool for tool in instance.tools or () if isinstance(tool, Tool))
        needs = {t.requires for t in (*self.tools.values(), *own) if t.requires}
        needs |= of_sandboxes(self.scaffold.requires) if self.scaffold is not None else set()
        if task is not None:
            needs.update(of_sandboxes(task.requires))
            needs.update(*(of_sandboxes(scorer.requires) for scorer in inspecting(task)))
        needs.update(named_in(task, instance.environment))
        return of_sandboxes(needs)

    def sandbox_metrics(self) -> dict[str, float]:
        """Environments that were made, and programs that were not run since they were identical to
        another with the same tests."""
        return {
            "environments_made": self.sandboxes.created,
            "identical_programs": self.shared.repeated,
        }

    def notes(self) -> list[str]:
        """What people should know of what was done, though nothing failed."""
        idle = self.config.tools and self.config.tool_choice != "none" and self.scaffold is None
        if not (idle and self.tools):
            return []
        return [
            f"the model was offered tools ({', '.join(self.tools)}) and nobody ran what it called: "
            "its first turn is its answer. A scaffold runs them: -o scaffold=tool_loop"
        ]

    def expect_scoring(self, instance: Instance, task: EpisodeTask, change: int = 1) -> None:
        """The scorers of an instance will want environments, or with -1 want them no more: they
        are made while the model is asked."""
        for scorer in separate(task):
            required = of_sandboxes(scorer.requires) | named_in(task, instance.environment)
            with suppress(SandboxError):  # told when the answer is scored
                self.sandboxes.expect(required, instance.environment, change)

    def new_episode(self, instance: Instance, binding: Binding) -> Episode:
        """An episode of ``instance`` under this harness, with the environments of ``binding``."""
        assert self._surroundings is not None, "used outside of the harness's context"
        return Episode(instance, self._surroundings, self.tools, binding)


def _limited(output: LMOutput, reason: str) -> LMOutput:
    """``output`` as one that a limit of the harness ended."""
    usage = output.usage
    turns = (Turn(output.text, output.tool_calls, (), usage),) if output.text else ()
    trajectory = Trajectory.from_turns(turns, reason)
    return evolve(output, finish_reason=reason, trajectory=trajectory)


def _instance_of(request: LMRequest) -> Instance:
    """What a request by itself is about: its last message."""
    messages = request.messages
    return Instance(str(messages[-1].get("content") or "") if messages else request.prompt)
