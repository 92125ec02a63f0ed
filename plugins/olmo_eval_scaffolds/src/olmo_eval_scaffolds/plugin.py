"""What this distribution adds to olmo-eval."""

from __future__ import annotations

from typing import Any

from olmo_eval.hookspecs import hookimpl


@hookimpl
def register_scaffolds(register: Any) -> None:
    register("tool_loop", "olmo_eval_scaffolds.tool_loop:ToolLoop")


@hookimpl
def register_tools(register: Any) -> None:
    register("bash", "olmo_eval_scaffolds.code_tools:bash")
    register("calculator", "olmo_eval_scaffolds.calculator:calculator")
    register("python", "olmo_eval_scaffolds.code_tools:python")


@hookimpl
def register_judges(register: Any) -> None:
    register("llm", "olmo_eval_scaffolds.llm_judge:LLMJudge")


@hookimpl
def register_harnesses(register: Any) -> None:
    for name in ("bash_agent", "calculator_agent", "tools"):
        register(name, f"olmo_eval_scaffolds.presets:{name.upper()}")
