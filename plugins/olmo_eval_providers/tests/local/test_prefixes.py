"""Common prefixes, and the store that keeps the most recently used."""

from __future__ import annotations

import pytest

from olmo_eval_providers.local.prefixes import PrefixStore, common_prefix_length


@pytest.mark.parametrize(
    ("a", "b", "at_least", "expected"),
    [
        ("abcd", "abxd", 0, 2),
        ("abcd", "abcd", 0, 4),
        ("abcd", "abcdef", 2, 4),
        ("abcd", "abxd", 2, 0),
        ("", "abc", 0, 0),
        ("abc", "abcd", 3, 0),
    ],
)
def test_common_prefix_length(a: str, b: str, at_least: int, expected: int) -> None:
    assert common_prefix_length(tuple(map(ord, a)), tuple(map(ord, b)), at_least) == expected


def store(max_bytes: int) -> PrefixStore[str]:
    """One whose encodings are texts, of a byte a letter."""
    return PrefixStore(max_bytes, len)


def test_the_longest_shared_prefix_is_found() -> None:
    known = store(100)
    known.add((1, 2, 3), "short")
    known.add((1, 2, 3, 4, 9), "long")
    assert known.longest((1, 2, 3, 4, 5)) == (4, "long")
    assert known.longest((7,)) is None
    assert known.shared_length((1, 2, 8)) == 2


def test_what_was_used_longest_ago_goes_first() -> None:
    known = store(10)
    known.add((1,), "aaaaa")
    known.add((2,), "bbbbb")
    known.longest((1, 5))
    known.add((3,), "ccccc")
    assert known.longest((1,)) == (1, "aaaaa")
    assert known.longest((2,)) is None
    known.add((1,), "never counted twice")
    assert known.longest((3,)) == (1, "ccccc")


def test_the_newest_stays_whatever_its_size() -> None:
    known = store(3)
    known.add((1,), "aa")
    known.add((2,), "far too long")
    assert known.longest((2,)) == (1, "far too long")
    assert known.longest((1,)) is None
