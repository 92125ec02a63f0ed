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

    def plus(self, more: Usage | None) -> Usage:
        """The sum; a cost is known where any part of it is."""
        if more is None:
            return self
        costs = [u.cost_usd for u in (self, more) if u.cost_usd is not None]
        return Usage(
            self.prompt_tokens + more.prompt_tokens,
            self.completion_tokens + more.completion_tokens,
            self.cached_tokens + more.cached_tokens,
            sum(costs) if costs else None,
        )
