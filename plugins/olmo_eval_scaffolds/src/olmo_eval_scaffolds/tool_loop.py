"""The scaffold ``tool_loop``: ask, run the tools the model calls, ask again, until it answers."""

from __future__ import annotations

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
    ToolResult,
)
from olmo_eval_scaffolds import react

#: how tools are offered to a model; "auto" is "native" where its provider says that it calls tools
FORMATS = ("auto", "native", "react")


class ToolLoop(Scaffold):
    """The plain agent loop: ask, run the tools the model calls, ask again, until it answers.

    The request's own messages (few-shot turns included), system prompt and sampling parameters
    are sent on every turn.

    - ``tool_format``: ``native`` tool calls, ``react`` for tools in text, or ``auto``: native where
      the provider declares that its models call tools;
    - ``max_malformed``: replies in a row that follow no format of ``react``, each answered with
      what is wrong, before the last one is taken for the answer as it is.
    """

    name = "tool_loop"

    def __init__(self, tool_format: str = "auto", max_malformed: int = 3) -> None:
        super().__init__()
        if tool_format not in FORMATS:
            raise TypeError(f"tool_format must be one of {', '.join(FORMATS)}: {tool_format!r}")
        if type(max_malformed) is not int or max_malformed < 1:
            raise TypeError(f"max_malformed must be a whole number, at least 1: {max_malformed!r}")
        self.tool_format = tool_format
        self.max_malformed = max_malformed
        self.needs_tool_calls = tool_format == "native"

    async def run(self, request: LMRequest, params: SamplingParams, episode: Episode) -> LMOutput:
        native = self.tool_format != "react" and (
            self.tool_format == "native" or Capability.TOOLS in episode.capabilities
        )
        if native or not request.tools:
            return await self._native(request, params, episode)
        return await self._react(request, params, episode)

    async def _native(
        self, request: LMRequest, params: SamplingParams, episode: Episode
    ) -> LMOutput:
        while True:  # until a limit of the episode ends it
            output = (await episode.generate(request, params))[0]
            if not output.tool_calls:
                return output
            messages = [*request.messages, _said(output)]
            for call in output.tool_calls:  # in order: they may share a sandbox
                messages.append(_returned(await episode.call_tool(call)))
            # a model that has to call a tool on every turn could never answer
            request = evolve(request, messages=tuple(messages), tool_choice="auto")

    async def _react(
        self, request: LMRequest, params: SamplingParams, episode: Episode
    ) -> LMOutput:
        request, params = react.offered(request), react.sampled(params)
        calls = malformed = 0
        while True:
            output = (await episode.generate(request, params))[0]
            text = react.spoken(output.text)
            wrote = react.read(text)
            if isinstance(wrote, react.Answer):
                return evolve(output, text=wrote.text)
            if isinstance(wrote, react.Action):
                malformed, calls = 0, calls + 1
                result = await episode.call_tool(
                    ToolCall(f"action_{calls}", wrote.tool, wrote.arguments)
                )
                heard = result.content
            else:
                malformed, heard = malformed + 1, wrote.problem
                if malformed >= self.max_malformed or output.finish_reason == "length":
                    return output
                episode.record(NoteEvent(wrote.problem))
            said: Message = {"role": "assistant", "content": text}
            messages = (*request.messages, said, react.observation(heard))
            request = evolve(request, messages=messages)


def _said(output: LMOutput) -> Message:
    return {
        "role": "assistant",
        "content": output.text or None,
        "tool_calls": [call.to_openai() for call in output.tool_calls],
    }


def _returned(result: ToolResult) -> Message:
    return {"role": "tool", "tool_call_id": result.call_id, "content": result.content}
