"""Logits that are NaN: the requests that have them fail, and nobody else notices."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from olmo_eval.common.types import LMRequest, RequestType, SamplingParams
from olmo_eval.errors import NonFiniteError
from olmo_eval_providers.embedded.engine import Engine, GenerateJob

Make = Callable[..., Engine]
Finish = Callable[..., None]

GOOD = ["Question: what is 3 + 4?\nAnswer:", "a", "once more, and rather longer than before " * 4]
BAD = "Question: what is #?\nAnswer:"
DRAWN = SamplingParams(max_tokens=12, temperature=1.0, num_samples=2)


@pytest.fixture(scope="module")
def broken(checkpoint: Path, broken_at: Callable[[int, Path], Path]) -> Engine:
    """The tiny model with an embedding of NaN for "#", two slots to decode in."""
    return Engine.load(broken_at(ord("#"), checkpoint), slots=2)


def jobs_of(
    engine: Engine, prompts: Sequence[str], params: SamplingParams, seeds: Sequence[int] = (1, 2)
) -> list[GenerateJob]:
    jobs = [engine.generate_job(engine.tokenizer.encode(p), params, seeds) for p in prompts]
    for job in jobs:
        engine.submit(job)
    while not all(job.done for job in jobs):
        engine.work()
    return jobs


@pytest.mark.parametrize("params", [SamplingParams(max_tokens=12), DRAWN], ids=["greedy", "drawn"])
def test_a_prompt_without_a_next_token_fails_alone(
    broken: Engine, make_engine: Make, params: SamplingParams
) -> None:
    first, failed, *others = jobs_of(broken, [GOOD[0], BAD, *GOOD[1:]], params)

    assert isinstance(failed.error, NonFiniteError)
    texts = [[sample.text for sample in job.samples] for job in (first, *others)]
    expected = jobs_of(make_engine(), GOOD, params)
    assert texts == [[sample.text for sample in job.samples] for job in expected]


def test_a_sample_that_fails_on_its_way_leaves_nothing_behind(
    broken: Engine, make_engine: Make
) -> None:
    """Its keys in a slot are NaN, and the next sequence there is shorter than its neighbour."""
    text = jobs_of(make_engine(), GOOD[:1], SamplingParams(max_tokens=12))[0].samples[0].text
    broken.model._embeddings.setflags(write=True)
    token = broken.tokenizer.encode_plain(text[2])[0]
    kept = broken.model._embeddings[token].copy()
    broken.model._embeddings[token] = math.nan
    try:
        (job,) = jobs_of(broken, GOOD[:1], SamplingParams(max_tokens=12))
    finally:
        broken.model._embeddings[token] = kept
    assert isinstance(job.error, NonFiniteError)

    after = jobs_of(broken, ["a", GOOD[2]], SamplingParams(max_tokens=12), seeds=(1,))
    expected = jobs_of(make_engine(), ["a", GOOD[2]], SamplingParams(max_tokens=12), seeds=(1,))
    assert [j.error for j in after] == [None, None]
    assert [j.samples[0].text for j in after] == [j.samples[0].text for j in expected]


def test_log_likelihoods_are_nan_where_the_model_has_none(
    broken: Engine, make_engine: Make, finish: Finish
) -> None:
    texts = (" 7", " three and four", " p#les", " l#", " and a longer one than the others")
    request = LMRequest(RequestType.LOGLIKELIHOOD, prompt=GOOD[0], continuations=texts)
    found, whole = broken.score_job(request), make_engine().score_job(request)
    after_it = broken.score_job(LMRequest(RequestType.LOGLIKELIHOOD, BAD, continuations=(" 7",)))
    finish(broken, found, after_it)
    finish(make_engine(), whole)

    values = {text: one.total for text, one in zip(texts, found.results, strict=True)}
    assert math.isnan(values.pop(" p#les"))  # it reads a "#"; " l#" only predicts one
    assert list(values.values()) == pytest.approx(
        [one.total for text, one in zip(texts, whole.results, strict=True) if text in values],
        abs=1e-4,
    )
    again = broken.score_job(LMRequest(RequestType.LOGLIKELIHOOD, GOOD[0], continuations=(" 7",)))
    finish(broken, again)
    assert again.results[0].total == pytest.approx(whole.results[0].total, abs=1e-4)
    assert math.isnan(after_it.results[0].total)
    assert not after_it.results[0].is_greedy
