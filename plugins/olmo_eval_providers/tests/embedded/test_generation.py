"""Generation: stop strings, limits, seeds, and independence of what else is in flight."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from olmo_eval.common.types import SamplingParams
from olmo_eval_providers.embedded.engine import Engine, GenerateJob

Make = Callable[..., Engine]
Finish = Callable[..., None]

ADDITION = "What is 34 + 25?"
SHORT = SamplingParams(max_tokens=12, stop_sequences=("\n",))


def asked(
    engine: Engine, question: str, params: SamplingParams, seeds: Sequence[int] = (0,)
) -> GenerateJob:
    prompt = engine.tokenizer.encode(f"Question: {question}\nAnswer:")
    return engine.generate_job(prompt, params, seeds)


def test_the_last_checkpoint_can_add(make_engine: Make, finish: Finish) -> None:
    engine = make_engine()
    job = asked(engine, ADDITION, SHORT)
    finish(engine, job)
    assert job.samples[0].text == " 59"
    assert job.samples[0].finish_reason == "stop"


def test_text_is_cut_before_the_first_stop_string(make_engine: Make, finish: Finish) -> None:
    engine = make_engine()
    prompt = engine.tokenizer.encode("One cold morning a cart left")
    free = engine.generate_job(prompt, SamplingParams(max_tokens=30))
    finish(engine, free)
    whole = free.samples[0].text
    stops = (whole[9:14], whole[4:7], "never")
    stopped = engine.generate_job(prompt, SamplingParams(max_tokens=30, stop_sequences=stops))
    finish(engine, stopped)
    first = min(whole.find(stop) for stop in stops[:2])
    assert stopped.samples[0].text == whole[:first]
    assert stopped.samples[0].finish_reason == "stop"


def test_max_tokens_ends_with_length(make_engine: Make, finish: Finish) -> None:
    engine = make_engine()
    job = asked(engine, ADDITION, SamplingParams(max_tokens=2))
    finish(engine, job)
    assert len(job.samples[0].tokens) == 2
    assert job.samples[0].finish_reason == "length"


def test_generation_ends_at_the_context_limit(make_engine: Make, finish: Finish) -> None:
    engine = make_engine(max_length=48)
    prompt = engine.tokenizer.encode("10 + 10 = 20\n11 + 11 = 22")
    job = engine.generate_job(prompt, SamplingParams(max_tokens=None))
    finish(engine, job)
    sample = job.samples[0]
    assert sample.finish_reason == "length"
    assert len(sample.prompt) + len(sample.tokens) == 48


def test_a_long_prompt_loses_its_beginning_and_keeps_bos(make_engine: Make, finish: Finish) -> None:
    engine = make_engine(max_length=64)
    prompt = engine.tokenizer.encode("x" * 200 + f"\n\nQuestion: {ADDITION}\nAnswer:")
    job = engine.generate_job(prompt, SHORT)
    finish(engine, job)
    (sample,) = job.samples
    assert sample.truncated_tokens == len(prompt) - len(job.samples[0].prompt) > 0
    assert job.samples[0].prompt == (prompt[0], *prompt[sample.truncated_tokens + 1 :])


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_results_do_not_depend_on_the_batch(
    make_engine: Make, finish: Finish, temperature: float
) -> None:
    params = SamplingParams(max_tokens=24, temperature=temperature, stop_sequences=("\n\n",))
    questions = [f"What is {10 + i} + {90 - i}?" + " Well?" * (i % 5) for i in range(24)]
    alone = []
    for seed, question in enumerate(questions):
        engine = make_engine()
        job = asked(engine, question, params, [seed])
        finish(engine, job)
        alone.append(job.samples[0].text)
    crowd = make_engine(slots=7)
    jobs = [asked(crowd, question, params, [seed]) for seed, question in enumerate(questions)]
    finish(crowd, *jobs)
    assert [job.samples[0].text for job in jobs] == alone


def test_each_sample_has_its_own_seed(make_engine: Make, finish: Finish) -> None:
    engine = make_engine()
    params = SamplingParams(max_tokens=30, temperature=1.5)
    prompt = engine.tokenizer.encode("Question:")
    three = engine.generate_job(prompt, params, [1, 2, 3])
    third = engine.generate_job(prompt, params, [3])
    finish(engine, three, third)
    texts = [sample.text for sample in three.samples]
    assert len(set(texts)) == 3
    assert third.samples[0].text == texts[2]


@pytest.mark.parametrize("narrow", [{"top_k": 1}, {"top_p": 1e-9}])
def test_the_narrowest_sampling_is_greedy(
    make_engine: Make, finish: Finish, narrow: dict[str, float]
) -> None:
    engine = make_engine()
    stop = ("\n",)
    hot = SamplingParams(12, temperature=3.0, stop_sequences=stop, **narrow)  # type: ignore[arg-type]
    sampled = asked(engine, "What does Lurox make?", hot)
    greedy = asked(engine, "What does Lurox make?", SHORT)
    finish(engine, sampled, greedy)
    assert sampled.samples[0].text == greedy.samples[0].text


def test_a_discarded_request_leaves_the_others_alone(make_engine: Make, finish: Finish) -> None:
    engine = make_engine(slots=2)
    params = SamplingParams(max_tokens=40)
    gone, kept = (asked(engine, f"What is {number} + 25?", params) for number in (34, 35))
    engine.submit(gone)
    engine.submit(kept)
    engine._decoder.step()
    engine.discard(gone)
    while not kept.done:
        engine.work()
    alone = asked(engine, "What is 35 + 25?", params)
    finish(engine, alone)
    assert kept.samples[0].text == alone.samples[0].text
    assert not gone.done
