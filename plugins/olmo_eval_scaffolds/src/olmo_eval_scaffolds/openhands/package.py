"""What of OpenHands' SDK is used: its agent, its prompts, and how it asks models without tools.

Nothing of a user's own OpenHands counts here, for an agent has to be the same on every machine: no
persona, plugins, hooks or profiles of theirs are read, and nothing is traced.
"""

from __future__ import annotations

import logging
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from olmo_eval.errors import MissingDependencyError
from olmo_eval_scaffolds.extras import require

EXTRA = "openhands"
PYTHON = (3, 12)

#: the tool under which the SDK runs all calls of the harness's tools; models never see the name
CALL = "episode_call"
#: what the SDK says of tracing in the environment
_TRACING = (
    "LMNR_PROJECT_API_KEY",
    "OTEL_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
)

#: from the SDK's messages and its own tools to the message that it goes on with
Respond = Callable[[list[Any], list[Any]], Any]
#: from the number of a call to what the model is told of it
Call = Callable[[int], str]


@cache
def load() -> Any:
    """The SDK, imported without its greeting, its settings of logging and the user's own settings.

    Raises:
        MissingDependencyError: Python is too old for it, or it is not installed.
    """
    if sys.version_info < PYTHON:
        raise MissingDependencyError(
            f"the scaffold 'openhands' needs Python 3.12 or later, as OpenHands' SDK does; this is "
            f"Python {platform.python_version()}",
            hint="install olmo-eval and 'olmo-eval-scaffolds[openhands]' in an environment made by "
            "python3.12 -m venv",
        )
    with (
        tempfile.TemporaryDirectory() as folder,
        _environment(
            OPENHANDS_SUPPRESS_BANNER="1",
            LOG_AUTO_CONFIG="false",
            OH_PERSISTENCE_DIR=folder,
            **dict.fromkeys(_TRACING),
        ),
    ):
        sdk = require("openhands.sdk", EXTRA)
    logging.getLogger("openhands").setLevel(logging.CRITICAL)  # the record says it all
    _never_trace()
    sdk.register_tool(CALL, _tool_class())
    return sdk


@contextmanager
def _environment(**changes: str | None) -> Iterator[None]:
    before = {name: os.environ.pop(name, None) for name in changes}
    os.environ.update({name: value for name, value in changes.items() if value is not None})
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _never_trace() -> None:
    """The SDK looks again at each step whether the environment names somebody to report to."""
    require("openhands.sdk.observability.laminar", EXTRA).get_env = lambda key: None


@cache
def _tool_class() -> Any:
    """The SDK's side of the harness's tools: a call is known by its number."""
    tools = require("openhands.sdk.tool", EXTRA)

    class EpisodeAction(tools.Action):  # type: ignore[misc, name-defined]
        number: int

    class EpisodeObservation(tools.Observation):  # type: ignore[misc, name-defined]
        pass

    class EpisodeExecutor(tools.ToolExecutor):  # type: ignore[misc, name-defined]
        def __call__(self, action: Any, conversation: Any = None) -> Any:
            # an error is told in the harness's words: the SDK would add its own
            return EpisodeObservation.from_text(conversation.agent.llm.call(action.number))

    class EpisodeTool(tools.ToolDefinition[EpisodeAction, EpisodeObservation]):  # type: ignore[misc, name-defined]
        name = CALL

        @classmethod
        def create(cls, conv_state: Any = None) -> Any:
            made = cls(
                description="A tool of the harness.",
                action_type=EpisodeAction,
                observation_type=EpisodeObservation,
                executor=EpisodeExecutor(),
            )
            return [made]

    return EpisodeTool


@cache
def _llm_class() -> Any:
    """A model of the SDK whose answers, and whose tools' results, are an episode's."""
    llms = require("openhands.sdk.llm", EXTRA)
    pydantic = require("pydantic", EXTRA)

    class EpisodeLLM(llms.LLM):  # type: ignore[misc, name-defined]
        _respond: Respond = pydantic.PrivateAttr()
        _call: Call = pydantic.PrivateAttr()

        def completion(self, messages: list[Any], tools: Any = None, *_: Any, **__: Any) -> Any:
            message = self._respond(messages, list(tools or ()))
            return llms.LLMResponse(
                message=message,
                metrics=self.metrics.get_snapshot(),
                raw_response=_completion(message.role, ""),
            )

        def call(self, number: int) -> str:
            return self._call(number)

        def uses_responses_api(self) -> bool:
            return False

        def vision_is_active(self) -> bool:
            return True  # or the SDK would look for another model of the user's

        def resolve_runtime_metadata(self, *, force: bool = False) -> None:
            """Nothing: the SDK would ask a server."""

    return EpisodeLLM


def make_llm(respond: Respond, call: Call, *, native: bool) -> Any:
    """A model for the SDK's agent; ``native`` says whether it calls tools, or writes of them."""
    made = _llm_class()(
        model="evaluated-model",  # the same prompts for all of them
        usage_id="evaluated-model",
        native_tool_calling=native,
        caching_prompt=False,
        force_string_serializer=True,
    )
    made._respond, made._call = respond, call
    return made


def _completion(role: str, content: str) -> Any:
    utils = require("litellm.types.utils", EXTRA)
    message = utils.Message(role=role, content=content)
    return utils.ModelResponse(choices=[utils.Choices(message=message, index=0)])


class TextCalls:
    """How the SDK asks models that call no tools: it tells of tools, and reads calls, in text."""

    def __init__(self, llm: Any) -> None:
        self._llm = llm

    def asked(self, messages: list[Any], tools: list[Any]) -> tuple[list[Any], tuple[str, ...]]:
        """``messages`` in OpenAI's shape without calls, and the texts that end a call."""
        said, settings = self._llm.pre_request_prompt_mock(messages, tools, {})
        return said, tuple(settings.get("stop", ()))

    def read(self, text: str, asked: list[Any], tools: list[Any]) -> tuple[str, list[Any]]:
        """What the model says in ``text``, and its calls in OpenAI's shape.

        Raises:
            FunctionCallValidationError: of the SDK, which tells the model.
        """
        read = self._llm.post_response_prompt_mock(_completion("assistant", text), asked, tools)
        message = read.choices[0].message
        return message.content or "", [call.model_dump() for call in message.tool_calls or ()]


@cache
def _conversation_class() -> Any:
    class Conversation(load().LocalConversation):  # type: ignore[misc]
        def _ensure_plugins_loaded(self) -> None:
            self._plugins_loaded = True  # none of the user's

        def _register_file_based_agents(self) -> None:
            """None of the user's."""

    return Conversation


def run(llm: Any, prompt: str | None, question: str, on_event: Any) -> None:
    """Let the SDK's agent work on ``question`` until it has finished. Blocks.

    ``prompt`` stands in place of the SDK's system prompt. The limits are the episode's: the agent
    has none.
    """
    sdk = load()
    agent = sdk.Agent(
        llm=llm,
        tools=[sdk.Tool(name=CALL)],
        system_prompt=prompt,
        system_prompt_kwargs={"llm_security_analyzer": False},  # nobody looks at its guesses
    )
    with tempfile.TemporaryDirectory() as folder:
        conversation = _conversation_class()(
            agent,
            workspace=folder,  # in which no tool works
            callbacks=[on_event],
            visualizer=None,
            stuck_detection=False,
            max_iteration_per_run=sys.maxsize,
        )
        try:
            conversation.send_message(question)
            conversation.run()
        finally:
            conversation.close()
