"""A user played by another model of the harness, who talks with the evaluated one."""

from __future__ import annotations

from olmo_eval.agents.episode import Episode
from olmo_eval.common.sequences import texts
from olmo_eval.common.types import LMRequest, Message, RequestType, SamplingParams
from olmo_eval.errors import ProviderError

#: what the other side says before the user does: many chat templates want somebody to begin
GREETING = "Hello! What can I do for you?"
#: what a simulated user writes when there is nothing more to say
STOP = "###STOP###"


class SimulatedUser:
    """A user with an errand, played by the auxiliary provider ``model``.

    ``instructions`` are its system prompt: who it is, what it wants, what it knows, and when to
    write one of ``stop``. It sees the conversation from its own side, from ``episode``'s question
    on, which is its first message. One belongs to one episode: keep it in ``episode.state``::

        requires = frozenset({"model:user"})

        async def setup(self, episode):
            errand = episode.instance.metadata["errand"]
            episode.state["user"] = SimulatedUser(episode, errand)

        async def user_message(self, episode, answers):
            return await episode.state["user"].reply(answers[-1])
    """

    def __init__(
        self,
        episode: Episode,
        instructions: str,
        *,
        model: str = "user",
        stop: str | tuple[str, ...] = STOP,
        params: SamplingParams | None = None,
    ) -> None:
        self.instructions = instructions
        self.stop = texts(stop)
        self.params = params or SamplingParams(max_tokens=1024)
        self._model = episode.model(model)
        self._said: list[Message] = [
            {"role": "user", "content": GREETING},
            {"role": "assistant", "content": episode.instance.question},
        ]

    async def reply(self, answer: str) -> str | None:
        """What the user says to ``answer``; None where it says that it is done.

        Raises:
            ProviderError: the model could not be asked, or said nothing.
        """
        self._said.append({"role": "user", "content": answer})
        request = LMRequest(
            RequestType.CHAT, messages=tuple(self._said), system_prompt=self.instructions
        )
        (output, *_) = await self._model.generate(request, self.params)
        if any(marker in output.text for marker in self.stop):
            return None
        if not output.text.strip():
            raise ProviderError("the simulated user said nothing")
        self._said.append({"role": "assistant", "content": output.text})
        return output.text
