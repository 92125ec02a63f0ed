"""How far training had come, read from a checkpoint folder's name."""

from __future__ import annotations

import re

from attrs import frozen

_STEP = re.compile(r"(?:^|[^a-zA-Z])(?:global_step|checkpoint|step|iter|ckpt)[-_=]?(\d+)", re.I)
_TOKENS = re.compile(r"(?:^|[^a-zA-Z])tokens?[-_=]?(\d+(?:\.\d+)?)([kmbt]?)(?![a-zA-Z\d])", re.I)
_SCALE = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}


@frozen
class Progress:
    """``step``: optimizer steps; ``tokens``: training tokens seen; None where unknown."""

    step: int | None = None
    tokens: int | None = None


def progress(name: str) -> Progress:
    """Read ``step1000-tokens4B``, ``checkpoint-500``, ``global_step7``, ``step3000-unsharded``.

    ``name`` may be a path or a hub revision; the last component that says anything counts, so
    that ``run/step200/hf`` is step 200.
    """
    for part in reversed(re.split(r"[/\\]+", name)):
        step, tokens = _STEP.search(part), _TOKENS.search(part)
        if step or tokens:
            return Progress(int(step[1]) if step else None, _count(tokens) if tokens else None)
    return Progress()


def _count(match: re.Match[str]) -> int:
    return round(float(match[1]) * _SCALE[match[2].lower()])
