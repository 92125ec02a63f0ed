"""What a scaffold is: the loop between a request and its final answer."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from olmo_eval.common.types import LMOutput, LMRequest, SamplingParams, ToolCall, ToolResult
from olmo_eval.harness.config import HarnessConfig


class ScaffoldContext(Protocol):
    """What the runtime offers a scaffold for one instance."""

    config: HarnessConfig

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        """Ask the model, with the run's retries."""

    async def call_tool(self, call: ToolCall) -> ToolResult:
        """Run a tool call; failures come back as text for the model, never as exceptions.

        Every call of one instance that needs a sandbox gets the same one.
        """


class Scaffold:
    """Base of multi-turn loops.

    ``run`` receives the task's request with the harness's tools and system prompt already in it,
    and returns one output whose ``text`` is the final answer and whose ``trajectory`` holds the
    turns. It is called once a sample. ``kwargs`` are the harness's ``scaffold_kwargs``.
    """

    name: ClassVar[str] = ""

    def __init__(self, **kwargs: Any) -> None:
        if kwargs:
            raise TypeError(f"scaffold {self.name!r} takes no setting {sorted(kwargs)[0]!r}")

    async def run(
        self, request: LMRequest, params: SamplingParams, context: ScaffoldContext
    ) -> LMOutput:
        raise NotImplementedError(f"{type(self).__name__} does not say how to run")
