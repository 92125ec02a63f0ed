"""The scaffold ``mini_swe_agent``: the agent of mini-swe-agent, which works with bash alone.

The loop, the prompts and the reading of what the model wrote are the package's. The model is the
evaluated one, the environment the episode's sandbox; limits and the record are the episode's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attrs import evolve

from olmo_eval.agents.episode import Episode
from olmo_eval.agents.scaffold import Scaffold
from olmo_eval.agents.tools import Tool, tool
from olmo_eval.common.types import (
    Capability,
    LMOutput,
    LMRequest,
    NoteEvent,
    SamplingParams,
    ToolCall,
    ToolSchema,
)
from olmo_eval.errors import UsageError
from olmo_eval.sandbox import Sandbox
from olmo_eval_scaffolds.mini_swe_agent import package
from olmo_eval_scaffolds.threads import Calls, in_thread

#: how commands are written; "auto" is "native" where the provider says that its model calls tools
FORMATS = ("auto", "native", "text")
#: characters of a result, which is read again: what may be shown is for the package to cut
_ALL = 100_000_000
#: bytes of a command: Linux takes 128 KiB of one argument
_LONGEST = 120_000


class MiniSWEAgentScaffold(Scaffold):
    """The agent of mini-swe-agent: bash commands in the episode's sandbox, until it submits.

    - ``config``: one of the package's configurations, for its prompts: ``mini``,
      ``mini_textbased``, ``swebench``, ...;
    - ``settings``: changes to it, as ``{"agent": {"system_template": ...}, "model": {...},
      "environment": {"cwd": ..., "env": {...}, "timeout": ...}}``;
    - ``tool_format``: ``native`` tool calls, commands in ``text``, or ``auto``: native where the
      provider declares that its models call tools.

    The answer is what the last command prints when it submits, else what the model said last.
    """

    name = "mini_swe_agent"
    requires = frozenset({"bash"})
    required_extras = (package.EXTRA,)
    packages = ("mini-swe-agent",)

    def __init__(
        self,
        config: str | None = None,
        settings: Mapping[str, Any] | None = None,
        tool_format: str = "auto",
    ) -> None:
        super().__init__()
        if tool_format not in FORMATS:
            raise TypeError(f"tool_format must be one of {', '.join(FORMATS)}: {tool_format!r}")
        self.tool_format = tool_format
        self.needs_tool_calls = tool_format == "native"
        package.load()
        self._native = package.read_config(config or "mini", settings or {})
        self._text = package.read_config(config or "mini_textbased", settings or {})

    async def run(self, request: LMRequest, params: SamplingParams, episode: Episode) -> LMOutput:
        if request.tools:
            names = ", ".join(schema.name for schema in request.tools)
            raise UsageError(
                f"mini_swe_agent works with bash alone, and is given the tools {names}",
                hint="take them off the harness: -o tools=[]",
            )
        native = self.tool_format == "native" or (
            self.tool_format == "auto" and Capability.TOOLS in episode.capabilities
        )
        config = self._native if native else self._text
        bash = bash_tool(config["environment"])

        def agent(calls: Calls) -> LMOutput:
            work = _Work(request, params, episode, bash, calls)
            model = package.Model(config["model"], work.ask, work.note, native=native)
            environment = package.Environment(work.execute)
            return work.answer(package.run(config["agent"], model, environment, work.question))

        return await in_thread(agent)


def bash_tool(settings: Mapping[str, Any]) -> Tool:
    """The agent's one tool, under the ``cwd``, ``env`` and ``timeout`` of its configuration."""
    cwd, env, timeout = settings.get("cwd"), settings.get("env"), settings.get("timeout")

    @tool(requires="bash", output_limit=_ALL)
    async def bash(command: str, sandbox: Sandbox) -> dict[str, Any]:
        """Execute a bash command"""
        if len(command.encode("utf-8", "replace")) > _LONGEST:
            said = f"bash: the command is longer than {_LONGEST} bytes; use several\n"
            return {"returncode": 126, "output": said}
        # what it prints to either stream is one text, in its order
        argv = ["bash", "-c", 'exec 2>&1; eval "$1"', "bash", command]
        result = await sandbox.exec(argv, timeout=timeout, env=env, cwd=cwd)
        found = {"returncode": result.exit_code, "output": result.stdout + result.stderr}
        if result.timed_out:
            problem = f"The command was ended after {result.seconds:.0f} seconds."
            return {**found, "returncode": -1, "exception_info": problem}
        return found

    return bash


class _Work:
    """One episode, as the agent works on it from its thread."""

    def __init__(
        self,
        request: LMRequest,
        params: SamplingParams,
        episode: Episode,
        bash: Tool,
        calls: Calls,
    ) -> None:
        last: Mapping[str, Any] = request.messages[-1] if request.messages else {}
        if last.get("role") != "user" or not isinstance(last.get("content"), str):
            raise UsageError("mini_swe_agent needs a request that ends with a user's text")
        self.question: str = last["content"]
        self._request = request.without_system()
        self._params, self._episode, self._bash, self._calls = params, episode, bash, calls
        self._last = LMOutput("")
        self._commands = 0

    def ask(self, messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> LMOutput:
        """What the model answers to the agent's messages, which come after the request's own."""
        system, question, *since = messages
        prompts = [text for text in (system["content"], self._request.system_prompt) if text]
        request = evolve(
            self._request,
            system_prompt="\n\n".join(prompts),
            messages=(*self._request.messages[:-1], question, *since),
            tools=tuple(map(ToolSchema.from_openai, tools)),
        )
        (self._last, *_) = self._calls(self._episode.generate, request, self._params)
        return self._last

    def execute(self, command: Any, call_id: str | None) -> dict[str, Any]:
        """What came of a command."""
        self._commands += 1
        arguments = json.dumps({"command": command})
        call = ToolCall(call_id or f"command_{self._commands}", "bash", arguments)
        result = self._calls(self._episode.call_tool, call, self._bash)
        if result.error:
            return {"output": "", "returncode": -1, "exception_info": result.content}
        found: dict[str, Any] = {"exception_info": "", **json.loads(result.content)}
        return found

    def note(self, text: str) -> None:
        """Record what the model is told that the agent could not read."""
        self._episode.record(NoteEvent(text))

    def answer(self, ended: Mapping[str, Any]) -> LMOutput:
        """The output of an agent that has ended by itself."""
        status = str(ended.get("exit_status"))
        self._episode.record("exit_status", status)
        if status != "Submitted":
            return evolve(self._last, tool_calls=())
        said = [turn.text for turn in self._episode.trajectory.turns if turn.text.strip()]
        text = str(ended["submission"]).strip() or (said[-1] if said else "")
        return evolve(self._last, text=text, tool_calls=(), finish_reason="stop")
