"""The model of the kit for scaffolds: it doubles numbers, with a tool where it is offered one."""

from __future__ import annotations

import re
from typing import ClassVar

import anyio
import anyio.lowlevel

from olmo_eval.common.types import (
    Capability,
    LMOutput,
    LMRequest,
    SamplingParams,
    ToolCall,
    Usage,
)
from olmo_eval.errors import TransientError
from olmo_eval.providers.provider import Provider, ProviderConfig

#: of each of its answers: tokens, and US dollars
USAGE = Usage(prompt_tokens=10, completion_tokens=5, cost_usd=0.01)


class Doubler(Provider):
    """A model that doubles the last number it was asked for; ``asked`` is all it heard.

    - ``never_done`` makes it call its tool for ever;
    - ``calls`` is the tool that it calls;
    - ``fails`` is how many times it cannot be reached first;
    - ``seconds`` is how long each answer takes.

    A scaffold under which models speak otherwise is tested with a subclass: ``offered`` and
    ``results`` say how it reads what it is asked, ``call`` and ``answer`` how it writes. It calls
    its tool by the same id each time, as some servers do.
    """

    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.GENERATE, Capability.CHAT, Capability.TOOLS}
    )
    retry_base = 0.001

    def __init__(
        self,
        *,
        never_done: bool = False,
        calls: str = "double",
        fails: int = 0,
        seconds: float = 0.0,
    ):
        super().__init__(ProviderConfig(kind="mock", model="doubler", max_retries=3))
        self.never_done, self.calls = never_done, calls
        self.fails, self.seconds = fails, seconds
        self.asked: list[tuple[LMRequest, SamplingParams]] = []

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        await anyio.lowlevel.checkpoint()  # lets the others in flight have their turns
        self.asked.append((request, params))
        await anyio.sleep(self.seconds)
        if self.fails:
            self.fails -= 1
            raise TransientError("nobody there")
        number = self.number(request)
        if self.offered(request) and (self.never_done or not self.results(request)):
            return [self.call(self.calls, number)]
        return [self.answer(2 * number)] * params.num_samples

    def number(self, request: LMRequest) -> int:
        """What it was asked to double last."""
        said = [str(m.get("content")) for m in request.messages if m["role"] == "user"]
        return int(re.findall(r"Double (\d+)\.", "\n".join(said))[-1])

    def offered(self, request: LMRequest) -> bool:
        """Whether it may call a tool."""
        return bool(request.tools)

    def results(self, request: LMRequest) -> list[str]:
        """What tools returned to it."""
        return [str(m.get("content")) for m in request.messages if m["role"] == "tool"]

    def call(self, name: str, number: int) -> LMOutput:
        """Calling the tool ``name``."""
        call = ToolCall("call_0", name, f'{{"number": {number}}}')
        return LMOutput("Let me see.", tool_calls=(call,), finish_reason="tool_calls", usage=USAGE)

    def answer(self, number: int) -> LMOutput:
        """Saying that ``number`` is the answer."""
        return LMOutput(f"It is {number}.", finish_reason="stop", usage=USAGE)
