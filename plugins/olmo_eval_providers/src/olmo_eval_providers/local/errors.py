"""Errors that engines in this process have in common."""

from __future__ import annotations

from olmo_eval.errors import NonFiniteError


def non_finite_logits() -> NonFiniteError:
    """The error of a request whose next token cannot be chosen."""
    return NonFiniteError(
        "the model's logits are not finite (NaN or infinite), so there is no next token",
        hint="the weights hold NaN, or overflow in this dtype: try -o provider.dtype=float32",
    )


def first_line(error: BaseException) -> str:
    """What ``error`` says on its first line, or its class where it says nothing."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
