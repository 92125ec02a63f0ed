"""vLLM's asynchronous engine: processes of its own, one engine core per data-parallel rank.

``LLMEngine`` cannot spread requests over ranks; ``AsyncLLM`` starts the ranks and gives each
request to the one with the least to do. It lives in the event loop that it is made in.
"""

from __future__ import annotations

import asyncio
from typing import Any

from olmo_eval.errors import OlmoEvalError
from olmo_eval_providers.vllm.engine import (
    LIVENESS_INTERVAL,
    PendingRequest,
    engine_died,
    finished_output,
    provider_closed,
    request_refused,
)


class AsyncEngine:
    """Feeds vLLM's ``AsyncLLM`` from the event loop in which it was made."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self._tasks: dict[PendingRequest, asyncio.Task[None]] = {}
        self._count = 0
        self._watch = asyncio.create_task(self._fail_when_dead())

    def submit(self, pending: PendingRequest) -> None:
        """Raises RunFailedError where the engine has died."""
        if self.engine.errored:
            raise engine_died(self.engine.dead_error)
        self._count += 1
        self._tasks[pending] = asyncio.create_task(self._answer(str(self._count), pending))

    def cancel(self, pending: PendingRequest) -> None:
        task = self._tasks.pop(pending, None)
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        self._watch.cancel()
        self._fail_all(provider_closed())
        # it would take the end of the processes for a failure
        self.engine.output_handler.cancel()
        # in a thread: it waits for the processes, and tidies up in this loop meanwhile
        await asyncio.to_thread(self.engine.shutdown)

    async def _answer(self, name: str, pending: PendingRequest) -> None:
        result: Any = None
        try:
            async for output in self.engine.generate(pending.tokens, pending.sampling, name):
                result = finished_output(output)
        except Exception as error:
            dead = self.engine.errored
            result = engine_died(error) if dead else request_refused(error.__cause__ or error)
        if self._tasks.pop(pending, None) is not None:
            pending.done(result)

    async def _fail_when_dead(self) -> None:
        """vLLM tells most of those who wait, but not those who wait to be taken in."""
        while True:
            await asyncio.sleep(LIVENESS_INTERVAL)
            if self.engine.errored:
                return self._fail_all(engine_died(self.engine.dead_error))

    def _fail_all(self, error: OlmoEvalError) -> None:
        left, self._tasks = self._tasks, {}
        for pending, task in left.items():
            task.cancel()
            pending.done(error)
