"""The scaffold ``openhands``: the agent of OpenHands' SDK over the evaluated model.

The loop and the prompts are the SDK's. The model is the evaluated one, the tools are the harness's
(and the SDK's own ``finish`` and ``think``); limits, retries and the record are the episode's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attrs import evolve

from olmo_eval.agents.episode import Episode
from olmo_eval.agents.scaffold import Scaffold
from olmo_eval.common.types import (
    Capability,
    LMOutput,
    LMRequest,
    Message,
    NoteEvent,
    SamplingParams,
    ToolCall,
    ToolCallEvent,
    ToolResult,
    ToolResultEvent,
    ToolSchema,
)
from olmo_eval.errors import ProviderError, UsageError
from olmo_eval_scaffolds.extras import require
from olmo_eval_scaffolds.openhands import package
from olmo_eval_scaffolds.threads import Calls, ThreadEnded, in_thread

#: how tools are called; "auto" is "native" where the provider says that its model calls tools
FORMATS = ("auto", "native", "text")


class OpenHandsScaffold(Scaffold):
    """The agent of OpenHands' SDK with the harness's tools, until it finishes or answers.

    - ``system_prompt``: stands in place of the SDK's own; the task's comes after it either way;
    - ``tool_format``: ``native`` tool calls, calls in ``text``, or ``auto``: native where the
      provider declares that its models call tools.

    The answer is the message with which the agent finishes, else what the model said last.
    """

    name = "openhands"
    required_extras = (package.EXTRA,)
    packages = ("openhands-sdk",)

    def __init__(self, system_prompt: str | None = None, tool_format: str = "auto") -> None:
        super().__init__()
        if tool_format not in FORMATS:
            raise TypeError(f"tool_format must be one of {', '.join(FORMATS)}: {tool_format!r}")
        if system_prompt is not None and not isinstance(system_prompt, str):
            raise TypeError(f"system_prompt must be a text: {system_prompt!r:.80}")
        self.system_prompt, self.tool_format = system_prompt, tool_format
        self.needs_tool_calls = tool_format == "native"
        package.load()

    async def run(self, request: LMRequest, params: SamplingParams, episode: Episode) -> LMOutput:
        native = self.tool_format == "native" or (
            self.tool_format == "auto" and Capability.TOOLS in episode.capabilities
        )

        def agent(calls: Calls) -> LMOutput:
            work = _Work(request, params, episode, calls, native=native)
            return work.run(self.system_prompt)

        return await in_thread(agent)


class _Work:
    """One episode, as the SDK's agent works on it from its thread.

    The SDK knows a call of the harness's tools by its number alone, so that whatever the model
    wrote reaches ``Episode.call_tool`` as it is, and the model sees its own ids again.
    """

    def __init__(
        self,
        request: LMRequest,
        params: SamplingParams,
        episode: Episode,
        calls: Calls,
        *,
        native: bool,
    ) -> None:
        last: Mapping[str, Any] = request.messages[-1] if request.messages else {}
        if last.get("role") != "user" or not isinstance(last.get("content"), str):
            raise UsageError("openhands needs a request that ends with a user's text")
        self._question: str = last["content"]
        self._request = request.without_system()
        self._params, self._episode, self._calls = params, episode, calls
        self._made: list[ToolCall] = []
        self._failure: Exception | None = None
        self._last = LMOutput("")
        self._finished: str | None = None
        self._native = native
        self._llm = package.make_llm(self.respond, self.call, native=native)
        self._texts = package.TextCalls(self._llm)

    def run(self, prompt: str | None) -> LMOutput:
        """The output of the agent."""
        errors = require("openhands.sdk.conversation.exceptions", package.EXTRA)
        try:
            package.run(self._llm, prompt, self._question, self.heard)
        except ThreadEnded:
            if self._failure is not None:
                raise self._failure from None
            raise
        except errors.ConversationRunError as error:
            raise ProviderError(f"OpenHands' SDK gave up: {error}") from error
        if self._finished is None:
            return evolve(self._last, tool_calls=())
        return evolve(self._last, text=self._finished, tool_calls=(), finish_reason="stop")

    # -- what the SDK asks

    def respond(self, messages: list[Any], tools: list[Any]) -> Any:
        """What the model answers, as a message of the SDK."""
        own = [tool.to_openai_tool() for tool in tools if tool.name != package.CALL]
        taken = {schema.name for schema in self._request.tools}
        own = [tool for tool in own if tool["function"]["name"] not in taken]
        asked = self._restored(self._llm.format_messages_for_llm(messages))
        if self._native:
            return self._message(*self._ask(asked, tuple(map(ToolSchema.from_openai, own))))
        offered = [*(schema.to_openai() for schema in self._request.tools), *own]
        asked, stop = self._texts.asked(asked, offered)
        text, _ = self._ask(asked, (), stop)
        said, calls = self._texts.read(text, asked, offered)
        return self._message(said, [ToolCall.from_openai(call) for call in calls])

    def call(self, number: int) -> str:
        """What the model is told of a call of a tool of the harness."""
        content: str = self._do(self._episode.call_tool, self._made[number]).content
        return content

    def heard(self, event: Any) -> None:
        """Record what the SDK does by itself."""
        kind = type(event).__name__
        if kind == "ActionEvent" and event.tool_name == "finish" and event.action is not None:
            self._finished = event.action.message
        elif kind in ("ObservationEvent", "AgentErrorEvent") and event.tool_name != package.CALL:
            failed = kind == "AgentErrorEvent"
            said = event.error if failed else event.observation.text
            call = self._made[int(event.tool_call_id)]
            if not self._native:
                self._episode.record(ToolCallEvent(call))
            self._episode.record(ToolResultEvent(ToolResult(call.id, said, failed)))
        elif kind == "MessageEvent" and event.source != "agent" and self._last_is_known:
            text = "".join(part.text for part in event.llm_message.content)
            self._episode.record(NoteEvent(text))

    @property
    def _last_is_known(self) -> bool:
        """Whether the model has answered yet: before, it is told the question."""
        return bool(self._episode.trajectory.turns)

    # -- the model

    def _ask(
        self, messages: list[Any], own: tuple[ToolSchema, ...], stop: tuple[str, ...] = ()
    ) -> tuple[str, list[ToolCall]]:
        """What the model says and calls after ``messages``: the SDK's system prompt, the question
        and what came since."""
        system = [m["content"] for m in messages if m["role"] == "system"]
        question, *since = [m for m in messages if m["role"] != "system"]
        if self._native:
            question = self._request.messages[-1]
        request = evolve(
            self._request,
            system_prompt="\n\n".join(t for t in (*system, self._request.system_prompt) if t),
            messages=(*self._request.messages[:-1], question, *since),
            tools=(*self._request.tools, *own) if self._native else (),
            tool_choice="auto" if since or not self._native else self._request.tool_choice,
        )
        params = self._params
        if stop:
            params = evolve(params, stop_sequences=(*(params.stop_sequences or ()), *stop))
        (self._last, *_) = self._do(self._episode.generate, request, params)
        return self._last.text, list(self._last.tool_calls)

    def _do(self, function: Any, *arguments: Any) -> Any:
        """Call the episode; its failures end the agent, which would take them for its own."""
        try:
            return self._calls(function, *arguments)
        except Exception as error:
            self._failure = error
            raise ThreadEnded() from error

    # -- between the SDK's messages and the kernel's

    def _message(self, text: str, calls: list[ToolCall]) -> Any:
        """What the model says, as the SDK's message."""
        llms = require("openhands.sdk.llm", package.EXTRA)
        given = []
        names = {schema.name for schema in self._request.tools}
        for call in calls:
            number = len(self._made)
            if not self._native:
                call = evolve(call, id=f"action_{number + 1}")
            self._made.append(call)
            ours = call.name in names or call.name not in ("finish", "think")
            given.append(
                llms.MessageToolCall(
                    id=str(number),
                    name=package.CALL if ours else call.name,
                    arguments=json.dumps({"number": number}) if ours else call.arguments,
                    origin="completion",
                )
            )
        content = [llms.TextContent(text=text)] if text else []
        return llms.Message(role="assistant", content=content, tool_calls=given or None)

    def _restored(self, messages: list[Message]) -> list[Any]:
        """``messages`` with the calls that the model made, under its own ids."""
        found: list[Any] = []
        for message in messages:
            restored: dict[str, Any] = dict(message)
            if message["role"] == "tool":
                call = self._made[int(restored["tool_call_id"])]
                restored.update(tool_call_id=call.id, name=call.name)
            elif restored.get("tool_calls"):
                calls = [self._made[int(call["id"])] for call in restored["tool_calls"]]
                restored["tool_calls"] = [call.to_openai() for call in calls]
                restored["content"] = restored.get("content") or None
            found.append(restored)
        return found
