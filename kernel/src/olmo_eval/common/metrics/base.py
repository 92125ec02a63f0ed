"""What a metric is: a weighted mean over instances, possibly transformed.

Every metric gives each instance one value and one weight, and its score is

    transform( sum(weight_i * value_i) / sum(weight_i) )

Accuracy has weight 1 and no transform; byte-averaged bits per byte weighs by bytes; corpus
perplexity weighs the negative log-likelihood a token by tokens and transforms with exp. So every
metric can be computed from two columns, its standard error follows from the same columns, and a
comparison of two runs pairs the same per-instance values that the score is made of.

A metric of another kind says ``compute`` instead: its score from all responses at once. What it
gives a single response stands as that instance's value; where the score is the mean of these, all
of the above holds. Where it is not (an F-measure over a whole corpus, a correlation), the score
stands alone, without error and interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar

from attrs import evolve, field, frozen

from olmo_eval.common.scorers import ExactMatchScorer, Reads, Scorer
from olmo_eval.common.settings import SettingsMeta, settings_of
from olmo_eval.common.types import LMOutput, Response, SamplingParams
from olmo_eval.errors import UsageError


def as_scorer(value: Any) -> Scorer:
    """A scorer from a scorer or a scorer class; both are accepted wherever a metric wants one."""
    scorer = value() if isinstance(value, type) else value
    if not isinstance(scorer, Scorer):
        raise UsageError(f"expected a scorer or a scorer class, got {value!r}")
    return scorer


@frozen(slots=False)
class Metric(metaclass=SettingsMeta):
    """Base of all metrics; subclasses say ``value`` and, where it is not 1, ``weight``; or, where
    the score is no mean, ``compute``.

    - ``bounds``: the lowest and highest value an instance can have (None: unbounded), for the
      worst and best case of missing instances;
    - ``unit``: what the score counts (``"share"``, ``"bits per byte"``); suites average only what
      has the same unit. None: a share where the bounds are 0 and 1, else the scorer's unit;
    - ``binary``: whether the values are 0 or 1, which allows exact tests;
    - ``reads``: what the metric itself looks at in outputs; None where that is its scorer's choice;
    - ``chance``: the value of guessing for one instance, where that is known.

    Subclasses are ``attrs.frozen`` values, dataclasses or plain classes.
    """

    scorer: Scorer = field(factory=ExactMatchScorer, converter=as_scorer)
    name: str = field(default="", kw_only=True)

    version: ClassVar[int] = 1
    higher_is_better: ClassVar[bool] = True
    bounds: ClassVar[tuple[float | None, float | None]] = (0.0, 1.0)
    unit: ClassVar[str | None] = None
    binary: ClassVar[bool] = False
    reads: ClassVar[Reads | None] = None
    #: how the mean of values becomes the score: None or "exp"
    transform: ClassVar[str | None] = None
    #: whether values carry weights other than 1
    weighted: ClassVar[bool] = False
    #: whether the request must also score every choice without its question
    needs_unconditional: ClassVar[bool] = False
    #: other names by which a task's ``primary_metric`` may mean it
    aliases: ClassVar[tuple[str, ...]] = ()
    #: what viewers of pairs show: a unit, and a format of numbers
    pairwise_unit: ClassVar[str] = ""
    pairwise_display_format: ClassVar[str] = ".4f"
    #: whether a scorer's numbers may stand for values that are not there; here they never do
    supports_pairwise_scorer_fallback: ClassVar[bool] = False

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        own = cls.__dict__
        if "compute" in own and not {"bounds", "value"} & own.keys():
            cls.bounds = (None, None)  # nobody knows what it computes

    @property
    def key(self) -> str:
        """``name:scorer``, unique within a task."""
        return f"{self.metric_name}:{self.scorer.name}"

    @property
    def metric_name(self) -> str:
        """The metric's name, its parameters included (``pass_at_4``)."""
        return self.name

    @property
    def pairwise_higher_is_better(self) -> bool:
        return self.higher_is_better

    @property
    def computes(self) -> bool:
        """Whether the score comes from ``compute``, and is not a weighted mean by construction."""
        return _told_by(type(self)) == "compute"

    def value(self, response: Response) -> float | None:
        """This instance's value; None where the metric does not apply to it.

        Raises:
            ValueError: the response lacks what the metric needs; the instance then counts as
                missing.
        """
        told_by = _told_by(type(self))
        if told_by is None or told_by == "value":
            raise NotImplementedError(f"{type(self).__name__} does not say its value")
        if told_by == "compute_instance" or _overrides(type(self), "compute_instance"):
            return self.compute_instance(response)
        return number(self.compute([with_likelihoods(response)]), type(self).__name__)

    def compute_instance(self, response: Response) -> float | None:
        """``value``, by its published name; where both it and ``compute`` are defined, this is the
        value of an instance."""
        return self.value(response)

    def compute(self, responses: Sequence[Response]) -> float:
        """The score over ``responses``: nan where no response has a value."""
        total = weight = 0.0
        for response in responses:
            value = self.value(response)
            if value is not None:
                share = self.weight(response)
                total, weight = total + share * value, weight + share
        if not weight:
            return float("nan")
        return math.exp(total / weight) if self.transform == "exp" else total / weight

    def to_dict(self) -> dict[str, Any]:
        """Its name and settings, for people and records."""
        settings = {**settings_of(self), "scorer": self.scorer.to_dict()}
        return {**settings, "name": self.metric_name, "class": type(self).__name__}

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


