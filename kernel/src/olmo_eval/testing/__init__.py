"""The conformance kit: one line of a plugin's tests holds it to the kernel's contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from olmo_eval.exports import lazy

if TYPE_CHECKING:
    from olmo_eval.plugins import fresh_manager
    from olmo_eval.testing.doubler import Doubler
    from olmo_eval.testing.interchange import (
        check_exporter,
        check_importer,
        exporter_contract,
        importer_contract,
    )
    from olmo_eval.testing.judge import check_judge, judge_contract
    from olmo_eval.testing.prompts import golden_prompts
    from olmo_eval.testing.provider import check_provider, provider_contract
    from olmo_eval.testing.sandbox import check_sandbox_backend, sandbox_contract
    from olmo_eval.testing.scaffold import check_scaffold, scaffold_contract
    from olmo_eval.testing.server import ScriptedServer
    from olmo_eval.testing.task import task_contract
    from olmo_eval.testing.tool import check_tool, tool_contract

__all__ = [
    "Doubler",
    "ScriptedServer",
    "check_exporter",
    "check_importer",
    "check_judge",
    "check_provider",
    "check_sandbox_backend",
    "check_scaffold",
    "check_tool",
    "exporter_contract",
    "fresh_manager",
    "golden_prompts",
    "importer_contract",
    "judge_contract",
    "provider_contract",
    "sandbox_contract",
    "scaffold_contract",
    "task_contract",
    "tool_contract",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "Doubler": "olmo_eval.testing.doubler",
        "ScriptedServer": "olmo_eval.testing.server",
        "check_exporter": "olmo_eval.testing.interchange",
        "check_importer": "olmo_eval.testing.interchange",
        "check_judge": "olmo_eval.testing.judge",
        "check_provider": "olmo_eval.testing.provider",
        "check_sandbox_backend": "olmo_eval.testing.sandbox",
        "check_scaffold": "olmo_eval.testing.scaffold",
        "check_tool": "olmo_eval.testing.tool",
        "exporter_contract": "olmo_eval.testing.interchange",
        "fresh_manager": "olmo_eval.plugins",
        "golden_prompts": "olmo_eval.testing.prompts",
        "importer_contract": "olmo_eval.testing.interchange",
        "judge_contract": "olmo_eval.testing.judge",
        "provider_contract": "olmo_eval.testing.provider",
        "sandbox_contract": "olmo_eval.testing.sandbox",
        "scaffold_contract": "olmo_eval.testing.scaffold",
        "task_contract": "olmo_eval.testing.task",
        "tool_contract": "olmo_eval.testing.tool",
    },
)
