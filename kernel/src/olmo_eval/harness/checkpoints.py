"""How far a checkpoint was trained, read from its name."""

from __future__ import annotations

import re

_STEP = re.compile(r"(?:^|[^a-z])(?:global[_-]?step|step|checkpoint|ckpt|iter)[_-]?(\d+)", re.I)
_TOKENS = re.compile(r"tokens?[_-]?(\d+(?:\.\d+)?)([kmbt])?(?![a-z0-9])", re.I)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}


def training_progress(name: str) -> tuple[int | None, int | None]:
    """(step, tokens) from names such as ``step1000-tokens4B``, ``checkpoint-500``,
    ``global_step7``; None where the last two parts of the path do not say.
    """
    tail = "/".join(name.rstrip("/").split("/")[-2:])
    steps, tokens = _STEP.findall(tail), _TOKENS.findall(tail)
    step = int(steps[-1]) if steps else None
    if not tokens:
        return step, None
    number, unit = tokens[-1]
    return step, int(float(number) * _UNITS[unit.lower()])
