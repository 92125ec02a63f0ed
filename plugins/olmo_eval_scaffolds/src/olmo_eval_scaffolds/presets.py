"""Harness presets for agents. Those that run code name a sandbox that has to be accepted."""

from __future__ import annotations

from olmo_eval.harness.config import HarnessConfig
from olmo_eval.sandbox.config import SandboxConfig

#: not isolated, so a run is refused until it says ``sandboxes.0.unsafe_local=true`` or another
#: backend
_LOCAL = SandboxConfig(backend="local", capabilities=("bash", "python"))

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
