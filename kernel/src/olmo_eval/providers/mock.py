"""The provider ``mock``: no model, instant or slow, able or not, faulty on demand.

Settings (``-o provider.kwargs.NAME=...``):

- ``text``: the reply; ``replies``: one reply a turn instead, each a text or
  ``{"text": ..., "tool_calls": [{"name": ..., "arguments": {...}}]}``, for agent loops; in a
  conversation, one list of them for each message of the user;
- ``skill``: the probability of the right answer, from 0 to 1 (it peeks at the gold answer);
- ``latency``: seconds a request takes, a number or ``[low, high]``;
- ``seed``: changes everything that is drawn;
- ``faults``: the probability of each fault, ``transient`` (the first attempt fails), ``refuse``,
  ``fail`` (for good), ``truncate``, ``garbage``;
- ``capabilities``: names, where it should be able to do less than everything.

What is drawn depends on the seed and the request alone: not on order, not on what else is in
flight. The tokens of an answer are its words; those of a prompt a quarter of its characters.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from typing import Any

import anyio
from attrs import evolve, field, frozen

from olmo_eval.common import bounds
from olmo_eval.common.convert import structure
from olmo_eval.common.sequences import items, texts
from olmo_eval.common.types import (
    Capability,
    Identity,
    LMOutput,
    LMRequest,
    RequestType,
    SamplingParams,
    Usage,
)
from olmo_eval.errors import ProviderError, RefusedError, TransientError, UsageError
from olmo_eval.providers.mock_replies import (
    LIKELY,
    UNLIKELY,
    digest_for,
    finished,
    right_answer,
    scored,
    scripted,
    tokens_in,
    uniform,
    with_usage,
)
from olmo_eval.providers.provider import Provider, ProviderConfig, current_instance

_TEXT = "The answer is 42."


@frozen
class Faults:
    """The probability of each fault; a request has at most one of them."""

    transient: float = field(default=0.0, validator=bounds.number(least=0, most=1))
    refuse: float = field(default=0.0, validator=bounds.number(least=0, most=1))
    fail: float = field(default=0.0, validator=bounds.number(least=0, most=1))
    truncate: float = field(default=0.0, validator=bounds.number(least=0, most=1))
    garbage: float = field(default=0.0, validator=bounds.number(least=0, most=1))

    def draw(self, number: float) -> str | None:
        """The fault that ``number``, uniform in [0, 1), stands for."""
        for name in ("transient", "refuse", "fail", "truncate", "garbage"):
            number -= getattr(self, name)
            if number < 0:
                return name
        return None

    def __bool__(self) -> bool:
        return self != _NO_FAULTS


_NO_FAULTS = Faults()


@frozen
class MockSettings:
    """``provider.kwargs`` of the mock; the module says what they mean."""

    text: str = _TEXT
    replies: tuple[Any, ...] = field(default=(), converter=items)
    skill: float | None = None
    latency: Any = 0.0
    seed: int = 0
    faults: Faults = _NO_FAULTS
    capabilities: tuple[str, ...] = field(
        default=tuple(c.value for c in Capability), converter=texts
    )

    def __attrs_post_init__(self) -> None:
        if self.skill is not None and not 0 <= self.skill <= 1:
            raise ValueError(f"skill must be between 0 and 1, got {self.skill}")
        try:
            low, high = self.window
        except (TypeError, ValueError):
            low, high = -1.0, -1.0
        if not 0 <= low <= high < math.inf:
            raise ValueError(f"latency must be seconds or [low, high], got {self.latency!r}")

    @property
    def window(self) -> tuple[float, float]:
        """The least and the greatest latency, in seconds."""
        if isinstance(self.latency, Sequence) and len(self.latency) == 2:
            return float(self.latency[0]), float(self.latency[1])
        return float(self.latency), float(self.latency)


def settings_of(config: ProviderConfig) -> MockSettings:
    """The mock's settings.

    Raises:
        UsageError: naming the setting that is wrong.
    """
    return structure(dict(config.kwargs), MockSettings, where="provider.kwargs")


class MockProvider(Provider):
    """A stand-in for a model; the module says what it can be told to do."""

    capabilities = frozenset(Capability)
    default_concurrency = 256
    pace = frozenset({"latency"})
    limits_attempts = False
    retry_base = 0.01

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config)
        self.settings = settings_of(config)
        self.limits_attempts = self.settings.window[1] > 0
        self.wants_instances = self.settings.skill is not None
        self.able = self.capabilities_for(config)
        self._attempted: set[bytes] = set()
        self._plain: tuple[SamplingParams, LMOutput] | None = None
        keep = self.settings
        self._slow = keep.window[1] > 0 or bool(keep.faults)
        self._fixed = keep.skill is None and not keep.faults and not keep.replies

    @classmethod
    def capabilities_for(cls, config: ProviderConfig) -> frozenset[Capability]:
        names = settings_of(config).capabilities
        try:
            return frozenset(Capability(name) for name in names)
        except ValueError as error:
            raise UsageError(
                f"provider.kwargs.capabilities: {error}",
                hint=f"known: {', '.join(Capability)}",
            ) from error

    @classmethod
    def identify(cls, config: ProviderConfig) -> dict[str, Any]:
        """Its settings are its weights."""
        weights = {k: v for k, v in config.kwargs.items() if k not in cls.pace}
        text = json.dumps([config.model, weights], sort_keys=True, default=str)
        fingerprint = f"mock:{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        return {"fingerprint": fingerprint, "known_by": str(Identity.CONTENT)}

    # -- generating

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        self._require(request)
        fault = await self._trouble(request) if self._slow else None
        usage = Usage(tokens_in(request), 0)
        if self._fixed:
            return [with_usage(self._fixed_output(params), usage)] * params.num_samples
        draw = self._draw(request)
        number = range(params.num_samples)
        return [self._sample(request, params, fault, draw, i, usage) for i in number]

    def _require(self, request: LMRequest) -> None:
        needed = request.request_type.capability
        if needed not in self.able or (request.tools and Capability.TOOLS not in self.able):
            raise ProviderError(f"this mock cannot do {needed}")

    def _fixed_output(self, params: SamplingParams) -> LMOutput:
        """The one reply under ``params``; the parameters of a task are one object, so kept."""
        if self._plain is None or self._plain[0] is not params:
            self._plain = (params, finished(self.settings.text, params))
        return self._plain[1]

    def _sample(
        self,
        request: LMRequest,
        params: SamplingParams,
        fault: str | None,
        draw: hashlib.blake2b,
        index: int,
        usage: Usage,
    ) -> LMOutput:
        number = 0 if params.greedy else index
        if fault == "garbage":
            text = digest_for(draw, b"garbage%d" % number).hex()
            return with_usage(LMOutput(text, finish_reason="stop"), usage)
        reply = self._reply(request, uniform(draw, b"skill%d" % number))
        if fault is None and isinstance(reply, str):
            return finished(reply, params, usage)
        output = reply if isinstance(reply, LMOutput) else finished(reply, params)
        if fault == "truncate":
            half = output.text[: len(output.text) // 2]
            output = evolve(output, text=half, finish_reason="length")
        return with_usage(output, usage)

    def _reply(self, request: LMRequest, number: float) -> str | LMOutput:
        if self.settings.replies:
            return scripted(self.settings.replies, request)
        instance = current_instance.get()
        if self.settings.skill is None or instance is None:
            return self.settings.text
        return right_answer(instance) if number < self.settings.skill else self.settings.text

    # -- scoring

    async def loglikelihood(self, request: LMRequest) -> list[LMOutput]:
        self._require(request)
        if self._slow:
            await self._trouble(request)
        draw = self._draw(request)
        if request.request_type is RequestType.ROLLING:
            return [scored(request.prompt, 0, UNLIKELY - uniform(draw, b"rolling"))]
        usage = tokens_in(request)
        chosen = self._chosen(request, draw)
        outputs: list[LMOutput] = []
        context, seen = request.prompt, self._start(request.prompt)
        for i, text in enumerate(request.continuations):
            own = request.continuation_prompts
            if own is not None and own[i] is not context:
                context, seen = own[i], self._start(own[i])
            strength = UNLIKELY - uniform(seen, text.encode("utf-8", "surrogatepass"))
            if chosen is not None and i % chosen[1] == chosen[0]:
                strength = LIKELY
            outputs.append(scored(text, usage, strength))
        return outputs

    def _chosen(self, request: LMRequest, draw: hashlib.blake2b) -> tuple[int, int] | None:
        """The choice to prefer and the number of choices, where ``skill`` is set."""
        instance = current_instance.get()
        if self.settings.skill is None or instance is None or not instance.choices:
            return None
        n, gold = len(instance.choices), instance.gold_index
        if gold is None or n < 2 or len(request.continuations) % n:
            return None
        if uniform(draw, b"skill") < self.settings.skill:
            return gold, n
        return (gold + 1 + int(uniform(draw, b"wrong") * (n - 1))) % n, n

    # -- drawing and failing

    def _start(self, text: str) -> hashlib.blake2b:
        """A hash of the seed and a text."""
        state = hashlib.blake2b(b"%d\0" % self.settings.seed, digest_size=8)
        state.update(text.encode("utf-8", "surrogatepass"))
        return state

    def _draw(self, request: LMRequest) -> hashlib.blake2b:
        """A hash of the seed and the request, from which everything is drawn."""
        state = self._start(request.prompt)
        if request.messages:
            state.update(repr(request.messages).encode("utf-8", "surrogatepass"))
        for text in (*request.continuations, *(request.continuation_prompts or ())):
            state.update(b"\0" + text.encode("utf-8", "surrogatepass"))
        return state

    async def _trouble(self, request: LMRequest) -> str | None:
        """Take the time a request takes, and fail if it should; else the fault of the output."""
        draw = self._draw(request)
        low, high = self.settings.window
        if high > 0:
            await anyio.sleep(low + (high - low) * uniform(draw, b"latency"))
        fault = self.settings.faults.draw(uniform(draw, b"fault"))
        if fault == "fail":
            raise ProviderError("the mock was told to fail on this request")
        if fault == "refuse":
            raise RefusedError("the mock was told to refuse this request")
        if fault == "transient":
            key = draw.digest()
            if key not in self._attempted:
                self._attempted.add(key)
                raise TransientError("the mock was told to fail once on this request")
            self._attempted.discard(key)
        return fault
