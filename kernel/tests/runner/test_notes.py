"""What people are told at the end of a run, and what its record keeps."""

from __future__ import annotations

from typing import Any

import pytest

from olmo_eval import evaluate
from olmo_eval.errors import RunFailedError
from olmo_eval.results.speed import inference_metrics

PLUGIN = """
import os

import olmo_eval
from olmo_eval.common.types import LMOutput
from olmo_eval.errors import RunFailedError
from olmo_eval.providers import Capability, Provider


class Short(Provider):
    capabilities = frozenset({Capability.GENERATE})
    default_concurrency = 1
    asked = 0

    async def generate(self, request, params):
        self.asked += 1
        if self.asked > int(os.environ["SHORT_LIVES"]):
            raise RunFailedError("the engine died")
        cut = {"truncated_prompt_tokens": 7} if self.asked % 2 else {}
        return [LMOutput("1", finish_reason="stop", metadata=cut)]

    def metrics(self):
        return {"restarts": 1, "room_bytes": 100 * self.asked}

    def notes(self):
        return ["it is a short one"]


@olmo_eval.hookimpl
def register_providers(register):
    register("short", Short)
"""


def test_prompts_that_were_cut_and_counts_of_the_engine_are_kept(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = bench.folder / "short_provider.py"
    plugin.write_text(PLUGIN)
    asked = {"plugin": [str(plugin)], "results": str(bench.folder / "results"), "limit": 10}

    monkeypatch.setenv("SHORT_LIVES", "4")
    with pytest.raises(RunFailedError, match="the engine died"):
        evaluate("short:x", "sums", **asked)
    monkeypatch.setenv("SHORT_LIVES", "10")
    run = evaluate("short:x", "sums", **asked)

    told = "sums: 5 prompts were longer than the model's context, and cut on the left"
    assert run.record["remarks"] == [told, "it is a short one"]
    assert len(run.record["sessions"]) == 2
    counted = inference_metrics(run).engine_metrics
    assert counted == {"restarts": 2, "room_bytes": 600}


def test_metrics_that_fail_do_not_hide_how_the_run_ended(bench: Any) -> None:
    plugin = bench.folder / "short_provider.py"
    plugin.write_text(PLUGIN.replace('return {"restarts"', 'return 1 / 0, {"restarts"'))
    command = ("run", "--plugin", str(plugin), "-m", "short:x", "-t", "sums", "--results", "r")
    done = bench.command(*command, env={"SHORT_LIVES": "4"})
    assert done.code == 1
    assert "the provider's metrics failed: ZeroDivisionError" in done.err
    assert "error: the engine died" in done.err


@pytest.mark.parametrize(
    ("scaffold", "told"), [(None, ["the model was offered tools (calculator)"]), ("tool_loop", [])]
)
def test_tools_that_nobody_runs_are_told(bench: Any, scaffold: str | None, told: list[str]) -> None:
    from olmo_eval import plugins
    from olmo_eval.harness import HarnessConfig

    pytest.importorskip("olmo_eval_scaffolds")
    plugins.manager().load("olmo_eval_scaffolds.plugin")
    harness = HarnessConfig(tools=("calculator",), scaffold=scaffold)

    run = evaluate("mock", "sums", harness=harness, limit=3, results=str(bench.folder / "results"))

    assert [remark.partition(" and ")[0] for remark in run.record.get("remarks", [])] == told
