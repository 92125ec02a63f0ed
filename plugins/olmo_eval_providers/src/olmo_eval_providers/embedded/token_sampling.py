"""Choosing the next token: greedy, or drawn at a temperature from a truncated distribution."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from olmo_eval.common.types import SamplingParams
from olmo_eval_providers.embedded.weights import FloatArray


class Sampler:
    """The random choices of one sample: a stream of its own, so that nothing else in flight and no
    rounding elsewhere changes how many numbers it draws.
    """

    def __init__(self, params: SamplingParams, seed: int) -> None:
        self._params = params
        self._random = np.random.Generator(np.random.PCG64(seed))

    def choose(self, logits: FloatArray) -> int:
        """The next token, from logits (vocabulary,)."""
        if self._params.greedy:
            return int(logits.argmax())
        cumulative = np.cumsum(truncated(logits, self._params))
        drawn = self._random.random() * cumulative[-1]
        return min(int(np.searchsorted(cumulative, drawn, side="right")), len(cumulative) - 1)


def truncated(logits: FloatArray, params: SamplingParams) -> npt.NDArray[np.float64]:
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
