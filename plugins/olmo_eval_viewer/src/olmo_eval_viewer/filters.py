"""Which questions of a pair a page asks for: filters, order and page, as an address has them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from attrs import asdict, field, frozen

from olmo_eval.errors import UsageError
from olmo_eval.results.standings import STANDINGS

#: what may stand in ``sort``, each as the columns it orders by
SORTS: Mapping[str, str] = {
    "evidence": "place",
    "data": "i",
    "longest": "completion_tokens_b DESC NULLS LAST, place",
    "slowest": "latency_b DESC NULLS LAST, place",
    "gain": "gain DESC NULLS LAST, place",
    "loss": "gain ASC NULLS LAST, place",
}
SHOWS = ("all", "discordant", *STANDINGS)
#: numbers of B that a filter may bound, and by how much it is better than A
RANGES: Mapping[str, str] = {
    "tokens": "completion_tokens_b",
    "seconds": "latency_b",
    "cost": "cost_usd_b",
    "gain": "gain",
}
#: characters of a search that are kept
_LONGEST = 500
#: what stands between the ends of a range where they may be negative; else a dash does
_BETWEEN = ".."
Range = tuple[float, float]


@frozen
class Filters:
    """What of a pair's questions is asked for.

    ``where`` is ``key:value`` of the metadata; ``ranges`` bound B's tokens, seconds and cost,
    lower end included; ``tag`` is one that people gave (``*`` stands for any note) and ``among``
    the ids of the questions that have it.
    """

    show: str = "all"
    q: str = ""
    regex: bool = False
    outcome: str = ""
    where: str = ""
    noise: str = ""
    tag: str = ""
    among: frozenset[str] | None = None
    ranges: Mapping[str, Range] = field(factory=dict)
    sort: str = "evidence"
    page: int = 1

    @classmethod
    def of(cls, params: Mapping[str, str]) -> Filters:
        """Raises UsageError for a value that no filter has, naming it."""
        ranges = {name: _range(name, params[name]) for name in RANGES if params.get(name)}
        return cls(
            show=_one_of("show", params.get("show") or "all", SHOWS),
            q=params.get("q", "")[:_LONGEST],
            regex=params.get("regex") == "1",
            outcome=params.get("outcome", ""),
            where=params.get("where", ""),
            noise=_one_of("noise", params.get("noise", ""), ("", "hide", "only")),
            tag=params.get("tag", "")[:_LONGEST],
            ranges=ranges,
            sort=_one_of("sort", params.get("sort") or "evidence", tuple(SORTS)),
            page=page_number(params.get("page") or "1"),
        )

    @property
    def by_content(self) -> bool:
        """Whether questions are chosen by what they ask."""
        return bool(self.where)

    @property
    def by_result(self) -> bool:
        """Whether questions are chosen by how they were answered, so that no verdict on them means
        anything."""
        chosen = self.show != "all" or self.outcome or self.noise or self.ranges or self.q
        return bool(chosen or self.tag)

    @property
    def active(self) -> bool:
        return self.by_content or self.by_result

    def to_dict(self) -> dict[str, Any]:
        plain = asdict(self)
        del plain["among"]
        plain["given"] = {name: range_text(*ends) for name, ends in self.ranges.items()}
        plain["ranges"] = {name: list(map(_end, ends)) for name, ends in self.ranges.items()}
        return plain


def range_text(low: float, high: float) -> str:
    """A range as an address has it."""
    first, last = (f"{end:.6g}" if math.isfinite(end) else "" for end in (low, high))
    return f"{first}{'-' if first and '-' not in first + last else _BETWEEN}{last}"


def _end(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        listed = ", ".join(one for one in known if one)
        raise UsageError(f"{name}: expected one of {listed}, got {value[:80]!r}")
    return value


def _range(name: str, text: str) -> Range:
    between = _BETWEEN if _BETWEEN in text else "-"
    low, given, high = (part.strip() for part in text.partition(between))
    least = -math.inf if between == _BETWEEN else 0.0
    try:
        found = (float(low) if low else least, float(high) if high else math.inf)
        if given and found[0] < math.inf and found[1] >= found[0]:
            return found
    except ValueError:
        pass
    raise UsageError(
        f"{name}: expected a range such as 10-200, 10- or -0.5..0.5, got {text[:80]!r}"
    )


def page_number(text: str) -> int:
    """The number of a page in an address. Raises UsageError for what is none."""
    if not text.isascii() or not text.isdigit() or not int(text[:9]) > 0 or len(text) > 9:
        raise UsageError(f"page: expected a number from 1, got {text[:80]!r}")
    return int(text)
