"""What the outputs of all engines have in common: scored texts, truncation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from olmo_eval.common.scorers.likelihood import SCORED_CONTEXT
from olmo_eval.common.types import LMOutput, Usage


def logprob_or_nan(value: float | None) -> float:
    """A log-probability as an engine or a server gives it; NaN where it gives none."""
    return math.nan if value is None else float(value)


def scored_output(
    text: str,
    logprobs: Sequence[float],
    *,
    is_greedy: bool,
    context_tokens: int,
    cached_tokens: int = 0,
    truncated_tokens: int = 0,
    borrowed: str | None = None,
) -> LMOutput:
    """The output of a likelihood request for one ``text``, from the log-probabilities of its
    tokens (in nats); what has no finite one is not the most probable text either.

    ``borrowed`` is the end of the context that had to be scored with it (``Scored.borrowed``).
    The tokens themselves are not part of it: nobody keeps the text of everything that is scored.
    """
    return LMOutput(
        text=text,
        sum_logprob=float(sum(logprobs)),
        num_tokens=len(logprobs),
        is_greedy=is_greedy and all(map(math.isfinite, logprobs)),
        usage=Usage(prompt_tokens=context_tokens + len(logprobs), cached_tokens=cached_tokens),
        metadata={
            **truncation_metadata(truncated_tokens),
            **({} if borrowed is None else {SCORED_CONTEXT: borrowed}),
        },
    )


def truncation_metadata(truncated_tokens: int) -> dict[str, Any]:
    """What the record says of a prompt that lost tokens on the left because it was too long."""
    return {"truncated_prompt_tokens": truncated_tokens} if truncated_tokens else {}
