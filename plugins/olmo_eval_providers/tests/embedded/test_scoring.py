"""Log-likelihoods: exact, the same in company as alone, and complete over windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp

import pytest

from olmo_eval.common.types import LMRequest, RequestType
from olmo_eval.errors import ProviderError
from olmo_eval.providers.tokenization import Scored
from olmo_eval_providers.embedded.engine import Engine
from olmo_eval_providers.embedded.prefix_cache import PrefixCache
from olmo_eval_providers.embedded.scoring import score_pairs

Make = Callable[..., Engine]
Finish = Callable[..., None]

ADDITION = "Question: What is 34 + 25?\nAnswer:"
SHOTS = "Question: What is 23 + 45?\nAnswer: 68\n\nQuestion: What is 30 + 11?\nAnswer: 41\n\n"
CHOICES = (" green", " black", " a", " orange and yellow")


def after(contexts: Sequence[str], continuations: Sequence[str]) -> LMRequest:
    """A request that scores each continuation after its own context."""
    return LMRequest(
        RequestType.LOGLIKELIHOOD,
        continuations=tuple(continuations),
        continuation_prompts=tuple(contexts),
    )


def whole(text: str) -> LMRequest:
    return LMRequest(RequestType.ROLLING, prompt=text)


def test_sharing_prefixes_changes_nothing(make_engine: Make, finish: Finish) -> None:
    contexts = [f"{SHOTS}Question: What colour is gate {i}?\nAnswer:" for i in range(6)]
    shared = make_engine()
    jobs = [shared.score_job(after((context,) * 4, CHOICES)) for context in contexts]
    finish(shared, *jobs)
    assert sum(job.results[0].cached_tokens for job in jobs) > 5 * len(SHOTS)
    for context, job in zip(contexts, jobs, strict=True):
        for choice, result in zip(CHOICES, job.results, strict=True):
            alone = make_engine()
            single = alone.score_job(after((context,), (choice,)))
            finish(alone, single)
            assert single.results[0].cached_tokens == 0
            assert single.results[0].logprobs == pytest.approx(result.logprobs, abs=1e-4)
            assert single.results[0].is_greedy == result.is_greedy


def test_probabilities_of_all_next_tokens_sum_to_one(make_engine: Make) -> None:
    engine = make_engine()
    context = tuple(engine.tokenizer.encode("Question: What"))
    tokens = range(engine.model.config.vocab_size)
    scored = score_pairs(PrefixCache(engine.model), [Scored(context, (t,)) for t in tokens])
    assert sum(exp(result.total) for result in scored) == pytest.approx(1.0, abs=1e-5)
    assert sum(result.is_greedy for result in scored) == 1


def test_greedy_text_is_greedy(make_engine: Make, finish: Finish) -> None:
    engine = make_engine()
    job = engine.score_job(after((ADDITION,) * 2, (" 59", " 60")))
    finish(engine, job)
    assert [result.is_greedy for result in job.results] == [True, False]
    assert job.results[0].total > job.results[1].total


def test_each_continuation_may_have_its_own_context(make_engine: Make, finish: Finish) -> None:
    engine = make_engine()
    contexts = (ADDITION, "Answer:", "")
    together = engine.score_job(after(contexts, (" 59",) * 3))
    apart = [engine.score_job(after((context,), (" 59",))) for context in contexts]
    finish(engine, together, *apart)
    totals = [job.results[0].total for job in apart]
    assert [result.total for result in together.results] == pytest.approx(totals, abs=1e-4)
    assert len(set(totals)) == 3


@pytest.mark.parametrize("max_length", [16, 50, 2048])
def test_rolling_is_the_sum_over_windows(
    make_engine: Make, finish: Finish, max_length: int
) -> None:
    engine = make_engine(max_length=max_length)
    text = "One cold morning a cart left Lurox with 34 crates of rope. " * 3
    job = engine.score_job(whole(text))
    finish(engine, job)
    assert [token for result in job.results for token in result.tokens] == list(text.encode())
    expected = 0.0
    for window in job.pairs:
        assert len(window.context) + len(window.target) <= max_length + 1
        expected += score_pairs(PrefixCache(engine.model), [window])[0].total
    assert sum(result.total for result in job.results) == pytest.approx(expected, abs=1e-3)


def test_a_long_target_is_the_sum_of_its_parts(make_engine: Make, finish: Finish) -> None:
    engine = make_engine()
    text = "Then it carried 90 crates. " * 40
    entire = engine.score_job(whole(text))
    parts = engine.score_job(after(("", text[:499]), (text[:499], text[499:])))
    finish(engine, entire, parts)
    expected = sum(result.total for result in parts.results)
    assert entire.results[0].total == pytest.approx(expected, abs=2e-3)


def test_a_long_context_loses_its_beginning(make_engine: Make, finish: Finish) -> None:
    engine = make_engine(max_length=32)
    job = engine.score_job(after(("y" * 100,), (" abc",)))
    finish(engine, job)
    assert job.results[0].context_tokens + len(" abc") == 33
    assert job.results[0].truncated_tokens == 101 - job.results[0].context_tokens


def test_a_continuation_that_does_not_fit_is_refused(make_engine: Make) -> None:
    with pytest.raises(ProviderError, match="does not fit the context length of 8"):
        make_engine(max_length=8).score_job(after(("a",), ("b" * 20,)))


def test_the_prefix_cache_keeps_to_its_size(make_engine: Make, finish: Finish) -> None:
    engine = make_engine(cache_bytes=400_000)
    for number in range(20):
        finish(engine, engine.score_job(after((f"{number} " * 40,), (" x",))))
    kept = sum(memory.nbytes for memory in engine._prefixes.store._entries.values())
    assert 0 < kept == engine._prefixes.store._bytes <= 400_000
