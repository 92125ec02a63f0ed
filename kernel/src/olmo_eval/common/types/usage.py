"""What a request cost."""

from __future__ import annotations

from attrs import frozen


@frozen
class Usage:
    """Tokens of one request; ``cached_tokens`` counts prompt tokens served from a prefix cache."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float | None = None
