"""What a call costs, from LiteLLM's price table or prices given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from olmo_eval.errors import UsageError
from olmo_eval_providers.litellm.options import Options


class Prices:
    """USD a call for one model; None where no price is known."""

    def __init__(self, litellm: Any, model: str, options: Options) -> None:
        self._litellm = litellm
        self._model = model
        self._given = (options.input_cost_per_token, options.output_cost_per_token)
        table = litellm.model_cost
        self.known = any(p is not None for p in self._given) or any(
            name in table for name in (model, model.partition("/")[2])
        )

    def check(self, max_cost: float | None) -> None:
        """Raises UsageError where a limit is set on a cost that nobody can know."""
        if max_cost is not None and not self.known:
            raise UsageError(
                f"max_cost needs prices, and litellm knows none for {self._model}",
                hint="set input_cost_per_token and output_cost_per_token (USD)",
            )

    def cost(self, answer: Any, usage: Mapping[str, Any]) -> float | None:
        if any(price is not None for price in self._given):
            tokens = (usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0)
            return sum(n * (price or 0.0) for n, price in zip(tokens, self._given, strict=True))
        if not self.known:
            return None
        try:
            return float(
                self._litellm.completion_cost(completion_response=answer, model=self._model)
            )
        except Exception:  # litellm raises whatever its price rules run into
            return None
