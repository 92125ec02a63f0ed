"""Choosing the next token: greedy, or drawn at a temperature from a truncated distribution."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from olmo_eval.common.types import SamplingParams
from olmo_eval_providers.embedded.weights import FloatArray


def draw_token(logits: FloatArray, params: SamplingParams, uniform: float) -> int:
    """The next token, from logits (vocabulary,) and a number drawn uniformly from [0, 1)."""
    cumulative = np.cumsum(truncated_distribution(logits, params))
    place = int(np.searchsorted(cumulative, uniform * cumulative[-1], side="right"))
    return min(place, len(cumulative) - 1)


def truncated_distribution(logits: FloatArray, params: SamplingParams) -> npt.NDArray[np.float64]:
    """Probabilities (vocabulary,) at the temperature, within top_k and then top_p.

    ``top_p`` keeps the most probable tokens up to and including the one that reaches it
    (Holtzman et al. 2020). What is left out has probability 0; the rest sums to 1.
    """
    scaled = logits.astype(np.float64) / params.temperature
    probabilities: npt.NDArray[np.float64] = np.exp(scaled - scaled.max())
    order = np.argsort(-probabilities, kind="stable")
    if params.top_k is not None and params.top_k > 0:
        probabilities[order[params.top_k :]] = 0.0
    probabilities /= probabilities.sum()
    if params.top_p is not None and params.top_p < 1.0:
        before = np.cumsum(probabilities[order]) - probabilities[order]
        outside = before >= params.top_p
        outside[0] = False
        probabilities[order[outside]] = 0.0
        probabilities /= probabilities.sum()
    return probabilities
