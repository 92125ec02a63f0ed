"""What answers may cost."""

from __future__ import annotations

from typing import Any

import pytest

from olmo_eval import evaluate
from olmo_eval.errors import RunFailedError
from olmo_eval.results.store import Store

PLUGIN = """
from typing import ClassVar

import olmo_eval
from olmo_eval.common.types import LMOutput, Usage
from olmo_eval.providers import Capability, Provider


class Dear(Provider):
    capabilities = frozenset({Capability.GENERATE})
    default_concurrency: ClassVar[int] = 1

    async def generate(self, request, params):
        usage = Usage(prompt_tokens=10, completion_tokens=1, cost_usd=0.25)
        return [LMOutput("1", finish_reason="stop", usage=usage)]


@olmo_eval.hookimpl
def register_providers(register):
    register("dear", Dear)
"""


def test_a_run_ends_when_its_answers_cost_too_much_and_goes_on_with_more(bench: Any) -> None:
    plugin = bench.folder / "dear_provider.py"
    plugin.write_text(PLUGIN)
    results = str(bench.folder / "results")
    asked = {"plugin": [str(plugin)], "results": results, "limit": 12}

    with pytest.raises(RunFailedError, match=r"have cost \$1\.25, more than --max-cost 1"):
        evaluate("dear:x", "sums", max_cost=1.0, **asked)
    run = evaluate("dear:x", "sums", max_cost=10.0, **asked)

    assert [found.run_id for found in Store(results).runs()] == [run.run_id]
    assert run.record["usage"]["cost_usd"] == pytest.approx(3.0)
    assert len(run.record["sessions"]) == 2
