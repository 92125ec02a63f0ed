"""What blocks runs beside the event loop, and ends with the task that waits for it."""

from __future__ import annotations

import threading
import time

import anyio
import pytest

from olmo_eval_scaffolds.threads import Calls, ThreadEnded, in_thread


async def double(number: int) -> int:
    await anyio.sleep(0.001)
    return 2 * number


async def fail() -> None:
    raise ValueError("no")


def test_a_thread_calls_coroutines_and_returns() -> None:
    def work(calls: Calls) -> list[int]:
        return [calls(double, number) for number in range(5)]

    async def main() -> None:
        results: list[list[int]] = []

        async def one() -> None:
            results.append(await in_thread(work))

        async with anyio.create_task_group() as group:  # more than there are places for others
            for _ in range(60):
                group.start_soon(one)
        assert results == [[0, 2, 4, 6, 8]] * 60

    anyio.run(main)


def test_what_a_coroutine_raises_is_raised_in_the_thread_and_on() -> None:
    def catches(calls: Calls) -> str:
        with pytest.raises(ValueError, match="no"):
            calls(fail)
        return "caught"

    def passes_on(calls: Calls) -> None:
        calls(fail)

    async def main() -> None:
        assert await in_thread(catches) == "caught"
        with pytest.raises(ValueError, match="no"):
            await in_thread(passes_on)

    anyio.run(main)


@pytest.mark.parametrize("busy", [0.0, 0.02])
@pytest.mark.parametrize("limit", [0.001 * n for n in range(0, 60, 3)])
def test_a_limit_ends_the_thread_whatever_it_does(limit: float, busy: float) -> None:
    """Also one that comes while the thread computes, or between two calls."""
    ended = threading.Event()

    def work(calls: Calls) -> None:
        try:
            while True:
                calls(double, 1)
                time.sleep(busy)
        except ThreadEnded:
            ended.set()
            raise

    async def main() -> None:
        with anyio.fail_after(20):
            with anyio.move_on_after(limit) as scope:
                await in_thread(work)
            assert scope.cancelled_caught and ended.is_set()

    anyio.run(main)


def test_a_thread_that_calls_on_calls_in_vain() -> None:
    refused: list[int] = []

    def work(calls: Calls) -> None:
        for number in range(3):
            try:
                calls(anyio.sleep, 60)
            except ThreadEnded:
                refused.append(number)

    async def main() -> None:
        with anyio.move_on_after(0.05) as scope:
            await in_thread(work)
        assert scope.cancelled_caught and refused == [0, 1, 2]

    anyio.run(main)
