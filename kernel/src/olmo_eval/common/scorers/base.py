"""What a scorer is."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from olmo_eval.common.types import Instance, LMOutput


class Scorer:
    """Base of scorers that only look: instance and output in, one number out.

    The answer to judge is ``output.extracted_answer``, which the task extracted. Subclasses are
    ``attrs.frozen`` values whose fields are their settings::

        @frozen
        class RhymeScorer(Scorer):
            name = "rhyme"

            def score(self, instance, output):
                return float(output.text.endswith(instance.gold_text[-3:]))
    """

    name: ClassVar[str] = ""
    #: raised whenever the numbers it gives for the same output change
    version: ClassVar[int] = 1
    #: whether scoring takes long enough (over a millisecond) to be kept off the event loop
    cpu_bound: ClassVar[bool] = False
    #: seconds for one output, after which the instance ends as ``scorer_failed``; the harness's
    #: ``scoring_timeout`` wins over it
    time_limit: ClassVar[float] = 60.0
    #: what must be provided at scoring time: "judge", "python", "bash", "sandbox:NAME"
    requires: ClassVar[frozenset[str]] = frozenset()

    def score(self, instance: Instance, output: LMOutput) -> float:
        raise NotImplementedError(f"{type(self).__name__} does not say how to score")


class ScoringContext(Protocol):
    """What the runtime offers a scorer that needs more than the output."""

    def judge(self, name: str | None = None) -> Any:
        """The judge called ``name`` of the harness (a ``harness.judge.Judge``)."""

    def sandbox(self, capability: str) -> Any:
        """An async context manager giving a sandbox session with ``capability``."""

    def record(self, key: str, value: Any) -> None:
        """Keep a JSON value beside the score (a judge's reply, say), so it can be audited."""


class AsyncScorer(Scorer):
    """Base of scorers that call a judge or run code. ``requires`` says which."""

    #: generous: judges and sandboxes have limits of their own, and their queues take time
    time_limit: ClassVar[float] = 1800.0

    async def score_async(
        self, instance: Instance, output: LMOutput, context: ScoringContext
    ) -> float:
        raise NotImplementedError(f"{type(self).__name__} does not say how to score")
