"""The limits of an episode."""

from __future__ import annotations

from attrs import frozen


@frozen
class Limits:
    """What one sample of one instance may use; None is no limit.

    - ``turns``: answers of the model;
    - ``tokens``: of all prompts and answers together;
    - ``seconds``: wall-clock time.
    """

    turns: int | None = None
    tokens: int | None = None
    seconds: float | None = None
