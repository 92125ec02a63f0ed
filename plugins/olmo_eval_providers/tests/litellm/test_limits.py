"""Rates, concurrency and cost, without a service."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from olmo_eval.errors import RunFailedError
from olmo_eval_providers.litellm.limits import AdaptiveGate, CostMeter, MinuteLimit
from olmo_eval_providers.openai_api.errors import OverloadError


async def fail(gate, retry_after=None):
    with contextlib.suppress(OverloadError):
        async with gate.slot():
            await asyncio.sleep(0.01)
            raise OverloadError("429", retry_after=retry_after)


async def succeed(gate):
    async with gate.slot():
        await asyncio.sleep(0)


def test_slow_start_then_halving_then_one_a_round():
    async def main():
        gate = AdaptiveGate(64, start=2)
        await asyncio.gather(*(succeed(gate) for _ in range(6)))
        assert gate.limit == 8
        await fail(gate)
        assert gate.limit == 4
        await asyncio.gather(*(succeed(gate) for _ in range(4)))
        assert gate.limit == pytest.approx(5, abs=0.2)

    asyncio.run(main())


def test_calls_that_fail_together_halve_once():
    async def main():
        gate = AdaptiveGate(8, start=8)
        await asyncio.gather(*(fail(gate) for _ in range(8)))
        assert gate.limit == 4
        assert gate.active == 0

    asyncio.run(main())


def test_retry_after_holds_everyone_back():
    async def main():
        gate = AdaptiveGate(8)
        await fail(gate, retry_after=0.2)
        began = asyncio.get_running_loop().time()
        await succeed(gate)
        assert asyncio.get_running_loop().time() - began >= 0.19

    asyncio.run(main())


def test_minute_limit_counts_what_was_really_spent():
    async def main():
        now = [0.0]
        limit = MinuteLimit(100, clock=lambda: now[0])
        entry = await limit.take(90)
        assert limit._wait(20) == 60
        limit.correct(entry, 30)
        assert limit._wait(20) == 0
        now[0] = 61.0
        assert limit._wait(100) == 0

    asyncio.run(main())


def test_more_than_the_limit_waits_for_an_empty_minute():
    limit = MinuteLimit(10, clock=lambda: 0.0)
    assert limit._wait(50) == 0


def test_cost_meter():
    meter = CostMeter(1.0)
    meter.add(0.6)
    meter.add(None)
    meter.check()
    meter.add(0.4)
    with pytest.raises(RunFailedError, match="stopped at max_cost"):
        meter.check()
    assert meter.unpriced == 1
