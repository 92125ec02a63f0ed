"""Does a provider keep the kernel's contract? One line in a plugin's tests::

    from olmo_eval.testing.provider import provider_contract

    test_contract = provider_contract(lambda: Parrot(ProviderConfig(model="parrot")))

Checks of what the provider does not claim to do become checks that it says so. ``seeded=False``
leaves out what only a provider with seeds of its own can promise, ``exact=False`` what an API
whose greedy decoding varies cannot. The model should answer a prompt with several words.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import anyio

from olmo_eval.common.types import Capability, LMOutput, LMRequest, RequestType, SamplingParams
from olmo_eval.errors import ProviderError, UsageError
from olmo_eval.providers.provider import Provider

#: nats by which a log-likelihood may differ between two ways of asking for it
TOLERANCE = 1e-3
_GREEDY = SamplingParams(max_tokens=24, temperature=0.0)
_SAMPLED = SamplingParams(max_tokens=12, temperature=1.0, num_samples=3, seed=11)
_TEXTS = (
    "One two three four five",
    "Question: 2 + 2?\nAnswer:",
    "naïve 日本語 🙂 text",
    "The",
)

Check = Callable[[Provider], Awaitable[None]]


def able(provider: Provider) -> frozenset[Capability]:
    """What the provider says it can do under its configuration."""
    return type(provider).capabilities_for(provider.config)


def ask(text: str, provider: Provider) -> LMRequest:
    """A request to generate, of a type that the provider takes."""
    if Capability.GENERATE in able(provider):
        return LMRequest(RequestType.COMPLETION, prompt=text)
    return LMRequest(RequestType.CHAT, messages=({"role": "user", "content": text},))


def _choices(text: str) -> LMRequest:
    return LMRequest(
        RequestType.LOGLIKELIHOOD,
        prompt=text,
        continuations=(" yes", " no", " perhaps tomorrow", " ünïcode"),
    )


def _texts(outputs: Sequence[LMOutput]) -> list[str]:
    return [output.text for output in outputs]


def _same(one: Sequence[LMOutput], other: Sequence[LMOutput]) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert a.text == b.text
        assert abs((a.sum_logprob or 0.0) - (b.sum_logprob or 0.0)) <= TOLERANCE
        assert a.num_tokens == b.num_tokens


# -- generating


async def every_sample_is_there(provider: Provider) -> None:
    for count in (1, 3):
        params = SamplingParams(max_tokens=4, temperature=0.7, num_samples=count, seed=1)
        outputs = await provider.generate(ask(_TEXTS[0], provider), params)
        assert len(outputs) == count
        assert all(o.finish_reason in ("stop", "length") for o in outputs)


async def greedy_is_repeatable(provider: Provider) -> None:
    request = ask(_TEXTS[1], provider)
    first = await provider.generate(request, _GREEDY)
    assert _texts(first) == _texts(await provider.generate(request, _GREEDY))


async def stop_sequences_are_cut_off(provider: Provider) -> None:
    request = ask(_TEXTS[0], provider)
    (full,) = await provider.generate(request, _GREEDY)
    assert len(full.text) >= 3, "the model under test says too little for this check"
    stop = full.text[len(full.text) // 2 :][:2]
    params = SamplingParams(max_tokens=24, stop_sequences=("\x00never\x00", stop))
    (cut,) = await provider.generate(request, params)
    assert cut.text == full.text[: full.text.index(stop)]
    assert cut.finish_reason == "stop"


async def max_tokens_ends_as_length(provider: Provider) -> None:
    request = ask(_TEXTS[0], provider)
    (full,) = await provider.generate(request, _GREEDY)
    (short,) = await provider.generate(request, SamplingParams(max_tokens=1))
    assert short.finish_reason == "length"
    assert len(short.text) < len(full.text)


async def usage_is_counted(provider: Provider) -> None:
    (output,) = await provider.generate(ask(_TEXTS[1], provider), _GREEDY)
    if provider.reports_usage:
        assert output.usage is not None
        assert output.usage.prompt_tokens > 0 and output.usage.completion_tokens > 0


async def a_prompt_is_shown_as_it_is_read(provider: Provider) -> None:
    """What ``inspect`` says of a prompt is what was counted for it."""
    message = ({"role": "user", "content": _TEXTS[1]},)
    requests = [ask(_TEXTS[1], provider)]
    if Capability.CHAT in able(provider):
        requests.append(LMRequest(RequestType.CHAT, messages=message))
    for request in requests:
        shown = await provider.inspect(request, _GREEDY)
        if shown is None:
            continue
        (one,) = shown
        assert "2 + 2?" in one.text
        if one.tokens is not None:
            (output,) = await provider.generate(request, _GREEDY)
            assert output.usage is not None and output.usage.prompt_tokens == len(one.tokens)


async def odd_prompts_are_answered(provider: Provider) -> None:
    """Answered or refused: nothing else, whatever the text."""
    for text in ("日本語 🙂", " ", "a\n\n\tb", ""):
        try:
            outputs = await provider.generate(ask(text, provider), SamplingParams(max_tokens=2))
        except ProviderError:
            continue
        assert len(outputs) == 1


async def requests_in_flight_do_not_mix(provider: Provider) -> None:
    requests = [ask(f"{text} {i}", provider) for i in range(4) for text in _TEXTS]
    alone = [_texts(await provider.generate(r, _GREEDY)) for r in requests]
    together = await at_once([partial(provider.generate, r, _GREEDY) for r in requests])
    assert [_texts(outputs) for outputs in together] == alone


async def seeded_samples_are_repeatable(provider: Provider) -> None:
    requests = [ask(f"{text} {i}", provider) for i in range(3) for text in _TEXTS]
    alone = [_texts(await provider.generate(r, _SAMPLED)) for r in requests]
    together = await at_once([partial(provider.generate, r, _SAMPLED) for r in reversed(requests)])
    assert [_texts(outputs) for outputs in reversed(together)] == alone


# -- measuring


async def every_continuation_is_scored_in_order(provider: Provider) -> None:
    request = _choices(_TEXTS[1])
    outputs = await provider.loglikelihood(request)
    assert _texts(outputs) == list(request.continuations)
    for output in outputs:
        assert output.sum_logprob is not None and output.sum_logprob <= 0
        assert output.num_tokens is not None and output.num_tokens >= 1
        assert output.is_greedy is not None
    assert len({o.sum_logprob for o in outputs}) > 1, "all continuations are equally probable"


async def the_context_counts(provider: Provider) -> None:
    scores = [
        [o.sum_logprob for o in await provider.loglikelihood(_choices(text))] for text in _TEXTS
    ]
    assert all(a != b for a, b in pairwise(scores))


async def each_continuation_has_its_own_context(provider: Provider) -> None:
    own = LMRequest(
        RequestType.LOGLIKELIHOOD,
        prompt="not used",
        continuations=(" yes",) * len(_TEXTS),
        continuation_prompts=_TEXTS,
    )
    together = await provider.loglikelihood(own)
    for text, output in zip(_TEXTS, together, strict=True):
        alone = LMRequest(RequestType.LOGLIKELIHOOD, prompt=text, continuations=(" yes",))
        _same([output], await provider.loglikelihood(alone))


async def measurements_in_flight_do_not_mix(provider: Provider) -> None:
    requests = [_choices(f"{text} {i}") for i in range(4) for text in _TEXTS]
    alone = [await provider.loglikelihood(r) for r in requests]
    together = await at_once([partial(provider.loglikelihood, r) for r in requests])
    for one, other in zip(alone, together, strict=True):
        _same(one, other)


async def what_is_measured_is_shown(provider: Provider) -> None:
    """What ``inspect`` says is scored is what was scored."""
    for text in (*_TEXTS, "A trailing space ", ""):
        request = _choices(text)
        shown = await provider.inspect(request, _GREEDY)
        if shown is None or any(one.tokens is None for one in shown):
            return
        for one, output in zip(shown, await provider.loglikelihood(request), strict=True):
            assert one.tokens is not None and one.scored_from is not None
            scored = one.tokens[one.scored_from :]
            assert len(scored) == output.num_tokens
            assert output.usage is None or output.usage.prompt_tokens == len(one.tokens)


async def an_empty_context_is_measured(provider: Provider) -> None:
    (output, *_rest) = await provider.loglikelihood(_choices(""))
    assert output.sum_logprob is not None and output.sum_logprob <= 0


async def whole_texts_are_measured(provider: Provider) -> None:
    for text in _TEXTS:
        request = LMRequest(RequestType.ROLLING, prompt=text * 3)
        (output,) = await provider.loglikelihood(request)
        assert output.text == text * 3
        assert output.sum_logprob is not None and output.sum_logprob < 0
        assert output.num_tokens is not None and output.num_tokens >= 1


async def token_ids_stand_for_their_text(provider: Provider) -> None:
    """Of a provider that takes them: they are continued as their text is, and each but the first
    is measured."""
    request = ask(_TEXTS[0], provider)
    shown = await provider.inspect(request, _GREEDY) if provider.takes_tokens else None
    if shown is None or shown[0].tokens is None:
        assert not provider.takes_tokens, "it takes token ids and does not show them"
        return
    ids = tuple(token.id for token in shown[0].tokens)
    by_ids = LMRequest(RequestType.COMPLETION, prompt_tokens=ids)
    assert _texts(await provider.generate(by_ids, _GREEDY)) == _texts(
        await provider.generate(request, _GREEDY)
    )
    measured = LMRequest(RequestType.ROLLING, prompt_tokens=ids)
    (output,) = await provider.loglikelihood(measured)
    found = output.logprobs or ()
    assert len(found) == output.num_tokens == len(ids) - 1
    total = sum(token["logprob"] for token in found)
    assert abs(total - (output.sum_logprob or 0.0)) <= TOLERANCE
    for token in found:
        tops = token.get("top_logprobs") or []
        assert len(tops) == 1
        assert tops[0]["logprob"] >= token["logprob"] - TOLERANCE


# -- the rest


async def it_describes_itself_in_json(provider: Provider) -> None:
    assert isinstance(json.loads(json.dumps(provider.describe())), dict)
    assert provider.max_concurrency >= 1


async def what_it_cannot_do_it_refuses(provider: Provider) -> None:
    asked: dict[Capability, Callable[[], Awaitable[Any]]] = {
        Capability.GENERATE: lambda: provider.generate(
            LMRequest(RequestType.COMPLETION, prompt="a"), _GREEDY
        ),
        Capability.LOGLIKELIHOOD: lambda: provider.loglikelihood(_choices("a")),
        Capability.ROLLING: lambda: provider.loglikelihood(
            LMRequest(RequestType.ROLLING, prompt="a")
        ),
    }
    for capability, call in asked.items():
        if capability in able(provider):
            continue
        try:
            await call()
        except (ProviderError, UsageError):
            continue
        raise AssertionError(f"it cannot do {capability} and did not say so")


_GENERATING = (
    every_sample_is_there,
    stop_sequences_are_cut_off,
    max_tokens_ends_as_length,
    usage_is_counted,
    a_prompt_is_shown_as_it_is_read,
    odd_prompts_are_answered,
)
_EXACT = (greedy_is_repeatable, requests_in_flight_do_not_mix)
_SEEDED = (seeded_samples_are_repeatable,)
_MEASURING = (
    every_continuation_is_scored_in_order,
    the_context_counts,
    each_continuation_has_its_own_context,
    measurements_in_flight_do_not_mix,
    what_is_measured_is_shown,
    an_empty_context_is_measured,
)
_ALWAYS = (it_describes_itself_in_json, what_it_cannot_do_it_refuses)

CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        *_GENERATING,
        *_EXACT,
        *_SEEDED,
        *_MEASURING,
        whole_texts_are_measured,
        token_ids_stand_for_their_text,
        *_ALWAYS,
    )
}


def checks_for(provider: Provider, *, seeded: bool = True, exact: bool = True) -> list[str]:
    """The names of the checks that the provider's own claims call for."""
    can = able(provider)
    wanted: list[Check] = list(_ALWAYS)
    if can & {Capability.GENERATE, Capability.CHAT}:
        wanted += [*_GENERATING, *(_EXACT if exact else ()), *(_SEEDED if seeded else ())]
    if Capability.LOGLIKELIHOOD in can:
        wanted += _MEASURING
    if Capability.ROLLING in can:
        wanted += [whole_texts_are_measured, token_ids_stand_for_their_text]
    return [check.__name__ for check in wanted]


