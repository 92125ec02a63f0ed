"""Logits that are NaN: the requests that have them fail, and nobody in their batch notices."""

from __future__ import annotations

import asyncio
import math

import pytest

from olmo_eval.common.types import LMRequest, RequestType, SamplingParams
from olmo_eval.errors import NonFiniteError
from olmo_eval.providers.provider import ProviderConfig
from olmo_eval_providers.extras import importable
from olmo_eval_providers.hf.provider import HFProvider

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not importable("hf"), reason="torch and transformers are not installed"),
]

SHOTS = "Question: what had the cat at that hour?\nAnswer: a bath and a bed\n\n" * 3
GOOD = ["the cat", SHOTS + "and what is", "a", "once more, and longer than the one before"]


def bad(mark):
    return [SHOTS + f"and what {mark} is", mark, f"a {mark}"]


@pytest.fixture(scope="module", params=["!", "#"])
def broken(request, checkpoint, broken_at):
    """A character, a random model with an embedding of NaN for it, and the one it is made from.
    "!" is token 0; the model without "#" passes the check of whether prefixes can be shared."""
    from transformers import AutoTokenizer

    whole = checkpoint()
    token = AutoTokenizer.from_pretrained(whole).convert_tokens_to_ids(request.param)
    return request.param, str(broken_at(token, whole)), whole


def ask_all(folder, calls, **kwargs):
    """What each call to a provider for ``folder`` returns or raises, all in flight at once."""

    async def main():
        provider = HFProvider(ProviderConfig(model=folder, kwargs=kwargs))
        try:
            await provider.start()
            return await asyncio.gather(*(c(provider) for c in calls), return_exceptions=True)
        finally:
            await provider.close()

    return asyncio.run(main())


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize(
    "sampling", [{}, {"temperature": 1.0, "top_p": 0.9, "num_samples": 2}], ids=["greedy", "drawn"]
)
def test_a_prompt_without_a_next_token_fails_alone(broken, share, sampling):
    mark, folder, whole = broken

    def generate(prompt):
        request = LMRequest(RequestType.COMPLETION, prompt=prompt)
        return lambda provider: provider.generate(request, SamplingParams(max_tokens=6, **sampling))

    first, *more = bad(mark)
    prompts = [first, *GOOD, *more]
    found = dict(
        zip(prompts, ask_all(folder, map(generate, prompts), share_prefixes=share), strict=True)
    )
    expected = ask_all(whole, map(generate, GOOD))

    assert all(isinstance(found[prompt], NonFiniteError) for prompt in bad(mark))
    for prompt, outputs in zip(GOOD, expected, strict=True):
        assert [o.text for o in found[prompt]] == [o.text for o in outputs]


@pytest.mark.parametrize("share", [True, False])
def test_log_likelihoods_are_nan_where_the_model_has_none(broken, share):
    mark, folder, whole = broken
    continuations = (" a hat", f" the {mark} one", f" bed{mark}", " ed" * 6)

    def score(prompt):
        request = LMRequest(RequestType.LOGLIKELIHOOD, prompt=prompt, continuations=continuations)
        return lambda provider: provider.loglikelihood(request)

    found = ask_all(folder, map(score, GOOD + bad(mark)), share_prefixes=share)
    expected = ask_all(whole, map(score, GOOD))

    for outputs, wanted in zip(found, expected, strict=False):
        for number, (output, one) in enumerate(zip(outputs, wanted, strict=True)):
            if number == 1:  # it reads the character; the next only predicts it
                assert math.isnan(output.sum_logprob) and not output.is_greedy
            else:
                assert output.sum_logprob == pytest.approx(one.sum_logprob, abs=1e-4)
    assert all(math.isnan(o.sum_logprob) for outputs in found[len(GOOD) :] for o in outputs)


def test_what_was_encoded_before_nan_is_not_kept(broken):
    mark, folder, whole = broken

    async def one_after_the_other(provider):
        found = []
        for prompt in (SHOTS + f"a {mark} ", SHOTS + "a cat"):
            questions = (f"{prompt}{i}" for i in range(3))
            request = LMRequest(
                RequestType.LOGLIKELIHOOD,
                continuations=(" a hat",) * 3,
                continuation_prompts=tuple(questions),
            )
            found.append([o.sum_logprob for o in await provider.loglikelihood(request)])
        return found

    (nothing, good), (_, expected) = (ask_all(f, [one_after_the_other])[0] for f in (folder, whole))
    assert all(map(math.isnan, nothing))
    assert good == pytest.approx(expected, abs=1e-4)
