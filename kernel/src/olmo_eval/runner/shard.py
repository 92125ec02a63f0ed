"""A part of a run that one process of several makes."""

from __future__ import annotations

import re

from attrs import field, frozen

from olmo_eval.common import bounds
from olmo_eval.errors import UsageError


@frozen
class Shard:
    """One of ``of`` parts of a run: of every task each ``of``-th instance of the table, from the
    one in the place ``number`` - 1 on. ``number`` counts from 1.

    What a part holds depends on the data alone, so that every process and the merging one agree.
    """

    number: int = field(validator=bounds.count(1))
    of: int = field(validator=bounds.count(1))

    def __attrs_post_init__(self) -> None:
        if self.number > self.of:
            raise ValueError(f"there is no shard {self.number} of {self.of}")

    @classmethod
    def parse(cls, text: str) -> Shard:
        """``2/4``: the second of four.

        Raises:
            UsageError: it is not such a text.
        """
        match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip())
        try:
            if match:
                return cls(int(match[1]), int(match[2]))
        except ValueError as error:
            raise UsageError(f"shard {text!r}: {error}") from error
        raise UsageError(f"shard {text!r} is not of the form 2/4", hint="the second of four is 2/4")

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @property
    def name(self) -> str:
        """What its journal and its lock are called."""
        return f"shard-{self.number}-of-{self.of}"

    def __contains__(self, position: object) -> bool:
        return isinstance(position, int) and position % self.of == self.number - 1

    def share(self, n: int) -> int:
        """How many of ``n`` instances are its own."""
        return len(range(self.number - 1, n, self.of))