def unit_of(metric: Metric) -> str:
    """What a metric's score counts: its unit, a share, its scorer's unit, or else its own name."""
    if metric.unit is not None:
        return metric.unit
    if metric.bounds == (0.0, 1.0):
        return "share"
    return metric.scorer.unit or metric.metric_name


_WAYS = ("value", "compute_instance", "compute")


@cache
def _told_by(cls: type[Metric]) -> str | None:
    """Which of its methods says what a metric is: the first that a class of its own defines."""
    for base in cls.__mro__:
        if base is Metric:
            break
        if "compute" in base.__dict__ and "value" not in base.__dict__:
            return "compute"
        for way in _WAYS:
            if way in base.__dict__:
                return way
    return None


@cache
def _overrides(cls: type[Metric], method: str) -> bool:
    return getattr(cls, method) is not getattr(Metric, method)


def number(computed: Any, what: str) -> float:
    """What ``compute`` gave, which must be one number.

    Raises:
        ValueError: it is something else.
    """
    if isinstance(computed, bool) or not isinstance(computed, int | float):
        raise ValueError(f"{what} computed {computed!r:.60}, which is not a number")
    return float(computed)


def with_likelihoods(response: Response) -> Response:
    """The response with the log-likelihoods of its outputs in their metadata too, under the names
    that published metrics read: ``sum_logits``, ``num_tokens``, ``is_greedy``."""
    if not any(output.sum_logprob is not None for output in response.outputs):
        return response
    return evolve(response, outputs=tuple(map(_with_likelihood, response.outputs)))


def _with_likelihood(output: LMOutput) -> LMOutput:
    said = {
        "sum_logits": output.sum_logprob,
        "total_logprob": output.sum_logprob,
        "num_tokens": output.num_tokens,
        "is_greedy": output.is_greedy,
    }
    known = {name: value for name, value in said.items() if value is not None}
    return evolve(output, metadata={**known, **output.metadata})


def scores_of(response: Response, scorer: Scorer) -> tuple[float, ...]:
    """The scorer's numbers, one an output.

    Raises:
        ValueError: there are none.
    """
    scores = response.scores.get(scorer.name)
    if not scores:
        raise ValueError(f"scorer {scorer.name} gave no score")
    return scores.samples
