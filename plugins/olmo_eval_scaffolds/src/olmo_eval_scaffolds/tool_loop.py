"""The scaffold ``tool_loop``: ask, run the tools the model calls, ask again, until it answers."""

from __future__ import annotations

from attrs import evolve

from olmo_eval.agents.episode import Episode
from olmo_eval.agents.limits import LimitReached
from olmo_eval.agents.scaffold import Scaffold
from olmo_eval.common.types import LMOutput, LMRequest, Message, SamplingParams, ToolResult

#: turns of an instance whose harness sets no limit at all: a loop has to end
_TURNS = 100


class ToolLoop(Scaffold):
    """The plain agent loop over a chat model with tools.

    The request's own messages (few-shot turns included), system prompt and sampling parameters
    are sent on every turn. ``max_result_chars`` limits what the model is shown of one result.
    """

    name = "tool_loop"

    def __init__(self, max_result_chars: int = 20_000) -> None:
        super().__init__()
        self.max_result_chars = max_result_chars

    async def run(self, request: LMRequest, params: SamplingParams, episode: Episode) -> LMOutput:
        for _ in range(episode.limits.turns or _TURNS):
            output = (await episode.generate(request, params))[0]
            if not output.tool_calls:
                return output
            messages = [*request.messages, _said(output)]
            for call in output.tool_calls:  # in order: they may share a sandbox
                messages.append(self._returned(await episode.call_tool(call)))
            # a model that has to call a tool on every turn could never answer
            request = evolve(request, messages=tuple(messages), tool_choice="auto")
        raise LimitReached("max_turns")

    def _returned(self, result: ToolResult) -> Message:
        content = shorten(result.content, self.max_result_chars)
        return {"role": "tool", "tool_call_id": result.call_id, "content": content}


def _said(output: LMOutput) -> Message:
    return {
        "role": "assistant",
        "content": output.text or None,
        "tool_calls": [call.to_openai() for call in output.tool_calls],
    }


def shorten(text: str, limit: int) -> str:
    """``text`` with its middle left out where it is longer than ``limit`` characters."""
    if len(text) <= limit:
        return text
    head = limit * 2 // 3
    tail = limit - head
    end = text[len(text) - tail :]
    return f"{text[:head]}\n[... {len(text) - limit} characters left out ...]\n{end}"
