"""Harness presets for agents: tools, a loop and limits, and nothing of how a model is sampled.

Those that run code name a sandbox: containers, or this machine's own namespaces. The presets that
are named as published ones (``dr_tulu``, ``codex_agent``, ...) have their tools, turns and images;
the model is told no more than the tools say, for their prompts are not part of this package.
"""

from __future__ import annotations

from attrs import evolve

from olmo_eval.harness.config import HarnessConfig
from olmo_eval.sandbox.config import SandboxConfig

#: where the machine has no namespaces, a run is refused until it says
#: ``sandboxes.0.unsafe_local=true`` or another backend
_LOCAL = SandboxConfig(mode="local", capabilities=("bash", "python"))
_CONTAINER = SandboxConfig(mode="docker", capabilities=("bash", "python"))
_PYTHON = evolve(
    _CONTAINER, image="ghcr.io/astral-sh/uv:python3.12-bookworm-slim", startup_timeout=120.0
)
_WEB = ("serper_google_webpage_search", "serper_fetch_webpage_content")

SIMPLE_AGENT = HarnessConfig(name="simple_agent", scaffold="tool_loop", max_concurrency=4)

CALCULATOR_AGENT = HarnessConfig(
    name="calculator_agent", scaffold="tool_loop", tools=("calculator",), max_turns=8
)

TOOLS = HarnessConfig(
    name="tools", scaffold="tool_loop", tools=("python",), max_turns=10, sandboxes=(_LOCAL,)
)

BASH_AGENT = HarnessConfig(
    name="bash_agent",
    scaffold="tool_loop",
    tools=("bash", "python"),
    max_turns=30,
    sandboxes=(_LOCAL,),
)

CODE_AGENT = HarnessConfig(
    name="code_agent",
    scaffold="tool_loop",
    tools=("bash", "python", "read_file", "write_file", "edit_file", "submit"),
    max_turns=50,
    sandboxes=(_CONTAINER,),
)

#: its corpus is to be named: ``-o tools.0.corpus=FILE``
SEARCH_AGENT = HarnessConfig(
    name="search_agent", scaffold="tool_loop", tools=({"name": "search"},), max_turns=20
)

PAPER_SEARCH_AGENT = HarnessConfig(
    name="paper_search_agent",
    scaffold="tool_loop",
    tools=("semantic_scholar_snippet_search",),
    max_turns=10,
    max_concurrency=4,
)

DR_TULU = HarnessConfig(
    name="dr_tulu",
    scaffold="tool_loop",
    tools=("semantic_scholar_snippet_search", *_WEB),
    max_turns=10,
    max_concurrency=4,
)

CODEX_AGENT = HarnessConfig(
    name="codex_agent",
    scaffold="tool_loop",
    tools=("execute_bash", *_WEB),
    max_turns=10,
    max_concurrency=4,
    sandboxes=(_PYTHON,),
)

CODEX_COMPLETION = evolve(
    CODEX_AGENT,
    name="codex_completion",
    max_concurrency=16,
    sandboxes=(evolve(_PYTHON, instances=1),),
)

CODEX_PYTHON = HarnessConfig(name="codex_python", sandboxes=(_PYTHON,))

CODEX_UNIVERSAL = HarnessConfig(
    name="codex_universal",
    sandboxes=(
        evolve(_CONTAINER, image="volcengine/sandbox-fusion:base-20250609", startup_timeout=300.0),
    ),
)
