"""Did you mean?"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def closest(name: str, known: Iterable[str], *, n: int = 3) -> list[str]:
    """The known names most like ``name``, best first."""
    return difflib.get_close_matches(name, list(known), n=n, cutoff=0.6)


def did_you_mean(name: str, known: Iterable[str], *, otherwise: str | None = None) -> str | None:
    """A hint that offers the closest known names, or ``otherwise`` where none is close."""
    matches = closest(name, known)
    if not matches:
        return otherwise
    return f"did you mean {' or '.join(matches)}?"
