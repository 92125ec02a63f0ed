"""How a context and its continuation become tokens, for a tokenizer in the style of transformers.

The rule is that of lm-evaluation-harness: white space that ends the context belongs to the
continuation, both are encoded together, and the context's own tokens are cut off in front.
"""

from __future__ import annotations

from typing import Any


def has_bos_token(tokenizer: Any) -> bool:
    """Whether the tokenizer puts a beginning-of-text token before a text."""
    return bool(getattr(tokenizer, "add_bos_token", False)) and (
        getattr(tokenizer, "bos_token_id", None) is not None
    )


def get_bos_token_ids(tokenizer: Any, fallback_to_eos: bool = True) -> list[int]:
    """The token that a text without context follows: the beginning-of-text token, else that of its
    end; none where the tokenizer has neither."""
    bos = getattr(tokenizer, "bos_token_id", None)
    if bos is None and fallback_to_eos:
        bos = getattr(tokenizer, "eos_token_id", None)
    return [] if bos is None else [bos]


def get_context_token_ids(
    tokenizer: Any, context: str, use_bos_for_empty: bool = True, fallback_to_eos: bool = True
) -> list[int]:
    """The tokens of a context; of an empty one ``get_bos_token_ids``."""
    if not context:
        return get_bos_token_ids(tokenizer, fallback_to_eos) if use_bos_for_empty else []
    return list(tokenizer.encode(context))


def encode_context_and_continuation(
    tokenizer: Any,
    context: str,
    continuation: str,
    use_bos_for_empty: bool = True,
    fallback_to_eos: bool = True,
) -> tuple[list[int], list[int]]:
    """The tokens of a context, and those of the continuation after it."""
    bare = context.rstrip()
    continuation = context[len(bare) :] + continuation
    before = get_context_token_ids(tokenizer, bare, use_bos_for_empty, fallback_to_eos)
    if not bare:
        return before, list(tokenizer.encode(continuation, add_special_tokens=False))
    whole = list(tokenizer.encode(bare + continuation))
    return before, whole[len(before) :]
