"""Numeric settings: whole or finite, within what engines take, and never a truth value."""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olmo_eval.common import bounds


@attrs.frozen
class Settings:
    tokens: int = attrs.field(default=1, validator=bounds.count(1, 9))
    share: float = attrs.field(default=0.5, validator=bounds.number(above=0, most=1))
    seed: int = attrs.field(default=0, validator=bounds.seed())


@given(tokens=st.integers(1, 9), share=st.floats(0, 1, exclude_min=True))
def test_what_is_within_is_taken(tokens: int, share: float) -> None:
    assert Settings(tokens, share, bounds.LARGEST_SEED) and Settings(np.int64(tokens), 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, 10, -1, 2.0, "3", True, None, 2**100])
def test_a_count_is_a_whole_number_within(value: Any) -> None:
    with pytest.raises(ValueError, match="tokens must be a whole number from 1 to 9, got "):
        Settings(tokens=value)


@pytest.mark.parametrize("value", [0, -0.1, 1.1, math.nan, math.inf, -math.inf, "0.5", True, None])
def test_a_number_is_finite_and_within(value: Any) -> None:
    with pytest.raises(
        ValueError, match="share must be a finite number, above 0 and at most 1, got "
    ):
        Settings(share=value)


@pytest.mark.parametrize("value", [-1, 2**63])
def test_a_seed_has_63_bits(value: int) -> None:
    with pytest.raises(
        ValueError, match="seed must be a whole number from 0 to 9223372036854775807"
    ):
        Settings(seed=value)
