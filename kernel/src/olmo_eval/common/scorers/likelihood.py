"""Scorers of log-likelihood outputs. A log-probability that is missing, NaN or infinite is an
error, never a number.
"""

from __future__ import annotations

import math

from attrs import frozen

from olmo_eval.common.scorers.base import Scorer
from olmo_eval.common.types import Instance, LMOutput


def sum_logprob(output: LMOutput) -> float:
    """Natural-log probability of the output.

    Raises:
        ValueError: the provider returned none, or one that is NaN or infinite, so that nothing can
            be said.
    """
    require_finite(output)
    if output.sum_logprob is None:
        raise ValueError("the provider returned no log-probability")
    return output.sum_logprob


def require_finite(output: LMOutput) -> None:
    """Raises ValueError where a log-probability of the output, or of a token of it, is NaN or
    infinite: the model has diverged, and what it preferred says nothing.
    """
    found = non_finite(output)
    if found is not None:
        raise ValueError(f"a log-probability is {found}")


def non_finite(output: LMOutput) -> float | None:
    """A log-probability of the output, or of a token of it, that is NaN or infinite, if any is."""
    total = output.sum_logprob
    if total is not None and not math.isfinite(total):
        return total
    logprobs = (token["logprob"] for token in output.logprobs or ())
    return next((logprob for logprob in logprobs if not math.isfinite(logprob)), None)


@frozen
class LogprobScorer(Scorer):
    """Natural-log probability of the continuation, in nats."""

    name = "logprob"
    reads = "likelihood"
    bounds = (None, 0.0)

    def score(self, instance: Instance, output: LMOutput) -> float:
        return sum_logprob(output)


@frozen
class BitsPerByteScorer(Scorer):
    """-log2 probability of the continuation divided by its UTF-8 bytes, leading space included."""

    name = "bits_per_byte"
    reads = "likelihood"
    bounds = (0.0, None)

    def score(self, instance: Instance, output: LMOutput) -> float:
        n_bytes = len(output.text.encode("utf-8", "surrogatepass"))
        if n_bytes == 0:
            raise ValueError("bits per byte of an empty text")
        return -sum_logprob(output) / (math.log(2) * n_bytes)


@frozen
class PerplexityScorer(Scorer):
    """exp of the mean negative log-probability a token."""

    name = "perplexity"
    reads = "likelihood"
    bounds = (1.0, None)

    def score(self, instance: Instance, output: LMOutput) -> float:
        if not output.num_tokens:
            raise ValueError("perplexity needs the number of tokens, which the provider lacks")
        return math.exp(-sum_logprob(output) / output.num_tokens)
