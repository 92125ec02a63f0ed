"""Several samples of one instance: each an episode by itself, with a seed of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import anyio
from attrs import evolve

from olmo_eval.common.types import SamplingParams

T = TypeVar("T")


def sample_params(params: SamplingParams, index: int) -> SamplingParams:
    """The parameters of sample ``index``: one sample, with a seed of its own."""
    if params.num_samples == 1:
        return params
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
