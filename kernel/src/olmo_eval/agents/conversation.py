"""A task that goes on asking: turns of one chat, each answered as one request would be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from attrs import evolve

from olmo_eval.agents.episode import Episode
from olmo_eval.agents.limits import MOST_TURNS, LimitReached
from olmo_eval.agents.scaffold import Scaffold
from olmo_eval.common.types import (
    LMOutput,
    LMRequest,
    MessageEvent,
    RequestType,
    SamplingParams,
)
from olmo_eval.errors import UsageError

#: from an episode and the answers so far to the next user message; None ends the conversation
UserMessage = Callable[[Episode, Sequence[str]], Awaitable[str | None]]

#: the key under which an output's metadata hold the answers of all turns
ANSWERS = "answers"


class Conversation(Scaffold):
    """Asks turn after turn, and keeps every answer under ``answers`` beside the output.

    Each turn is answered by ``scaffold`` where the harness has one, else by the model once. The
    output is that of the last turn; where an earlier one was cut by ``max_tokens``, it says so.
    What the user says is recorded, and limited by the harness's ``max_user_turns``.
    """

    name = "conversation"

    def __init__(self, user_message: UserMessage, scaffold: Scaffold | None = None) -> None:
        super().__init__()
        self.user_message = user_message
        self.scaffold = scaffold
        if scaffold is not None:
            self.requires = scaffold.requires  # type: ignore[misc]

    async def run(self, request: LMRequest, params: SamplingParams, episode: Episode) -> LMOutput:
        if request.request_type is not RequestType.CHAT:
            raise UsageError(
                "a conversation of several turns needs a chat request",
                hint="use a formatter that makes chats, such as ChatFormatter()",
            )
        answers: list[str] = []
        cut = False
        while True:
            output = await self._answer(request, params, episode)
            answers.append(output.text)
            episode.record(ANSWERS, list(answers))  # a limit may end the conversation at any time
            cut = cut or output.finish_reason == "length"
            message = await self.user_message(episode, tuple(answers))
            if message is None:
                break
            if len(answers) >= (episode.limits.user_turns or MOST_TURNS):
                raise LimitReached("max_user_turns")
            _heard(message, episode)
            said: list[Any] = [
                {"role": "assistant", "content": output.text},
                {"role": "user", "content": message},
            ]
            request = evolve(request, messages=(*request.messages, *said))
        return evolve(output, finish_reason="length") if cut else output

    async def _answer(
        self, request: LMRequest, params: SamplingParams, episode: Episode
    ) -> LMOutput:
        if self.scaffold is not None:
            return await self.scaffold.run(request, params, episode)
        return (await episode.generate(request, params))[0]


def _heard(message: str, episode: Episode) -> None:
    """Record what the user said, unless the model that plays the user was recorded saying it."""
    events = episode.trajectory.events
    last = events[-1] if events else None
    if not (isinstance(last, MessageEvent) and (last.role, last.text) == ("user", message)):
        episode.record(MessageEvent("user", message))
