"""A sample ends where it should, and its text, tokens and counts say the same."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from olmo_eval.common.types import SamplingParams
from olmo_eval.errors import NonFiniteError
from olmo_eval_providers.local.sampling import Sample, samples_of
from olmo_eval_providers.prompts import fitted_prompt, usable_context

EOS = 0


class Words:
    """A tokenizer of words that, like SentencePiece's, drops the space at the start of a text."""

    bos_id: int | None = None
    eos_id: int | None = EOS
    special_ids = frozenset({EOS})
    words = ("</s>", "the", "cat", "sat", "STOP", "\n")

    def encode(self, text: str) -> list[int]:
        return [self.words.index(word) for word in text.split()]

    def decode(self, tokens: Sequence[int]) -> str:
        return " ".join(self.words[token] for token in tokens)

    def token_text(self, token: int) -> str:
        return self.words[token]

    vocabulary_text = token_text


def sampled(text: str, *, eos: bool = False, room: int = 20, **params: object) -> Sample:
    """A sample after "the cat" to which the tokens of ``text`` are added until it ends."""
    tokenizer = Words()
    prompt = fitted_prompt(tokenizer, tokenizer.encode("the cat"), 100, room)
    settings = SamplingParams(logprobs=1, **params)  # type: ignore[arg-type]
    (sample,) = samples_of(prompt, settings, [1], tokenizer, frozenset({EOS}))
    for token in [*tokenizer.encode(text), *[EOS] * eos]:
        if sample.add(token, -0.5):
            break
    return sample


def test_the_end_token_is_counted_and_not_shown() -> None:
    generation = sampled("sat the", eos=True).generation()
    assert generation.text == " sat the"  # the space that decoding alone would lose
    assert generation.finish_reason == "stop"
    assert (len(generation.tokens), generation.sampled_tokens) == (2, 3)
    assert generation.logprobs == [-0.5, -0.5]


def test_a_stop_sequence_cuts_text_and_tokens() -> None:
    generation = sampled("sat STOP the", stop_sequences=("never", " STOP")).generation()
    assert (generation.text, generation.finish_reason) == (" sat", "stop")
    assert (len(generation.tokens), generation.sampled_tokens) == (1, 2)


def test_a_stop_sequence_at_the_lost_space_is_found() -> None:
    generation = sampled("sat the", eos=True, stop_sequences=(" sat",)).generation()
    assert generation.text == ""


@pytest.mark.parametrize("stops", [(), ("never",)])
def test_the_limit_ends_with_length(stops: tuple[str, ...]) -> None:
    sample = sampled("sat the cat sat", room=3, stop_sequences=stops)
    assert (sample.text, sample.finish_reason) == (" sat the cat", "length")


def test_a_failed_sample_has_no_text_and_an_error() -> None:
    sample = sampled("sat")
    sample.fail()
    assert isinstance(sample.error, NonFiniteError)
    assert sample.finish_reason == "error"


def test_a_sample_that_begins_again_draws_the_same() -> None:
    sample = sampled("sat")
    drawn = sample.random.random()
    sample.reset()
    assert sample.tokens == [] and sample.random.random() == drawn


@pytest.mark.parametrize(
    ("length", "max_tokens", "kept", "room"),
    [(100, 5, 10, 5), (12, 5, 9, 3), (12, None, 9, 3), (1, 5, 1, 1)],
)
def test_a_prompt_leaves_room_to_generate(
    length: int, max_tokens: int | None, kept: int, room: int
) -> None:
    fitted = fitted_prompt(Words(), [1] * 10, length, max_tokens)
    assert (len(fitted.tokens), fitted.max_new_tokens) == (kept, room)
    assert fitted.truncated_tokens == 10 - kept


def test_a_request_may_use_no_more_than_the_model_has() -> None:
    assert usable_context(100, None) == 100
    assert usable_context(100, 30) == 30
    assert usable_context(100, 300) == 100
    assert usable_context(-1, None) == 1
