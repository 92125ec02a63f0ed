"""vLLM's own readers of tool calls, for models that write them in a form of their own."""

from __future__ import annotations

import inspect
from typing import Any

from olmo_eval.common.types import LMRequest, ToolCall
from olmo_eval.errors import UsageError
from olmo_eval_providers.local.tool_calls import ToolCallReader


class VLLMToolParser:
    """vLLM's tool parser ``name`` (what its server takes as ``--tool-call-parser``).

    Raises:
        UsageError: vLLM has no such parser, or none at all.
    """

    def __init__(self, name: str, tokenizer: Any) -> None:
        try:
            from vllm.tool_parsers import ToolParserManager
        except ImportError as error:
            raise UsageError(
                "this vLLM has no tool parsers", hint="leave out provider.kwargs.tool_call_parser"
            ) from error
        try:
            self._parser = ToolParserManager.get_tool_parser(name)
        except KeyError as error:
            raise UsageError(f"vLLM has no tool parser {name!r}: {error.args[0]}") from error
        self._takes_tools = len(inspect.signature(self._parser).parameters) > 1
        self._tokenizer = tokenizer

    def prepare(self, request: LMRequest) -> tuple[ToolCallReader, bool]:
        """A reader of the answers to ``request``, and whether it needs special tokens in them."""
        from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest

        chat = ChatCompletionRequest(
            model="",
            messages=[{"role": "user", "content": ""}],
            tools=[tool.to_openai() for tool in request.tools],
        )
        parser = self._parser(self._tokenizer, *([chat.tools] if self._takes_tools else []))
        chat = parser.adjust_request(chat)

        def read(text: str) -> tuple[str, tuple[ToolCall, ...]]:
            found = parser.extract_tool_calls(text, chat)
            calls = tuple(
                ToolCall(id=f"call_{i}", name=c.function.name, arguments=c.function.arguments)
                for i, c in enumerate(found.tool_calls)
            )
            return (found.content or "", calls) if calls else (text, ())

        return read, not chat.skip_special_tokens
