"""Scorers of log-likelihood outputs. A log-probability that is missing, NaN or infinite is an
error, never a number.
"""

from __future__ import annotations

import math

from attrs import evolve, frozen

from olmo_eval.common.scorers.base import Scorer
from olmo_eval.common.types import Instance, LMOutput, LMRequest

#: where an output's metadata says which end of the context was scored with the continuation: a
#: blank that tokenization moves, or what one token holds together with it
SCORED_CONTEXT = "scored_context"


def scored_text(output: LMOutput) -> str:
    """The text whose probability ``sum_logprob`` is: the continuation, and the end of its context
    where that was scored with it."""
    return str(output.metadata.get(SCORED_CONTEXT) or "") + output.text


def with_scored_context(request: LMRequest, outputs: tuple[LMOutput, ...]) -> tuple[LMOutput, ...]:
    """``outputs`` of a LOGLIKELIHOOD request, each of which says what was scored of its context.

    The rule of tokenization moves white space from the end of a context to the continuation, so
    that belongs to what was scored; where the engine says more, that holds.
    """
    contexts = request.contexts()
    if len(contexts) != len(outputs) or not any(c[-1:].isspace() for c in contexts):
        return outputs
    return tuple(
        evolve(output, metadata={SCORED_CONTEXT: c[len(c.rstrip()) :], **output.metadata})
        for output, c in zip(outputs, contexts, strict=True)
    )


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

    name: str = "logprob"
    reads = "likelihood"
    bounds = (None, 0.0)
    unit = "nats"

    def score(self, instance: Instance, output: LMOutput) -> float:
        return sum_logprob(output)


@frozen
class BitsPerByteScorer(Scorer):
    """-log2 probability of the continuation divided by the UTF-8 bytes of what was scored: leading
    white space included, also where it ends the context."""

    name: str = "bits_per_byte"
    version = 2
    reads = "likelihood"
    bounds = (0.0, None)
    unit = "bits per byte"

    def score(self, instance: Instance, output: LMOutput) -> float:
        n_bytes = len(scored_text(output).encode("utf-8", "surrogatepass"))
        if n_bytes == 0:
            raise ValueError("bits per byte of an empty text")
        return -sum_logprob(output) / (math.log(2) * n_bytes)


@frozen
class PerplexityScorer(Scorer):
    """exp of the mean negative log-probability a token."""

    name: str = "perplexity"
    reads = "likelihood"
    bounds = (1.0, None)
    unit = "perplexity a token"

    def score(self, instance: Instance, output: LMOutput) -> float:
        if not output.num_tokens:
            raise ValueError("perplexity needs the number of tokens, which the provider lacks")
        return math.exp(-sum_logprob(output) / output.num_tokens)
