"""Numbers and other people's texts as a page may show them."""

from __future__ import annotations

from typing import Any

from olmo_eval.common.text import visible

#: characters of a text in a table and on a page of its own
HEAD, WHOLE = 280, 20_000


def shown(text: Any, limit: int = WHOLE) -> str:
    """A text of anybody's, so that it can neither hide nor reorder what stands beside it: what
    cannot be seen stands as its escape, and of a long one the end is left out, which it says."""
    plain = "" if text is None else str(text)
    if len(plain) > limit:
        left_out = len(plain) - limit
        return f"{visible(plain[:limit])}… ({left_out:,} more characters)"
    return visible(plain)


def head(text: Any, limit: int = HEAD) -> str:
    """A text on one line, shortened."""
    plain = "" if text is None else str(text)
    cut = plain[: 4 * limit]
    line = " ".join(visible(cut).split())
    return f"{line[:limit]}…" if len(line) > limit or len(plain) > len(cut) else line


def number(value: float | None, digits: int = 4) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def short(value: float | None) -> str:
    """A value of one question: ``1``, ``0.25``."""
    return "–" if value is None else f"{value:.4g}"


def signed(value: float | None, digits: int = 4) -> str:
    return "–" if value is None else f"{value:+.{digits}f}".replace("-", "−")


def interval(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "no interval"
    return f"{signed(low)} to {signed(high)}"


def p_value(p: float | None) -> str:
    if p is None:
        return "–"
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1e}".replace("-", "−")


def count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def seconds(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1f} s" if value >= 1 else f"{value * 1000:.0f} ms"


def moment(text: str | None) -> str:
    """A moment of ``run.json`` to the minute, in UTC."""
    return (text or "")[:16].replace("T", " ")


def tail_of(name: str) -> str:
    """The last part of a path of folders, which tells checkpoints apart."""
    return name.rstrip("/").rpartition("/")[2] or name


def short_names(names: list[str]) -> list[str]:
    """Names without the folders that all of them share; whole where two would be the same."""
    tails = [tail_of(name) for name in names]
    return tails if len(set(tails)) == len(set(names)) else names
