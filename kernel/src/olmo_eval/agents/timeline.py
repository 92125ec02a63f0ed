"""The record of an episode: what happened, when, and how long it took."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from attrs import evolve

from olmo_eval import plugins
from olmo_eval.common.types import (
    Capability,
    CommandEvent,
    ErrorEvent,
    Event,
    LMOutput,
    LMRequest,
    MessageEvent,
    ReasoningEvent,
    SamplingParams,
    ToolCallEvent,
)
from olmo_eval.errors import OlmoEvalError
from olmo_eval.providers.auxiliary import AuxiliaryProviders
from olmo_eval.providers.models import choose_provider
from olmo_eval.providers.provider import Provider
from olmo_eval.sandbox.backend import ExecResult, Sandbox

#: characters that the record keeps of an argument, and of each stream of a command
_KEPT = 2_000
#: decimals of a time in seconds
_PRECISION = 4


class Timeline:
    """The events of one episode and its clock, which starts with it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._began = time.perf_counter()

    @property
    def now(self) -> float:
        """Seconds since the beginning of the episode."""
        return time.perf_counter() - self._began

    def add(self, event: Event, start: float | None = None) -> None:
        """Append ``event``, which began at ``start`` and has just ended; without a ``start`` (and
        none of its own) it happens now and takes no time."""
        if start is not None:
            seconds = round(self.now - start, _PRECISION)
            event = evolve(event, start=round(start, _PRECISION), seconds=seconds)
        elif event.start is None:
            event = evolve(event, start=round(self.now, _PRECISION))
        self.events.append(event)

    @contextmanager
    def failures(self) -> Iterator[None]:
        """What fails inside, and is nobody's mistake in the episode, is an event of it."""
        start = self.now
        try:
            yield
        except (OlmoEvalError, OSError) as error:
            self.add(ErrorEvent(str(error) or type(error).__name__), start)
            raise

    def answered(self, role: str, outputs: Sequence[LMOutput], start: float) -> None:
        """A model, asked at ``start``, has answered."""
        for output in outputs:
            if output.reasoning:
                self.add(ReasoningEvent(output.reasoning), start)
            self.add(MessageEvent(role, output.text, output.usage), start)
            for call in output.tool_calls:
                self.add(ToolCallEvent(call))


class RecordedSandbox(Sandbox):
    """A sandbox whose commands are events of an episode, with which it is closed."""

    def __init__(self, inner: Sandbox, timeline: Timeline, seconds: float | None = None) -> None:
        self.inner = inner
        self._timeline = timeline
        self._seconds = seconds

    def within(self, seconds: float) -> RecordedSandbox:
        """The same sandbox, where a command that says no time of its own has ``seconds``."""
        return RecordedSandbox(self.inner, self._timeline, seconds)

    def __getattr__(self, name: str) -> Any:
        """What only the sandbox inside has."""
        if name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)

    async def exec(
        self,
        argv: Sequence[str],
        *,
        timeout: float | None = None,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> ExecResult:
        start = self._timeline.now
        timeout = self._seconds if timeout is None else timeout
        with self._timeline.failures():
            result = await self.inner.exec(argv, timeout=timeout, stdin=stdin, env=env, cwd=cwd)
        self._timeline.add(_command(argv, result), start)
        return result

    async def write(self, path: str, data: bytes) -> None:
        await self.inner.write(path, data)

    async def read(self, path: str) -> bytes:
        return await self.inner.read(path)

    async def close(self) -> None:
        """Nothing: whoever used it last cannot know whether the episode still needs it."""


def _command(argv: Sequence[str], result: ExecResult) -> CommandEvent:
    printed = [text[:_KEPT] for text in (result.stdout, result.stderr)]
    return CommandEvent(
        tuple(argument[:_KEPT] for argument in argv),
        result.exit_code,
        "".join(printed),
        result.truncated or any(len(t) > _KEPT for t in (result.stdout, result.stderr)),
        result.timed_out,
    )


class RecordedModel(Provider):
    """Another model of the harness, whose answers are messages of an episode under its name.

    It is started when it is first asked. Its tokens do not count against the episode's limits.
    """

    def __init__(self, name: str, auxiliary: AuxiliaryProviders, timeline: Timeline) -> None:
        super().__init__(auxiliary.config(name))
        self.name = name
        self._auxiliary = auxiliary
        self._timeline = timeline

    @property
    def capabilities(self) -> frozenset[Capability]:  # type: ignore[override]
        chosen, _ = choose_provider(self.config)
        kind: type[Provider] = plugins.manager().registry("providers").get(str(chosen.kind))
        return kind.capabilities_for(chosen)

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        with self._timeline.failures():
            provider, slots = await self._auxiliary.get(self.name)
            async with slots:
                start = self._timeline.now
                outputs = await provider.generate(request, params)
        # "assistant" is the evaluated model, whatever the others are called
        role = "model:assistant" if self.name == "assistant" else self.name
        self._timeline.answered(role, outputs, start)
        return outputs

    async def loglikelihood(self, request: LMRequest) -> list[LMOutput]:
        with self._timeline.failures():
            provider, slots = await self._auxiliary.get(self.name)
            async with slots:
                return await provider.loglikelihood(request)
