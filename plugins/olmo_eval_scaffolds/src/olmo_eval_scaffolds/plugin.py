"""What this distribution adds to olmo-eval."""

from __future__ import annotations

from typing import Any

from olmo_eval.hookspecs import hookimpl

OLMO_EVAL_API = 1


@hookimpl
def register_scaffolds(register: Any) -> None:
    register("mini_swe_agent", "olmo_eval_scaffolds.mini_swe_agent.scaffold:MiniSWEAgentScaffold")
    register("openai_agents", "olmo_eval_scaffolds.openai_agents:OpenAIAgentsScaffold")
    register("openhands", "olmo_eval_scaffolds.openhands.scaffold:OpenHandsScaffold")
    register("tool_loop", "olmo_eval_scaffolds.tool_loop:ToolLoop")


_TOOLS = {
    "bash": "shell:bash",
    "calculator": "calculator:calculator",
    "edit_file": "files:edit_file",
    "execute_bash": "shell:execute_bash",
    "execute_bash_session": "shell:execute_bash_session",
    "mcp": "mcp:McpTools",
    "python": "python:python",
    "read_file": "files:read_file",
    "search": "search:LocalSearch",
    "semantic_scholar": "web:semantic_scholar_snippet_search",
    "semantic_scholar_snippet_search": "web:semantic_scholar_snippet_search",
    "serper_fetch_webpage_content": "web:serper_fetch_webpage_content",
    "serper_google_webpage_search": "web:serper_google_webpage_search",
    "submit": "submit:submit",
    "web_search": "web:serper_google_webpage_search",
    "write_file": "files:write_file",
}


@hookimpl
def register_tools(register: Any) -> None:
    for name, place in _TOOLS.items():
        register(name, f"olmo_eval_scaffolds.tools.{place}")


@hookimpl
def register_judges(register: Any) -> None:
    register("llm", "olmo_eval_scaffolds.llm_judge:LLMJudge")


_HARNESSES = (
    "bash_agent",
    "calculator_agent",
    "code_agent",
    "codex_agent",
    "codex_completion",
    "codex_python",
    "codex_universal",
    "dr_tulu",
    "paper_search_agent",
    "search_agent",
    "simple_agent",
    "tools",
)


@hookimpl
def register_harnesses(register: Any) -> None:
    for name in _HARNESSES:
        register(name, f"olmo_eval_scaffolds.presets:{name.upper()}")
