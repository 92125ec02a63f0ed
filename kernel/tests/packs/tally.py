"""A model that adds, writes every request to ``tally.log``, and samples when it is warm."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import olmo_eval
from olmo_eval.common.types import Capability, LMOutput, LMRequest, SamplingParams
from olmo_eval.providers.provider import Provider


def note(request: LMRequest) -> None:
    with Path("tally.log").open("a") as log:
        log.write(f"{request.prompt!r}\n")


class Tally(Provider):
    capabilities = frozenset({Capability.GENERATE, Capability.CHAT})

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        note(request)
        asked = request.prompt or str(request.messages)
        n = int(re.findall(r"(\d+) plus 1", asked)[-1])
        answers = [str(n + (n + i + (params.seed or 1)) % 2) for i in range(params.num_samples)]
        return [LMOutput(f"{answer}.", finish_reason="stop") for answer in answers]


@olmo_eval.hookimpl
def register_providers(register: Any) -> None:
    register("tally", Tally)
