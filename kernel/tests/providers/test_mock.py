"""The mock keeps the providers' contract, and does what it is told."""

from __future__ import annotations

import random
from typing import Any

import anyio
import pytest

from olmo_eval.common.types import (
    Capability,
    Instance,
    LMOutput,
    LMRequest,
    RequestType,
    SamplingParams,
)
from olmo_eval.errors import ProviderError, RefusedError, TransientError, UsageError
from olmo_eval.providers.mock import MockProvider
from olmo_eval.providers.provider import ProviderConfig, current_instance
from olmo_eval.testing.provider import provider_contract

GREEDY = SamplingParams()


def mock(**settings: Any) -> MockProvider:
    return MockProvider(ProviderConfig(kind="mock", kwargs=settings))


test_contract = provider_contract(mock)
test_contract_with_faults = provider_contract(lambda: mock(seed=3, latency=[0.0, 0.002]))
test_contract_of_a_chat_service = provider_contract(lambda: mock(capabilities=["chat", "tools"]))


def question(number: int) -> LMRequest:
    return LMRequest(RequestType.COMPLETION, prompt=f"Question {number}?")


def choices(number: int) -> LMRequest:
    return LMRequest(
        RequestType.LOGLIKELIHOOD,
        prompt=f"Question {number}?",
        continuations=(" a", " a much longer choice", " cc", " ddd"),
    )


def run(provider: MockProvider, numbers: list[int], *, measure: bool = False) -> dict[int, Any]:
    """What each question gives: outputs, or the type of the error."""

    async def one(number: int) -> Any:
        gold = number % 4
        current_instance.set(
            Instance("q", gold_answer=str(number), choices=("a", "b", "c", "d"),
                     metadata={"gold_idx": gold})
            if measure else Instance("q", gold_answer=str(number))
        )  # fmt: skip
        try:
            if measure:
                return await provider.loglikelihood(choices(number))
            return await provider.generate(question(number), GREEDY)
        except ProviderError as error:
            return type(error)

    async def main() -> dict[int, Any]:
        return {number: await one(number) for number in numbers}

    return anyio.run(main)


def test_skill_is_the_share_of_right_answers() -> None:
    results = run(mock(skill=0.7), list(range(2000)))
    right = sum(outputs[0].text == str(n) for n, outputs in results.items())
    assert 0.67 < right / 2000 < 0.73


@pytest.mark.parametrize("skill", [0.0, 0.7, 1.0])
def test_skill_prefers_the_right_choice_by_every_measure(skill: float) -> None:
    results = run(mock(skill=skill), list(range(1000)), measure=True)

    def best(outputs: list[LMOutput], per: Any) -> int:
        return max(range(4), key=lambda i: (outputs[i].sum_logprob or 0) / per(outputs[i]))

    for per in (lambda o: 1, lambda o: len(o.text), lambda o: o.num_tokens):
        right = sum(best(outputs, per) == n % 4 for n, outputs in results.items())
        assert abs(right / 1000 - skill) < 0.05


def test_order_changes_nothing() -> None:
    settings: dict[str, Any] = {
        "skill": 0.5,
        "faults": {"fail": 0.2, "refuse": 0.2, "truncate": 0.1, "garbage": 0.1},
    }
    numbers = list(range(300))
    shuffled = random.Random(1).sample(numbers, len(numbers))
    assert run(mock(**settings), numbers) == run(mock(**settings), shuffled)
    assert run(mock(**settings), numbers) != run(mock(seed=1, **settings), numbers)


def test_faults_come_as_often_as_told() -> None:
    results = run(mock(faults={"fail": 0.1, "refuse": 0.3, "truncate": 0.2}), list(range(2000)))
    kinds = list(results.values())
    cut = [r for r in kinds if isinstance(r, list) and r[0].finish_reason == "length"]
    assert 0.07 < kinds.count(ProviderError) / 2000 < 0.13
    assert 0.26 < kinds.count(RefusedError) / 2000 < 0.34
    assert 0.16 < len(cut) / 2000 < 0.24


def test_a_transient_fault_passes() -> None:
    provider = mock(faults={"transient": 1.0})
    assert run(provider, [1])[1] is TransientError
    assert run(provider, [1])[1][0].text == "The answer is 42."


def test_turns_can_be_scripted() -> None:
    call = {"text": "hm", "tool_calls": [{"name": "calculator", "arguments": {"expression": "1"}}]}
    provider = mock(replies=[call, "done"])
    user: Any = {"role": "user", "content": "q"}
    said: Any = {"role": "assistant", "content": "hm"}
    shots = (user, said, user)

    async def ask(*messages: Any) -> LMOutput:
        request = LMRequest(RequestType.CHAT, messages=messages)
        return (await provider.generate(request, GREEDY))[0]

    first = anyio.run(ask, *shots)
    assert first.finish_reason == "tool_calls"
    assert first.tool_calls[0].arguments == '{"expression": "1"}'
    assert anyio.run(ask, *shots, said).text == "done"


def test_in_a_conversation_there_are_replies_to_each_message_of_the_user() -> None:
    call = {"tool_calls": [{"name": "look", "arguments": {}}]}
    provider = mock(replies=[[call, "one"], ["two"]])
    user: Any = {"role": "user", "content": "q"}
    called: Any = {"role": "assistant", "content": None}
    result: Any = {"role": "tool", "tool_call_id": "x", "content": "seen"}

    async def ask(*messages: Any) -> LMOutput:
        request = LMRequest(RequestType.CHAT, messages=messages)
        return (await provider.generate(request, GREEDY))[0]

    said = (user, called, result, called, user)
    assert [anyio.run(ask, *said[:n]).text for n in (1, 3, 5)] == ["", "one", "two"]
    assert anyio.run(ask, *said, called, user).text == "two"  # the last ones are repeated


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"skil": 0.5}, "skil"),
        ({"skill": 1.5}, "between 0 and 1"),
        ({"latency": [2, 1]}, "latency"),
        ({"latency": "slow"}, "latency"),
        ({"faults": {"fial": 1}}, "fial"),
        ({"capabilities": ["chatt"]}, "chatt"),
    ],
)
def test_wrong_settings_are_named(settings: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        mock(**settings)


def test_it_can_do_less() -> None:
    config = ProviderConfig(kwargs={"capabilities": ["generate"]})
    assert MockProvider.capabilities_for(config) == {Capability.GENERATE}
