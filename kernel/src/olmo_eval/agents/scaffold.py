"""What a scaffold is: the loop between a request and its final answer."""

from __future__ import annotations

from typing import Any, ClassVar

from olmo_eval.agents.episode import Episode
from olmo_eval.agents.limits import LimitReached
from olmo_eval.common.types import LMOutput, LMRequest, SamplingParams

__all__ = ["Episode", "LimitReached", "Scaffold"]


class Scaffold:
    """Base of multi-turn loops.

    ``run`` receives the task's request with the harness's tools and system prompt already in it,
    and returns one output whose ``text`` is the final answer. It is called once a sample, each
    time in an episode of its own, which enforces the harness's limits and keeps the record;
    ``kwargs`` are the harness's ``scaffold_kwargs``.

    ``requires`` says what it asks its episodes for itself, besides what tools need: sandbox
    capabilities (``bash``, ``python``, ``sandbox:NAME``), other models (``model:NAME``), judges
    (``judge``, ``judge:NAME``). A harness that lacks one is refused before the run.

    ``needs_tool_calls`` says whether tools can be offered to models only whose provider declares
    that they call tools; False where the scaffold can speak of them in text.
    """

    name: ClassVar[str] = ""
    requires: ClassVar[frozenset[str]] = frozenset()
    needs_tool_calls: bool = True
    #: distributions that decide what it does, whose versions are part of a run's identity
    packages: ClassVar[tuple[str, ...]] = ()
    #: extras of its package that must be installed
    required_extras: ClassVar[tuple[str, ...]] = ()

    def __init__(self, **kwargs: Any) -> None:
        if kwargs:
            raise TypeError(f"scaffold {self.name!r} takes no setting {sorted(kwargs)[0]!r}")

    async def run(self, request: LMRequest, params: SamplingParams, episode: Episode) -> LMOutput:
        raise NotImplementedError(f"{type(self).__name__} does not say how to run")

    async def initialize(self) -> None:
        """For scaffolds that prepare something once; nothing is to be done by default."""

    async def cleanup(self) -> None:
        """For scaffolds that give something back; nothing is to be done by default."""
