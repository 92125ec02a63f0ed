"""Numbers as people read them."""

from __future__ import annotations

from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """``1 question``, ``1,319 questions``; ``plural`` where it is not the noun and an s."""
    return f"{n:,} {noun if n == 1 else plural or f'{noun}s'}"


def number(value: float | None, digits: int = 4) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def interval(low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else f"[{low:.4f}, {high:.4f}]"


def interval_signed(low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else f"[{low:+.4f}, {high:+.4f}]"


def p_value(p: float | None) -> str:
    if p is None:
        return "-"
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1e}"


def sparkline(values: Sequence[float | None]) -> str:
    """``values`` as bars between the smallest and the largest of them; a dot where one lacks."""
    known = [value for value in values if value is not None]
    if not known:
        return "·" * len(values)
    low, high = min(known), max(known)
    scale = 7 / (high - low) if high > low else 0.0
    middle = 3 if high == low else 0
    bars = ("·" if v is None else _BARS[middle + round((v - low) * scale)] for v in values)
    return "".join(bars)
