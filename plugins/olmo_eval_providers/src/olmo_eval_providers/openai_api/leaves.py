"""Single values of an answer, which a service may send in any shape.

What decides a score is refused where it cannot be what it should be; counts of tokens, which do
not, are then 0.
"""

from __future__ import annotations

import math
from typing import Any

from olmo_eval_providers.outputs import logprob_or_nan

#: a log-probability above 0 by no more than this is rounding
_ROUNDING = 1e-3


def logprob(value: Any) -> float | None:
    """A natural-log probability; None where the service gives none. What is not finite stays so.

    Raises:
        TypeError: it is no number.
        ValueError: it is above 0.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"a log-probability is {value!r}")
    number = logprob_or_nan(value)
    if _ROUNDING < number < math.inf:
        raise ValueError(f"a log-probability is {value!r}")
    return number


def text(value: Any) -> str:
    """A text, which some services send in parts; empty where there is none.

    Raises:
        TypeError, KeyError: it is something else.
    """
    if not value:
        return ""
    if isinstance(value, list):
        return "".join(text(part["text"]) for part in value if part["type"] == "text")
    if not isinstance(value, str):
        raise TypeError(f"a text is {value!r}")
    return value


def count(value: Any) -> int:
    """A number of tokens; 0 where there is none, or none that can be one."""
    return value if type(value) is int and value > 0 else 0
