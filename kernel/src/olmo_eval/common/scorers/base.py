"""What a scorer is."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from olmo_eval.common.settings import SettingsMeta, settings_of
from olmo_eval.common.types import Instance, LMOutput

#: what scorers and metrics look at: a generated text, or log-probabilities of given texts
Reads = Literal["text", "likelihood"]


class NoGoldError(ValueError):
    """There is no gold answer to compare with: the instance has no score, rather than 0."""


class Scorer(metaclass=SettingsMeta):
    """Base of scorers that only look: instance and output in, one number out.

    The answer to judge is ``output.extracted_answer``, which the task extracted. Subclasses are
    plain classes, dataclasses, or ``attrs.frozen`` values, whose fields are their settings::

        @frozen
        class RhymeScorer(Scorer):
            name = "rhyme"

            def score(self, instance, output):
                return float(output.text.endswith(instance.gold_text[-3:]))
    """

    name: str = ""
    #: raised whenever the numbers it gives for the same output change
    version: ClassVar[int] = 1
    #: whether scoring takes long enough (over a millisecond) to be kept off the event loop
    cpu_bound: ClassVar[bool] = False
    #: seconds for one output, after which the instance ends as ``scorer_failed``; the harness's
    #: ``scoring_timeout`` wins over it
    time_limit: ClassVar[float] = 60.0
    #: what it looks at in an output; a task that has none of that is refused. None: nobody can say
    reads: ClassVar[Reads | None] = None
    #: the lowest and highest number it gives (None: unbounded)
    bounds: ClassVar[tuple[float | None, float | None]] = (0.0, 1.0)
    #: what its numbers count, such as ``"points"``; None: shares where they lie between 0 and 1
    unit: ClassVar[str | None] = None
    #: what must be provided at scoring time: "judge", "judge:NAME", "model:NAME", "python", "bash",
    #: "sandbox:NAME"
    requires: ClassVar[frozenset[str]] = frozenset()
    #: whether it looks at what an agent did or left besides its text, which no check can make up
    judges_work: ClassVar[bool] = False

    def score(self, instance: Instance, output: LMOutput) -> float:
        raise NotImplementedError(f"{type(self).__name__} does not say how to score")

    @property
    def requires_async(self) -> bool:
        """Whether it calls a judge or runs code."""
        return isinstance(self, AsyncScorer)

    def to_dict(self) -> dict[str, Any]:
        """Its name and settings, for people and records."""
        return {"name": self.name, "class": type(self).__name__, **settings_of(self)}


class AsyncScorer(Scorer):
    """Base of scorers that call a judge or run code. ``requires`` says which.

    ``episode`` is an ``olmo_eval.agents.episode.Episode``: ``episode.judge()`` grades,
    ``await episode.sandbox("python")`` is an environment, ``episode.record(key, value)`` keeps
    evidence beside the output. Every output gets an episode of its own with a fresh environment,
    which knows nothing of what the model did, unless the scorer ``inspects_environment``.
    """

    #: generous: judges and sandboxes have limits of their own, and their queues take time
    time_limit: ClassVar[float] = 1800.0
    #: whether it looks at what an agent left: it is then given the very episode that made the
    #: output, whose environment is kept until then. Such a score cannot be computed from the
    #: recorded output alone: where it is missing, the model is asked again
    inspects_environment: ClassVar[bool] = False

    async def score_async(self, instance: Instance, output: LMOutput, episode: Any) -> float:
        raise NotImplementedError(f"{type(self).__name__} does not say how to score")
