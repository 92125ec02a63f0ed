"""What an external eval asks of the model: recorded as it is answered, and not asked twice.

``requests.jsonl`` in the run's folder has one line a request, in the order of the answers::

    {"key": ..., "request": {...}, "sampling": {...}, "outputs": [...], "error": null, ...}

A run that was not finished begins anew, but what its earlier attempts were answered is taken from
there: each recorded answer once, so that samples of one prompt stay as many as they were.
"""

from __future__ import annotations

import errno
import os
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import Any, Protocol

import anyio
import orjson
from attrs import asdict, define

from olmo_eval.common.types import Capability, LMOutput, LMRequest, SamplingParams, Usage
from olmo_eval.harness.runtime import Harness
from olmo_eval.providers.auxiliary import AuxiliaryProviders
from olmo_eval.providers.engine_input import EngineInput
from olmo_eval.providers.models import make_provider
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval.results.folder import now, unwritable
from olmo_eval.results.journal import cut_torn_tail
from olmo_eval.results.record import dumps, output_row, request_hash, request_row, row_outputs

FILE = "requests.jsonl"


@define
class Tally:
    """How many requests were ``answered``, taken over from earlier attempts (``reused``) and
    ``failed``, and what the answered ones cost."""

    answered: int = 0
    reused: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None

    def add(self, usage: Usage) -> None:
        self.prompt_tokens += usage.prompt_tokens
        self.completion_tokens += usage.completion_tokens
        if usage.cost_usd is not None:
            self.cost_usd = (self.cost_usd or 0.0) + usage.cost_usd

    def to_dict(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


class RequestLog:
    """The file of what was asked; what stands in it already is there to be taken over.

    Raises:
        OlmoEvalError: the file cannot be read or written.
    """

    def __init__(self, path: Path, redact: Callable[[bytes], bytes]) -> None:
        self.path = path
        self._redact = redact
        self._known: defaultdict[str, deque[int]] = defaultdict(deque)
        try:
            cut_torn_tail(path)
            self._file = path.open("a+b")
            self._read()
        except OSError as error:
            raise unwritable(error, path) from error

    def _read(self) -> None:
        self._file.seek(0)
        at = 0
        for line in self._file:
            found = _line(line)
            if found is not None and found.get("error") is None:
                self._known[found["key"]].append(at)
            at += len(line)

    def take(self, key: str) -> tuple[LMOutput, ...] | None:
        """An answer of an earlier attempt, the oldest that was not taken yet."""
        places = self._known.get(key)
        if not places:
            return None
        with self.path.open("rb") as file:
            file.seek(places.popleft())
            found = _line(file.readline())
        assert found is not None, "a line that was read can be read again"
        return row_outputs(found)

    def append(self, row: dict[str, Any]) -> None:
        """Write a line; when this returns, a killed process cannot lose it."""
        try:
            line = self._redact(dumps(row).encode()) + b"\n"
            if os.write(self._file.fileno(), line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise unwritable(error, self.path) from error

    def close(self) -> None:
        self._file.close()


def _line(line: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "key" in found else None


class Answering(Protocol):
    """A model that can be asked, with its limit of requests at once."""

    @property
    def config(self) -> ProviderConfig: ...

    @property
    def capabilities(self) -> Collection[Capability]: ...

    @property
    def takes_tokens(self) -> bool: ...

    @property
    def max_concurrency(self) -> int: ...

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]: ...

    async def loglikelihood(self, request: LMRequest) -> list[LMOutput]: ...

    async def inspect(
        self, request: LMRequest, params: SamplingParams
    ) -> list[EngineInput] | None: ...


class EvaluatedModel:
    """The model under test, under its harness: its prompt, tools, retries and limits.

    Log-likelihoods are measured on the model as it is.
    """

    def __init__(self, harness: Harness) -> None:
        self.harness = harness
        self._room = anyio.CapacityLimiter(harness.max_concurrency)

    @property
    def config(self) -> ProviderConfig:
        return self.harness.provider.config

    @property
    def capabilities(self) -> Collection[Capability]:
        return self.harness.provider.capabilities

    @property
    def takes_tokens(self) -> bool:
        """A harness that adds to the conversation writes a prompt of its own."""
        harness = self.harness
        bare = harness.scaffold is None and not harness.tools
        return bare and harness.config.system_prompt is None and harness.provider.takes_tokens

    @property
    def max_concurrency(self) -> int:
        return self.harness.max_concurrency

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        async with self._room:
            return await self.harness.execute(request, params)

    async def loglikelihood(self, request: LMRequest) -> list[LMOutput]:
        async with self._room:
            return await self.harness.provider.loglikelihood(request)

    async def inspect(self, request: LMRequest, params: SamplingParams) -> list[EngineInput] | None:
        return await self.harness.provider.inspect(request, params)


class AuxiliaryModel:
    """Another model of the harness: a judge, a simulated user. Started when it is first asked."""

    def __init__(self, auxiliary: AuxiliaryProviders, name: str) -> None:
        self._auxiliary, self._name = auxiliary, name
        self.config = auxiliary.config(name)
        facts = make_provider(self.config)
        self.capabilities: Collection[Capability] = facts.capabilities_for(self.config)
        self.max_concurrency = facts.max_concurrency
        self.takes_tokens = False

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        provider, room = await self._auxiliary.get(self._name)
        async with room:
            return await provider.generate(request, params)

    async def loglikelihood(self, request: LMRequest) -> list[LMOutput]:
        provider, room = await self._auxiliary.get(self._name)
        async with room:
            return await provider.loglikelihood(request)

    async def inspect(self, request: LMRequest, params: SamplingParams) -> list[EngineInput] | None:
        return None


class RecordedModel:
    """A model whose requests are recorded in ``log``; ``name`` is that of an auxiliary one."""

    def __init__(self, model: Answering, log: RequestLog, name: str | None = None) -> None:
        self.model, self.log, self.name = model, log, name
        self.tally = Tally()

    @property
    def config(self) -> ProviderConfig:
        return self.model.config

    @property
    def capabilities(self) -> Collection[Capability]:
        return self.model.capabilities

    @property
    def takes_tokens(self) -> bool:
        return self.model.takes_tokens

    @property
    def max_concurrency(self) -> int:
        return self.model.max_concurrency

    async def inspect(self, request: LMRequest, params: SamplingParams) -> list[EngineInput] | None:
        return await self.model.inspect(request, params)

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        return await self._recorded(request, params, lambda: self.model.generate(request, params))

    async def loglikelihood(self, request: LMRequest) -> list[LMOutput]:
        return await self._recorded(request, None, lambda: self.model.loglikelihood(request))

    async def _recorded(
        self,
        request: LMRequest,
        params: SamplingParams | None,
        ask: Callable[[], Awaitable[list[LMOutput]]],
    ) -> list[LMOutput]:
        row = request_row(request)
        key = request_hash(row, params or SamplingParams())
        key = key if self.name is None else f"{self.name}:{key}"
        known = self.log.take(key)
        if known is not None:
            self.tally.reused += 1
            return list(known)
        began, start = now(), time.perf_counter()
        line: dict[str, Any] = {"key": key, "asked": began, "request": row}
        line["sampling"] = None if params is None else asdict(params)
        try:
            outputs = await ask()
        except Exception as error:
            self.tally.failed += 1
            told = f"{type(error).__name__}: {error}"
            self._keep(line, start, outputs=[], error=told)
            raise
        self.tally.answered += 1
        for usage in (output.usage for output in outputs):
            if usage is not None:
                self.tally.add(usage)
        kept = [output_row(output, continuation=False) for output in outputs]
        self._keep(line, start, outputs=kept, error=None)
        return outputs

    def _keep(self, line: dict[str, Any], start: float, **more: Any) -> None:
        self.log.append({**line, "seconds": round(time.perf_counter() - start, 6), **more})
