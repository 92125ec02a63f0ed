"""What a metric is: a weighted mean over instances, possibly transformed.

Every metric gives each instance one value and one weight, and its score is

    transform( sum(weight_i * value_i) / sum(weight_i) )

Accuracy has weight 1 and no transform; byte-averaged bits per byte weighs by bytes; corpus
perplexity weighs the negative log-likelihood a token by tokens and transforms with exp. So every
metric can be computed from two columns, its standard error follows from the same columns, and a
comparison of two runs pairs the same per-instance values that the score is made of.
"""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import field, frozen

from olmo_eval.common.scorers import Reads, Scorer
from olmo_eval.common.types import Response, SamplingParams
from olmo_eval.errors import UsageError


def as_scorer(value: Any) -> Scorer:
    """A scorer from a scorer or a scorer class; both are accepted wherever a metric wants one."""
    scorer = value() if isinstance(value, type) else value
    if not isinstance(scorer, Scorer):
        raise UsageError(f"expected a scorer or a scorer class, got {value!r}")
    return scorer


@frozen
class Metric:
    """Base of all metrics; subclasses say ``value`` and, where it is not 1, ``weight``.

    - ``bounds``: the lowest and highest value an instance can have (None: unbounded), for the
      worst and best case of missing instances;
    - ``binary``: whether the values are 0 or 1, which allows exact tests;
    - ``reads``: what the metric itself looks at in outputs; None where that is its scorer's choice;
    - ``chance``: the value of guessing for one instance, where that is known.
    """

    scorer: Scorer = field(converter=as_scorer)

    name: ClassVar[str] = ""
    version: ClassVar[int] = 1
    higher_is_better: ClassVar[bool] = True
    bounds: ClassVar[tuple[float | None, float | None]] = (0.0, 1.0)
    binary: ClassVar[bool] = False
    reads: ClassVar[Reads | None] = None
    #: how the mean of values becomes the score: None or "exp"
    transform: ClassVar[str | None] = None
    #: whether values carry weights other than 1
    weighted: ClassVar[bool] = False
    #: whether the request must also score every choice without its question
    needs_unconditional: ClassVar[bool] = False

    @property
    def key(self) -> str:
        """``name:scorer``, unique within a task."""
        return f"{self.metric_name}:{self.scorer.name}"

    @property
    def metric_name(self) -> str:
        """The metric's name, its parameters included (``pass_at_4``)."""
        return self.name

    def value(self, response: Response) -> float | None:
        """This instance's value; None where the metric does not apply to it.

        Raises:
            ValueError: the response lacks what the metric needs; the instance then counts as
                missing.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say its value")

    def weight(self, response: Response) -> float:
        """This instance's weight in the mean."""
        return 1.0

    def chance(self, response: Response) -> float | None:
        """What guessing would score on this instance, where that is known."""
        return None

    def check(self, params: SamplingParams) -> None:
        """Refuse settings under which the metric has no meaning.

        Raises:
            UsageError: naming the metric and the setting.
        """


def scores_of(response: Response, scorer: Scorer) -> tuple[float, ...]:
    """The scorer's numbers, one an output.

    Raises:
        ValueError: there are none.
    """
    scores = response.scores.get(scorer.name)
    if not scores:
        raise ValueError(f"scorer {scorer.name} gave no score")
    return scores
