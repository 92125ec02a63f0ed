"""How much of a model's context a request may use, and prompts cut to leave room to generate."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from olmo_eval.providers.tokenization import TextEncoder, fit_prompt


@frozen
class FittedPrompt:
    """A prompt as the engine reads it.

    - ``tokens``: its ids, ``truncated_tokens`` of the whole cut off on the left;
    - ``max_new_tokens``: how many may be generated after it, at least 1.
    """

    tokens: tuple[int, ...]
    truncated_tokens: int
    max_new_tokens: int


def fitted_prompt(
    encoder: TextEncoder, ids: Sequence[int], context_length: int, max_tokens: int | None
) -> FittedPrompt:
    """The prompt ``ids`` cut to ``context_length`` positions, by the rule of tokenization."""
    kept = tuple(fit_prompt(encoder, ids, context_length, max_tokens))
    room = max(1, context_length - len(kept))
    return FittedPrompt(kept, len(ids) - len(kept), min(room, max_tokens or room))


def usable_context(model_length: int, request_length: int | None) -> int:
    """Positions of a model of ``model_length`` that a request limited to ``request_length``
    (None: not limited) may use, at least 1."""
    return max(1, min(request_length or model_length, model_length))
