"""The scaffold ``openai_agents``: the OpenAI Agents SDK over the evaluated model.

The SDK runs its own loop. What it would ask of OpenAI it asks of the episode, so that any provider
answers, under the run's sampling parameters, limits and retries; the tools it runs are the
episode's. Nothing is traced, and nothing reaches OpenAI unless the provider is theirs.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from attrs import evolve

from olmo_eval.agents.episode import Episode
from olmo_eval.agents.scaffold import Scaffold
from olmo_eval.common.types import LMOutput, LMRequest, Message, SamplingParams, ToolCall
from olmo_eval.errors import OlmoEvalError, ProviderError
from olmo_eval_scaffolds.extras import require

EXTRA = "agents"


class OpenAIAgentsScaffold(Scaffold):
    """The agent loop of the OpenAI Agents SDK, over any provider that calls tools."""

    name = "openai_agents"
    required_extras = (EXTRA,)
    packages = ("openai-agents",)

    def __init__(self) -> None:
        super().__init__()
        self._sdk = require("agents", EXTRA)

    async def run(self, request: LMRequest, params: SamplingParams, episode: Episode) -> LMOutput:
        sdk = self._sdk
        work = _Work(request, params, episode)
        required = request.tools and request.tool_choice == "required"
        agent = sdk.Agent(
            name=self.name,
            model=_model_class()(work),
            tools=[self._function_tool(schema, work) for schema in request.tools],
            # the SDK itself asks for a tool on the first turn only
            model_settings=sdk.ModelSettings(tool_choice="required" if required else None),
        )
        config = sdk.RunConfig(
            tracing_disabled=True,
            tool_not_found_behavior="return_error_to_model",
            tool_error_formatter=work.explained,
            # one after another: they may share a sandbox
            tool_execution=sdk.ToolExecutionConfig(max_function_tool_concurrency=1),
        )
        try:
            await sdk.Runner.run(agent, "", max_turns=None, run_config=config)
        except Exception as error:
            if work.failure is not None:  # which the SDK has wrapped in an error of its own
                raise work.failure from error
            if isinstance(error, sdk.AgentsException):
                raise ProviderError(f"the OpenAI Agents SDK gave up: {error}") from error
            raise
        if work.failure is not None:
            raise work.failure
        assert work.last is not None, "the SDK has ended without an answer"
        return work.last

    def _function_tool(self, schema: Any, work: _Work) -> Any:
        async def invoke(context: Any, arguments: str) -> str:
            return await work.result(context.tool_call_id)

        return self._sdk.FunctionTool(
            name=schema.name,
            description=schema.description,
            params_json_schema=dict(schema.parameters),
            on_invoke_tool=invoke,
            strict_json_schema=False,  # the schema is the tool's own; arguments are checked by it
        )


class _Work:
    """One episode, as the SDK works on it: between its items and the kernel's messages.

    The SDK holds only what has happened since the request, whose own messages always stand first
    as they are. Its ids of calls are unique where those of a server may not be.
    """

    def __init__(self, request: LMRequest, params: SamplingParams, episode: Episode) -> None:
        self.last: LMOutput | None = None
        self.failure: OlmoEvalError | None = None
        self._request, self._params, self._episode = request, params, episode
        self._calls: dict[str, ToolCall] = {}

    async def ask(self, items: list[Any], tool_choice: str | None) -> list[Any]:
        """What the model answers after ``items``, as items."""
        if self.failure is not None:  # of a tool, of which the SDK has made a text
            raise self.failure
        messages = (*self._request.messages, *self._messages(items[1:]))
        request = evolve(self._request, messages=messages, tool_choice=tool_choice or "auto")
        try:
            self.last = (await self._episode.generate(request, self._params))[0]
        except OlmoEvalError as error:
            self.failure = error
            raise
        return self._items(self.last)

    async def result(self, call_id: str) -> str:
        """What the tool returns that the model has called."""
        try:
            result = await self._episode.call_tool(self._calls[call_id])
        except OlmoEvalError as error:
            self.failure = self.failure or error
            raise
        return result.content

    async def explained(self, problem: Any) -> str | None:
        """What the model is told of a tool that there is not."""
        return await self.result(problem.call_id) if problem.kind == "tool_not_found" else None

    def _items(self, output: LMOutput) -> list[Any]:
        types = require("openai.types.responses", EXTRA)
        items: list[Any] = []
        if output.text or not output.tool_calls:
            text = types.ResponseOutputText(text=output.text, type="output_text", annotations=[])
            items.append(
                types.ResponseOutputMessage(
                    id=f"message_{len(self._calls)}",
                    role="assistant",
                    type="message",
                    status="completed",
                    content=[text],
                )
            )
        for call in output.tool_calls:
            call_id = f"call_{len(self._calls)}"
            self._calls[call_id] = call
            items.append(
                types.ResponseFunctionToolCall(
                    type="function_call",
                    call_id=call_id,
                    name=call.name,
                    arguments=call.arguments,
                )
            )
        return items

    def _messages(self, items: list[Any]) -> list[Message]:
        """``items`` as chat messages, under the ids that the model knows."""
        converter = require("agents.models.chatcmpl_converter", EXTRA).Converter
        messages: list[Any] = converter.items_to_messages(items)
        for message in messages:
            for call in message.get("tool_calls") or ():
                call.update(self._calls[call["id"]].to_openai())
            if message["role"] == "tool":
                message["tool_call_id"] = self._calls[message["tool_call_id"]].id
        return messages


@cache
def _model_class() -> Any:
    """A model of the SDK whose answers are an episode's."""
    sdk = require("agents", EXTRA)

    class EpisodeModel(sdk.Model):  # type: ignore[misc, name-defined]
        def __init__(self, work: _Work) -> None:
            self.work = work

        async def get_response(
            self, system_instructions: Any, input: Any, model_settings: Any, *_: Any, **__: Any
        ) -> Any:
            output = await self.work.ask(list(input), model_settings.tool_choice)
            return sdk.ModelResponse(output=output, usage=sdk.Usage(), response_id=None)

        def stream_response(self, *_: Any, **__: Any) -> Any:
            raise NotImplementedError("an episode answers at once")

    return EpisodeModel
