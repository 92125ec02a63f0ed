"""What a conversion leaves behind, counted."""

from __future__ import annotations

from collections import Counter


class Losses:
    """What had no place in the target of a conversion, how often, and what was assumed."""

    def __init__(self) -> None:
        self._lost: Counter[str] = Counter()
        self._assumed: dict[str, None] = {}

    def lose(self, what: str, times: int = 1) -> None:
        """Count ``what`` (a plural: ``"images"``) as left behind ``times`` more often."""
        if times > 0:
            self._lost[what] += times

    def assume(self, what: str) -> None:
        """Note once what the source does not say and was taken to be so: a sentence."""
        self._assumed[what] = None

    def add(self, more: Losses) -> None:
        """Count what ``more`` has counted."""
        self._lost.update(more._lost)
        self._assumed.update(more._assumed)

    @property
    def lost(self) -> dict[str, int]:
        """How often each was left behind, the most frequent first."""
        return dict(self._lost.most_common())

    @property
    def assumed(self) -> list[str]:
        """What was assumed, in the order in which it was."""
        return list(self._assumed)

    def __bool__(self) -> bool:
        return bool(self._lost or self._assumed)

    def lines(self) -> list[str]:
        """What was left behind, for people: ``images (3)``."""
        return [f"{what} ({n:,})" for what, n in self.lost.items()]