async def check_provider(make: Callable[[], Provider], check: str) -> None:
    """Run one of ``CHECKS`` against a freshly started provider, and close it.

    Raises:
        AssertionError: the provider does not keep the contract.
    """
    provider = make()
    try:
        await provider.start()
        with anyio.fail_after(300):
            await CHECKS[check](provider)
    finally:
        await provider.close()


def provider_contract(
    make: Callable[[], Provider], *, seeded: bool = True, exact: bool = True
) -> Any:
    """A pytest test that holds the provider that ``make`` returns against every check.

    What does not apply to the provider is reported as skipped, with the reason.
    """
    import pytest

    @pytest.mark.parametrize("check", list(CHECKS))
    def test_provider_contract(check: str) -> None:
        if check not in checks_for(make(), seeded=seeded, exact=exact):
            pytest.skip("the provider does not claim this")
        anyio.run(check_provider, make, check)

    return test_provider_contract


async def at_once(calls: Sequence[Callable[[], Awaitable[list[LMOutput]]]]) -> list[list[LMOutput]]:
    """The results of all calls, made at the same time, in their order."""
    results: dict[int, list[LMOutput]] = {}

    async def one(index: int, call: Callable[[], Awaitable[list[LMOutput]]]) -> None:
        results[index] = await call()

    async with anyio.create_task_group() as group:
        for index, call in enumerate(calls):
            group.start_soon(one, index, call)
    return [results[i] for i in range(len(calls))]
