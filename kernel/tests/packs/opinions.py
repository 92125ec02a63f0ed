"""The model of a judge: says what its settings tell it to, at ten cents a reply.

``reply`` is what it says after a thought, ``most`` how often it does before it is gone; both may be
changed in files of these names, for another command with the same settings.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import olmo_eval
from olmo_eval.common.types import Capability, LMOutput, LMRequest, SamplingParams, Usage
from olmo_eval.errors import ProviderError
from olmo_eval.providers import Provider


def _setting(name: str, otherwise: Any) -> Any:
    path = Path(name)
    return path.read_text().strip() if path.exists() else otherwise


def _note() -> None:
    with Path("judged.log").open("a") as log:
        log.write("judged\n")


class Opinion(Provider):
    capabilities = frozenset({Capability.CHAT})
    default_concurrency = 2
    said = 0

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        kwargs = self.config.kwargs
        self.said += 1
        if self.said > int(_setting("most", kwargs.get("most", 1_000))):
            raise ProviderError("gone")
        _note()
        text = f"<think>no, no</think>{_setting('reply', kwargs.get('reply', 'yes'))}"
        return [LMOutput(text, finish_reason="stop", usage=Usage(20, 3, cost_usd=0.1))]


@olmo_eval.hookimpl
def register_providers(register: Any) -> None:
    register("opinion", Opinion)
