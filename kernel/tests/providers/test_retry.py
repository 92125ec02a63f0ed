"""What may pass is tried again, with manners; everything else is not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olmo_eval.common.retry import backoff, with_retries
from olmo_eval.common.types import LMOutput, LMRequest, RequestType, SamplingParams
from olmo_eval.errors import ProviderError, RefusedError, TransientError
from olmo_eval.providers.engine_input import EngineInput
from olmo_eval.providers.provider import Provider, ProviderConfig
from olmo_eval.providers.retry import RetryingProvider


def failing(*errors: Exception) -> Callable[[], Awaitable[str]]:
    """A call that raises ``errors`` one after another, then answers."""
    left = list(errors)

    async def call() -> str:
        if left:
            raise left.pop(0)
        return "answer"

    return call


@pytest.mark.parametrize(
    "error",
    [TransientError("429"), TimeoutError(), ConnectionResetError(), OSError(113, "no route")],
)
def test_what_may_pass_is_tried_again(error: Exception) -> None:
    waits: list[float] = []

    async def main() -> str:
        return await with_retries(
            failing(error, error),
            max_retries=2,
            base=0.001,
            on_retry=lambda _e, delay: waits.append(delay),
        )

    assert anyio.run(main) == "answer"
    assert len(waits) == 2


@pytest.mark.parametrize(
    "error",
    [ProviderError("bad"), RefusedError("no"), ValueError("bug"), FileNotFoundError("model")],
)
def test_everything_else_is_not(error: Exception) -> None:
    async def main() -> None:
        with pytest.raises(type(error)) as caught:
            await with_retries(failing(error), max_retries=5)
        assert caught.value is error

    anyio.run(main)


def test_the_last_reason_is_told_with_the_number_of_attempts() -> None:
    async def main() -> None:
        with pytest.raises(TransientError, match=r"HTTP 503 \(3 attempts\)"):
            await with_retries(
                failing(*[TransientError("HTTP 503")] * 9), max_retries=2, base=0.001
            )

    anyio.run(main)


def test_an_attempt_that_takes_too_long_is_a_failure_that_may_pass() -> None:
    calls = 0

    async def slow_once() -> str:
        nonlocal calls
        calls += 1
        if calls == 1:
            await anyio.sleep(30)
        return "answer"

    async def main() -> str:
        return await with_retries(slow_once, max_retries=1, timeout=0.05, base=0.001)

    assert anyio.run(main) == "answer"

    async def never() -> None:
        with pytest.raises(TransientError, match=r"no answer within 0\.05 s"):
            await with_retries(lambda: anyio.sleep(30), max_retries=0, timeout=0.05)

    anyio.run(never)


def test_waiting_grows_is_capped_and_honours_retry_after() -> None:
    assert [backoff(i, base=1, jitter=lambda: 1.0) for i in range(4)] == [1, 2, 4, 8]
    assert backoff(30, base=1, cap=60, jitter=lambda: 1.0) == 60
    assert backoff(0, base=1, retry_after=7, jitter=lambda: 0.0) == 7
    assert backoff(0, base=1, cap=60, retry_after=9999, jitter=lambda: 0.0) == 60


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True), st.floats(-5, 1e6))
def test_waiting_is_always_a_sane_number(attempt: int, number: float, retry_after: float) -> None:
    wait = backoff(attempt, retry_after=retry_after, jitter=lambda: number)
    assert 0 <= wait <= 120


class Flaky(Provider):
    limits_attempts = False
    retry_base = 0.001

    def __init__(self) -> None:
        super().__init__(ProviderConfig(max_retries=3))
        self.calls = 0
        self.secret_sauce = "sauce"

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        self.calls += 1
        if self.calls < 3:
            raise TransientError("again")
        return [LMOutput("ok")]

    async def inspect(self, request: LMRequest, params: SamplingParams) -> list[EngineInput]:
        return [EngineInput("seen")]


@pytest.mark.parametrize("limited", [True, False])
def test_a_provider_is_retried_and_otherwise_itself(limited: bool) -> None:
    inner = Flaky()
    inner.limits_attempts = limited
    provider = RetryingProvider(inner)
    request = LMRequest(RequestType.COMPLETION, prompt="a")

    async def main() -> list[LMOutput]:
        return await provider.generate(request, SamplingParams())

    assert anyio.run(main)[0].text == "ok"
    assert (inner.calls, provider.retries) == (3, 2)
    assert anyio.run(provider.inspect, request, SamplingParams()) == [EngineInput("seen")]
    assert provider.secret_sauce == "sauce" and provider.max_concurrency == 64
