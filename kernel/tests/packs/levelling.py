"""A provider that finds every choice alike, or cannot tell: ``-o provider.kwargs.logprob=nan``."""

from __future__ import annotations

from typing import Any

import olmo_eval
from olmo_eval.common.types import Capability, LMOutput, LMRequest
from olmo_eval.providers.provider import Provider


class Levelling(Provider):
    """Gives each continuation the log-probability ``logprob``."""

    capabilities = frozenset({Capability.LOGLIKELIHOOD})

    async def loglikelihood(self, request: LMRequest) -> list[LMOutput]:
        logprob = float(self.config.kwargs.get("logprob", -1.0))
        return [
            LMOutput(text, sum_logprob=logprob, num_tokens=1, is_greedy=False)
            for text in request.continuations
        ]


@olmo_eval.hookimpl
def register_providers(register: Any) -> None:
    register("levelling", Levelling)
