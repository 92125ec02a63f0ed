"""The limits of an episode."""

from __future__ import annotations

from attrs import evolve, frozen

from olmo_eval.common.types import SamplingParams
from olmo_eval.errors import OlmoEvalError


@frozen
class Limits:
    """What one episode may use; None is no limit.

    - ``turns``: answers of the model;
    - ``tokens``: of all prompts and answers together;
    - ``seconds``: wall-clock time, without what is spent waiting for a sandbox to be there.
    """

    turns: int | None = None
    tokens: int | None = None
    seconds: float | None = None


class EpisodeEnded(OlmoEvalError):
    """The conversation is over, whatever its scaffold is doing. Scaffolds let it pass: the episode
    keeps what happened so far and ends with it."""


class Submitted(EpisodeEnded):
    """A tool was given the final ``answer``; None: it is what the model said last."""

    def __init__(self, answer: str | None) -> None:
        super().__init__("the answer was submitted")
        self.answer = answer


class LimitReached(EpisodeEnded):
    """The episode has used up a limit of its harness; ``reason`` is its stop reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"limit reached: {reason}")
        self.reason = reason


def within_budget(params: SamplingParams, tokens: int) -> SamplingParams:
    """``params`` that generate at most ``tokens``; the same object where they do anyway."""
    if params.max_tokens is not None and params.max_tokens <= tokens:
        return params
    return evolve(params, max_tokens=tokens)
