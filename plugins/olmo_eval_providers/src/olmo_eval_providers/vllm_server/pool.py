"""Several servers behind one provider: least-loaded routing, and one restart each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from attrs import define, field

from olmo_eval.errors import ProviderError, RunFailedError, TransientError
from olmo_eval_providers.openai_api.client import OpenAIClient
from olmo_eval_providers.vllm_server.process import ServerProcess

T = TypeVar("T")


@define(eq=False)
class Instance:
    """A server that takes requests; ``process`` is None for one that somebody else runs."""

    client: OpenAIClient
    process: ServerProcess | None = None
    in_flight: int = 0
    restarts: int = 0
    _restarting: asyncio.Lock = field(factory=asyncio.Lock, init=False)

    async def call(self, function: Callable[[OpenAIClient], Awaitable[T]]) -> T:
        """``function(client)``; where the server died under it, again after one restart.

        Raises:
            RunFailedError: the server died a second time.
        """
        while True:
            client = self.client
            try:
                return await function(client)
            except TransientError:
                if self.process is None:
                    raise
                # a process that was killed needs a moment to be seen dead
                await asyncio.sleep(0.1)
                steady = self.process.alive and not self._restarting.locked()
                if steady and self.client is client:
                    raise
            await self._restart(client)

    async def _restart(self, dead: OpenAIClient) -> None:
        async with self._restarting:
            process = self.process
            assert process is not None
            if self.client is not dead and process.alive:
                return  # somebody else has done it
            failure = process.failure_summary()
            if self.restarts:
                raise RunFailedError(
                    f"the vLLM server died twice: {failure}",
                    hint=f"its log: {process.log}; what is finished is kept, rerun to resume",
                )
            self.restarts += 1
            await process.stop()
            try:
                await process.start()
            except ProviderError as error:
                raise RunFailedError(
                    f"the vLLM server died and did not start again: {error.message}",
                    hint=error.hint,
                ) from error
            self.client = process.client


@define
class Pool:
    """Instances that serve the same model."""

    instances: list[Instance]

    async def route(self, function: Callable[[Instance], Awaitable[T]]) -> T:
        """``function`` with the instance that has the least in flight."""
        instance = min(self.instances, key=lambda i: i.in_flight)
        instance.in_flight += 1
        try:
            return await function(instance)
        finally:
            instance.in_flight -= 1

    async def close(self) -> None:
        for instance in self.instances:
            if instance.process is not None:
                await instance.process.stop()
            else:
                await instance.client.close()


def gpus_of_instances(gpus: Sequence[str], instances: int, each: int) -> list[dict[str, str]]:
    """The environment of each instance: its own ``each`` GPUs out of those that are visible.

    Raises:
        ProviderError: there are not enough.
    """
    if not gpus:
        return [{} for _ in range(instances)]
    if instances * each > len(gpus):
        raise ProviderError(
            f"{instances} instances of {each} GPUs need {instances * each}, "
            f"and {len(gpus)} are visible",
            hint="lower num_instances or tensor_parallel_size",
        )
    return [
        {"CUDA_VISIBLE_DEVICES": ",".join(gpus[i * each : (i + 1) * each])}
        for i in range(instances)
    ]
