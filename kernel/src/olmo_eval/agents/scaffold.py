"""What a scaffold is: the loop between a request and its final answer."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from olmo_eval.agents.limits import Limits
from olmo_eval.common.types import LMOutput, LMRequest, SamplingParams, ToolCall, ToolResult
from olmo_eval.errors import OlmoEvalError


class LimitReached(OlmoEvalError):
    """The instance has used up a limit of its harness; ``reason`` is the trajectory's stop reason.

    Scaffolds let it pass: the runtime keeps the turns so far and ends the instance with them.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"limit reached: {reason}")
        self.reason = reason


class ScaffoldContext(Protocol):
    """What the runtime offers a scaffold for one instance."""

    limits: Limits

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        """Ask the model for its next turn, with the run's retries.

        Raises:
            LimitReached: the harness allows no further turn or token.
        """

    async def call_tool(self, call: ToolCall) -> ToolResult:
        """Run a tool call; what the model or the tool did wrong comes back as text.

        Every call of one instance that needs a sandbox gets the same one. Only a sandbox that
        itself fails raises (``SandboxError``): that is no fault of the model.
        """


class Scaffold:
    """Base of multi-turn loops.

    ``run`` receives the task's request with the harness's tools and system prompt already in it,
    and returns one output whose ``text`` is the final answer. It is called once a sample. The
    runtime enforces the harness's limits and keeps the record of turns, tool calls and usage;
    ``kwargs`` are the harness's ``scaffold_kwargs``.
    """

    name: ClassVar[str] = ""

    def __init__(self, **kwargs: Any) -> None:
        if kwargs:
            raise TypeError(f"scaffold {self.name!r} takes no setting {sorted(kwargs)[0]!r}")

    async def run(
        self, request: LMRequest, params: SamplingParams, context: ScaffoldContext
    ) -> LMOutput:
        raise NotImplementedError(f"{type(self).__name__} does not say how to run")
