"""Validators of numeric settings: a whole number or a finite one, within what engines take."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

#: 32 bits with a sign: what engines and protocols take as a count of tokens, turns, instances
LARGEST_COUNT = 2**31 - 1
#: 64 bits with a sign: what engines and tables take as a seed
LARGEST_SEED = 2**63 - 1

#: requests, instances or environments at once: each is a task of the event loop
MOST_IN_FLIGHT = 2**16

Validator = Callable[[Any, Any, Any], None]


def count(low: int = 0, high: int = LARGEST_COUNT) -> Validator:
    """A validator: a whole number from ``low`` to ``high``."""

    def check(_instance: Any, attribute: Any, value: Any) -> None:
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        if not whole or not low <= value <= high:
            raise ValueError(
                f"{attribute.name} must be a whole number from {low} to {high}, got {value!r:.80}"
            )

    return check


def seed() -> Validator:
    """A validator: a seed that every engine takes."""
    return count(0, LARGEST_SEED)


def number(
    *, above: float | None = None, least: float | None = None, most: float | None = None
) -> Validator:
    """A validator: a finite number, greater than ``above``, from ``least`` to ``most``."""
    low = [] if least is None else [f"at least {least}"]
    low += [] if above is None else [f"above {above}"]
    high = [] if most is None else [f"at most {most}"]
    wanted = ", ".join(["a finite number", " and ".join(low + high)]).removesuffix(", ")

    def check(_instance: Any, attribute: Any, value: Any) -> None:
        real = isinstance(value, Real) and not isinstance(value, bool)
        if (
            not real
            or not math.isfinite(value)
            or (above is not None and value <= above)
            or (least is not None and value < least)
            or (most is not None and value > most)
        ):
            raise ValueError(f"{attribute.name} must be {wanted}, got {value!r:.80}")

    return check
