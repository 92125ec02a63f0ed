"""An episode: one sample of one instance being worked on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import anyio
from attrs import evolve, field, frozen

from olmo_eval.agents.calls import run_tool
from olmo_eval.agents.limits import Budget, EpisodeEnded, LimitReached, Limits, Submitted
from olmo_eval.agents.shared import Shared
from olmo_eval.agents.timeline import RecordedModel, RecordedSandbox, Timeline
from olmo_eval.agents.tool_states import ToolStates
from olmo_eval.agents.tools import Tool
from olmo_eval.common.types import (
    Capability,
    Event,
    Instance,
    LimitEvent,
    LMOutput,
    LMRequest,
    MessageEvent,
    SamplingParams,
    ToolCall,
    ToolCallEvent,
    ToolResult,
    ToolResultEvent,
    Trajectory,
    Usage,
)
from olmo_eval.judges.judge import Judge
from olmo_eval.judges.judges import Judges
from olmo_eval.providers.auxiliary import AuxiliaryProviders
from olmo_eval.providers.provider import Provider
from olmo_eval.sandbox.backend import Sandbox
from olmo_eval.sandbox.binding import DEFAULT, Binding

if TYPE_CHECKING:
    from olmo_eval.agents.scaffold import Scaffold

T = TypeVar("T")

_EVENTS = get_args(Event)


@frozen
class Surroundings:
    """What of a harness its episodes share: the models, the judges, the limits.

    ``slots`` are the requests that the evaluated model may have in flight; ``shared`` is work that
    episodes have in common.
    """

    limits: Limits
    provider: Provider
    slots: anyio.CapacityLimiter
    auxiliary: AuxiliaryProviders
    judges: Judges
    shared: Shared = field(factory=Shared)


class Episode:
    """One sample of one instance being worked on.

    ``Task.setup``, ``Scaffold.run``, tools and asynchronous scorers are given it. It holds the
    conversation's budget, the environment and the record of what happened, and it lasts until its
    output is scored.

    ``state`` is for the task, its tools and its scorers: a world that they simulate, say.
    ``evidence`` is what ``record`` kept by key. ``is_fresh`` says that nobody has worked in its
    environments yet, nor prepared them.
    """

    def __init__(
        self,
        instance: Instance,
        surroundings: Surroundings,
        tools: dict[str, Tool],
        binding: Binding,
    ) -> None:
        self.instance = instance
        self.limits = surroundings.limits
        self.state: dict[str, Any] = {}
        self.evidence: dict[str, Any] = {}
        self.is_fresh = True
        own = instance.tools or ()
        self.tools = {**tools, **{t.name: t for t in own if isinstance(t, Tool)}}
        self._surroundings = surroundings
        self._binding = binding
        self._sandboxes: dict[Sandbox, RecordedSandbox] = {}
        self._timeline = Timeline()
        self._stop_reason = "answer"
        self._budget = Budget(surroundings.limits)
        self._called: set[str] = set()
        self._tool_states = ToolStates()
        self._clock = _Clock()

    @property
    def usage(self) -> Usage:
        """What the answers of the evaluated model have used so far."""
        return self._budget.usage

    @property
    def trajectory(self) -> Trajectory:
        """What has happened so far. That of the output ends with the answer; what scorers do
        afterwards is seen here alone."""
        return Trajectory(tuple(self._timeline.events), self._stop_reason)

    # -- the models

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What the evaluated model can be asked for."""
        return self._surroundings.provider.capabilities

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        """Ask the evaluated model for its next turn, with the run's retries.

        Raises:
            LimitReached: the harness allows no further turn, token or dollar.
            ProviderError: the model could not be asked.
            UsageError: the harness limits a cost that nobody knows.
        """
        capped = self._budget.take_turn(params)
        with self._timeline.failures():
            async with self._surroundings.slots:
                start = self._timeline.now
                outputs = await self._surroundings.provider.generate(request, capped)
        for output in outputs:
            self._called.update(call.id for call in output.tool_calls)
        self._timeline.answered("assistant", outputs, start)
        self._budget.spend(outputs)
        if capped is not params and outputs[0].finish_reason == "length":
            raise LimitReached("max_tokens")
        return outputs

    def model(self, name: str) -> Provider:
        """The auxiliary provider ``name`` of the harness: a simulated user, say. It is started
        when it is first asked, and what it answers is recorded under its name.

        Raises:
            UsageError: the harness has no such provider.
        """
        return RecordedModel(name, self._surroundings.auxiliary, self._timeline)

    def judge(self, name: str | None = None) -> Judge:
        """The judge ``name`` of the harness; without a name the one called ``judge``, or the only
        one.

        Raises:
            UsageError: there is no such judge.
        """
        return self._surroundings.judges.get(name)

    def asking(self, provider: str) -> Judge:
        """A judge that asks the auxiliary provider ``provider`` whatever its user asks: for scorers
        with a question of their own, by its ``generate``.

        Raises:
            UsageError: the harness has no such provider.
        """
        return self._surroundings.judges.asking(provider)

    # -- the tools

    async def call_tool(self, call: ToolCall, own: Tool | None = None) -> ToolResult:
        """Run a tool call; what the model or the tool did wrong comes back as text.

        Calls may run at the same time; each result is recorded under the id of its call. ``own``
        is a tool of the scaffold's, which no harness names.

        Raises:
            LimitReached: the harness allows no further call.
            SandboxError, ProviderError, ToolUnavailableError: what the tool works with failed,
                which is no fault of the model. Submitted: the tool was given the final answer.
        """
        if call.id not in self._called:  # a scaffold's own
            self._called.add(call.id)
            self._timeline.add(ToolCallEvent(call))
        self._budget.take_call()
        start = self._timeline.now
        tools = self.tools if own is None else {own.name: own}
        with self._timeline.failures():
            try:
                result = await run_tool(tools, call, self)
            except Submitted as submitted:
                said = ToolResult(call.id, submitted.message)
                self._timeline.add(ToolResultEvent(said), start)
                raise
        self._timeline.add(ToolResultEvent(result), start)
        return result

    def tool_state(self, make: Callable[[], T]) -> T:
        """What the tools whose ``state`` is ``make`` remember in this episode."""
        return self._tool_states.get(make)

    # -- the environment

    async def sandbox(self, capability: str = DEFAULT) -> Sandbox:
        """This episode's environment that offers ``capability``: started when it is first asked
        for, and the same one until the episode ends. Its commands are recorded.

        What is asked for has to be announced: by ``requires`` of a tool, a scaffold or a scorer,
        or by the capabilities of the instance's environment. Waiting for an environment does not
        count against the limit of time.

        Raises:
            SandboxError: the harness has no such sandbox, it could not be made, or the episode is
                over.
        """
        inner = self._binding.made(capability)
        if inner is None:
            with self._timeline.failures(), self._clock.stopped():
                inner = await self._binding.get(capability)
        return self._sandboxes.setdefault(inner, RecordedSandbox(inner, self._timeline))

    async def renew(self, capability: str = DEFAULT) -> Sandbox:
        """An environment as new, in place of the one that ``sandbox(capability)`` gave.

        For what must not meet what a program has left: the tests of that program.

        Raises:
            SandboxError: as ``sandbox``.
        """
        with self._timeline.failures(), self._clock.stopped():
            inner = await self._binding.renew(capability)
        # the same environment may come back: it is another one to its user
        self._sandboxes[inner] = recorded = RecordedSandbox(inner, self._timeline)
        return recorded

    async def once(self, key: Sequence[Any], work: Callable[[], Awaitable[T]]) -> T:
        """The result of ``work``, which is done once in a run for all episodes with this ``key``.

        For scorers whose result is decided by what ``key`` names (JSON values) and by the
        environment of the instance, such as a program and its tests: of identical samples one is
        run. Where the task has prepared this episode's environment, or an agent has worked in it,
        that decides too, and ``work`` is done here.
        """
        if not self.is_fresh:
            return await work()
        environment = self.instance.environment
        content = json.dumps([environment and environment.digest, *key], sort_keys=True)
        digest = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()
        return await self._surroundings.shared.get(digest, work)

    # -- the record

    def record(self, event: Event | str, value: Any = None) -> None:
        """Record what happened: an ``Event`` of the trajectory, or under a key a JSON value that is
        kept beside the output (in its metadata), so that a score can be audited.

        An event without a start is stamped with the present time.

        Raises:
            TypeError: ``event`` is neither an event nor a key.
        """
        if isinstance(event, str):
            self.evidence[event] = value
        elif isinstance(event, _EVENTS):
            self._timeline.add(event)
        else:
            raise TypeError(f"expected an event or a key, got {event!r:.80}")

    # -- its life

    async def run(
        self,
        scaffold: Scaffold,
        request: LMRequest,
        params: SamplingParams,
        setup: Callable[[Episode], Awaitable[None]] | None = None,
    ) -> LMOutput:
        """The output that ``scaffold`` comes to within the limits, with everything that happened.

        ``setup`` comes first, and has time of its own.
        """
        self.is_fresh = False
        if setup is not None:
            await setup(self)
        output, reason = None, "timeout"
        with self._clock.limit(self.limits.seconds):
            try:
                output = await scaffold.run(request, params, self)
                reason = "answer"
            except EpisodeEnded as end:
                output, reason = self._ended(end)
            except BaseExceptionGroup as group:  # of a scaffold that does several things at once
                error = _most_telling(group)
                if not isinstance(error, EpisodeEnded):
                    raise error from group
                output, reason = self._ended(error)
        self._stop_reason = reason
        if reason != "answer":
            self._timeline.add(LimitEvent(reason))
        if output is None:
            output = LMOutput(self._last_words(), finish_reason=reason)
        return evolve(
            output,
            trajectory=output.trajectory or self.trajectory,
            usage=self.usage,
            metadata={**output.metadata, **self.evidence},
        )

    def _ended(self, end: EpisodeEnded) -> tuple[LMOutput | None, str]:
        """The output that an end brings, if any, and why the episode stops."""
        if isinstance(end, Submitted):
            text = self._last_words() if end.answer is None else end.answer
            return LMOutput(text, finish_reason="stop"), "answer"
        assert isinstance(end, LimitReached)
        return None, end.reason

    def _last_words(self) -> str:
        """What the evaluated model said last."""
        events = reversed(self._timeline.events)
        said = (e for e in events if isinstance(e, MessageEvent) and e.role == "assistant")
        return next((event.text for event in said), "")

    async def close(self) -> None:
        """End what tools remember, and the environment. Works in whichever task it is called, and
        more than once."""
        try:
            await self._tool_states.close()
        finally:
            await self._binding.close()


def _most_telling(group: BaseExceptionGroup[Any]) -> BaseException:
    """The first error of ``group`` that is not an end; where all are, an answer, or the first."""
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves.append(_most_telling(error) if isinstance(error, BaseExceptionGroup) else error)
    faults = [error for error in leaves if not isinstance(error, EpisodeEnded)]
    answers = [error for error in leaves if isinstance(error, Submitted)]
    return (*faults, *answers, *leaves)[0]


class _Clock:
    """A limit to time that stands still while somebody waits for what is not theirs to hasten."""

    def __init__(self) -> None:
        self._scope: anyio.CancelScope | None = None
        self._waiting = 0
        self._since = self._deadline = 0.0

    @contextmanager
    def limit(self, seconds: float | None) -> Iterator[None]:
        try:
            with anyio.move_on_after(seconds) as self._scope:
                yield
        finally:
            self._scope = None

    @contextmanager
    def stopped(self) -> Iterator[None]:
        scope = self._scope
        if scope is None:
            yield
            return
        if self._waiting == 0:
            self._since, self._deadline = anyio.current_time(), scope.deadline
            scope.deadline = float("inf")
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            if self._waiting == 0:
                scope.deadline = self._deadline + anyio.current_time() - self._since
