"""Bounds: what a score could be if the items without one had all scored worst, or best."""

from __future__ import annotations

from attrs import frozen


@frozen
class Bounds:
    """Worst-case and best-case value over all expected items; None where the range is unbounded."""

    low: float | None
    high: float | None


def score_bounds(
    value: float | None,
    n_scored: int,
    n_expected: int,
    score_range: tuple[float | None, float | None] = (0.0, 1.0),
) -> Bounds:
    """Bounds of a mean over `n_expected` items of which `n_scored` have a score averaging `value`.

    low = (value n_scored + minimum missing) / n_expected, and likewise high with the maximum of
    `score_range`; an end that is None there is None here unless nothing is missing (Manski 1989).
    `low` <= `high` in the units of the score whichever direction is better. `value` is None when
    nothing was scored. Raises ValueError for impossible counts or a value outside the range.
    """
    if n_expected < 1 or not 0 <= n_scored <= n_expected:
        raise ValueError(f"expected 0 <= n_scored <= n_expected, got {n_scored} of {n_expected}")
    if (value is None) != (n_scored == 0):
        raise ValueError(f"expected a value exactly when items were scored: {value}, {n_scored}")
    lowest, highest = score_range
    if value is not None:
        below = lowest is not None and value < lowest
        above = highest is not None and value > highest
        if below or above or value != value:
            raise ValueError(f"value: expected a number within {score_range}, got {value}")
    missing = n_expected - n_scored
    known = 0.0 if value is None else value * n_scored
    if missing == 0:
        return Bounds(value, value)
    return Bounds(
        None if lowest is None else (known + lowest * missing) / n_expected,
        None if highest is None else (known + highest * missing) / n_expected,
    )
