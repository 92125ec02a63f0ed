"""The shared rule for cutting contexts and continuations, on small made-up tokenizers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from olmo_eval.errors import ProviderError
from olmo_eval.providers.tokenization import (
    Scored,
    fit,
    fit_prompt,
    one_bos,
    rolling_windows,
    split_pair,
)


@frozen
class Letters:
    """One token a character; BOS in front where it is added."""

    bos_id: int | None = None
    eos_id: int | None = None
    adds_bos: bool = False

    def encode(self, text: str) -> list[int]:
        bos = [self.bos_id] if self.adds_bos and self.bos_id is not None else []
        return bos + [ord(letter) for letter in text]


def ids(text: str) -> tuple[int, ...]:
    return tuple(map(ord, text))


def test_trailing_spaces_move_to_the_continuation() -> None:
    assert split_pair(Letters(), "a b  ", "c") == Scored(ids("a b"), ids("  c"))


def test_bos_only_where_the_tokenizer_adds_it() -> None:
    assert split_pair(Letters(bos_id=1), "a", "b").context == ids("a")
    assert split_pair(Letters(bos_id=1, adds_bos=True), "a", "b").context == (1, *ids("a"))


@pytest.mark.parametrize(
    ("encoder", "start"),
    [(Letters(bos_id=1, eos_id=2), 1), (Letters(eos_id=2), 2), (Letters(1, 2, True), 1)],
)
def test_an_empty_context_is_the_start_token(encoder: Letters, start: int) -> None:
    assert split_pair(encoder, "", " ab") == Scored((start,), ids(" ab"))
    assert split_pair(encoder, " ", "ab") == Scored((start,), ids(" ab"))


def test_no_start_token_is_an_error() -> None:
    with pytest.raises(ProviderError, match="neither a BOS nor an EOS"):
        split_pair(Letters(), "", "a")


def test_an_empty_continuation_is_an_error() -> None:
    with pytest.raises(ProviderError, match="no tokens of its own"):
        split_pair(Letters(bos_id=1), "a", "")


@given(context=st.integers(1, 40), target=st.integers(1, 20), limit=st.integers(20, 40))
def test_fit_keeps_the_end(context: int, target: int, limit: int) -> None:
    pair = Scored(tuple(range(context)), tuple(range(target)))
    cut = fit(Letters(), pair, limit)
    assert cut.target == pair.target
    assert cut.context == pair.context[cut.dropped :]
    assert len(cut.context) + target == min(context + target, limit + 1)


def test_fit_refuses_a_target_that_is_too_long() -> None:
    assert fit(Letters(), Scored(ids("abc"), ids("wxyz")), 4) == Scored(ids("c"), ids("wxyz"), 2)
    with pytest.raises(ProviderError, match="does not fit the context length of 3"):
        fit(Letters(), Scored(ids("abc"), ids("wxyz")), 3)


def test_bos_stays_and_the_cut_begins_after_it() -> None:
    encoder = Letters(bos_id=1)
    whole = Scored((1, *ids("abcd")), ids("xy"))

    assert fit(encoder, whole, 5) == Scored((1, *ids("bcd")), ids("xy"), 1)
    assert fit(encoder, whole, 2) == Scored((1,), ids("xy"), 4)
    assert fit(Letters(), whole, 5) == Scored(ids("abcd"), ids("xy"), 1)
    assert fit_prompt(encoder, [1, *ids("abcdefgh")], 8, 2) == [1, *ids("defgh")]


def test_text_that_brings_its_bos_gets_no_second_one() -> None:
    encoder = Letters(bos_id=ord("^"), adds_bos=True)

    assert split_pair(encoder, "^ab", "c") == Scored(ids("^ab"), ids("c"))
    assert split_pair(encoder, "", "^c") == Scored(ids("^"), ids("c"))
    assert rolling_windows(encoder, "^abc", 9) == [Scored(ids("^"), ids("abc"))]
    assert one_bos(Letters(), [1, 1]) == [1, 1]


@given(text=st.text("abc", min_size=1, max_size=60), limit=st.integers(1, 20), bos=st.booleans())
def test_windows_score_every_token_once(text: str, limit: int, bos: bool) -> None:
    windows = rolling_windows(Letters(bos_id=1, adds_bos=bos), text, limit)
    assert tuple(token for window in windows for token in window.target) == ids(text)
    everything = (1, *ids(text))
    done = 0
    for window in windows:
        assert window.context and len(window.context) + len(window.target) <= limit + 1
        assert window.context == everything[done + 1 - len(window.context) : done + 1]
        done += len(window.target)


@given(length=st.integers(1, 100), limit=st.integers(4, 50), wanted=st.integers(1, 60))
def test_a_prompt_leaves_room(length: int, limit: int, wanted: int) -> None:
    kept = fit_prompt(Letters(), list(range(length)), limit, wanted)
    assert kept == list(range(length))[-len(kept) :]
    assert limit - len(kept) >= min(wanted, limit // 4)


@frozen
class Merging(Letters):
    """Letters, but ``: C`` and ``xyz`` are one token, as a BPE may have merged them."""

    def encode(self, text: str) -> list[int]:
        tokens, at = [], 0
        while at < len(text):
            merged = next((m for m in (": C", "xyz") if text.startswith(m, at)), None)
            tokens.append({": C": 1000, "xyz": 1001, None: ord(text[at])}[merged])
            at += len(merged or " ")
        return tokens

    def decode(self, tokens: Sequence[int]) -> str:
        return "".join({1000: ": C", 1001: "xyz"}.get(t) or chr(t) for t in tokens)


def test_a_token_across_the_boundary_is_scored_with_what_it_holds_of_the_context() -> None:
    plain = split_pair(Merging(), "Answer:", " D")
    merged = split_pair(Merging(), "Answer:", " C")

    assert plain == Scored(ids("Answer:"), ids(" D"))
    assert merged == Scored(ids("Answer"), (1000,), borrowed=":")
    assert split_pair(Merging(), "Answer: ", "C") == merged._replace(borrowed=": ")


def test_all_tokens_that_hold_some_of_the_continuation_are_scored() -> None:
    assert split_pair(Merging(), "wxy", "z") == Scored(ids("w"), (1001,), borrowed="xy")
    # one token in place of two, and one more: the rule leaves the last one, which is the rest
    assert split_pair(Merging(), "wxy", "zab") == Scored((ord("w"), 1001, ord("a")), ids("b"))


def test_a_merged_text_without_any_context_follows_the_start_token() -> None:
    assert split_pair(Merging(eos_id=2), "xy", "z") == Scored((2,), (1001,), borrowed="xy")


def test_a_cut_keeps_what_was_borrowed() -> None:
    merged = split_pair(Merging(), "Answer:", " C")
    assert fit(Merging(), merged, 3) == Scored(ids("wer"), (1000,), 3, ":")
