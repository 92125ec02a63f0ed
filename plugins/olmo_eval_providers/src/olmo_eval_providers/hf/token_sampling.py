"""The next token of every row: greedy, or drawn from a truncated distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from olmo_eval.common.types import SamplingParams

#: what asks for the most probable token
GREEDY = SamplingParams(temperature=0.0)


def choose(torch: Any, logits: Any, rows: Sequence[tuple[SamplingParams, float]]) -> list[int]:
    """One token a row of ``logits`` (rows, vocabulary); each row brings its parameters and a
    number drawn uniformly from [0, 1), so that its choice depends on nothing beside it."""
    tokens: list[int] = logits.argmax(-1).tolist()
    for row, (params, uniform) in enumerate(rows):
        if not params.greedy:
            tokens[row] = _draw(torch, logits[row], params, uniform)
    return tokens


def _draw(torch: Any, logits: Any, params: SamplingParams, uniform: float) -> int:
    """Inverse of the cumulative distribution at the temperature, within top_k and then top_p.

    ``top_p`` keeps the most probable tokens up to and including the one that reaches it
    (Holtzman et al. 2020).
    """
    probabilities = torch.softmax(logits.double() / params.temperature, -1)
    truncated = (params.top_k or 0) > 0 or (params.top_p or 1.0) < 1.0
    order = None
    if truncated:
        probabilities, order = probabilities.sort(descending=True, stable=True)
        if params.top_k:
            probabilities[params.top_k :] = 0.0
        if params.top_p is not None and params.top_p < 1.0:
            share = probabilities / probabilities.sum()
            outside = share.cumsum(-1) - share >= params.top_p
            outside[0] = False
            probabilities[outside] = 0.0
    cumulative = probabilities.cumsum(-1)
    place = int(torch.searchsorted(cumulative, uniform * float(cumulative[-1]), right=True))
    place = min(place, int((probabilities > 0).nonzero()[-1]))
    return int(order[place]) if order is not None else place
