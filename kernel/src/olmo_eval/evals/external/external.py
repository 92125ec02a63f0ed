"""What a benchmark with its own runner must say, and what it is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from attrs import field, frozen

from olmo_eval.common.sequences import items, texts
from olmo_eval.common.types import LMOutput, LMRequest, SamplingParams


@frozen
class Argument:
    """One argument of an external eval: what it means and its default, which gives its type."""

    description: str
    default: Any = None


Bounds = tuple[float | None, float | None]


def _bounds(value: Any) -> Bounds:
    if isinstance(value, str):
        raise TypeError(f"bounds are two numbers, or None for no bound, not the text {value!r}")
    low, high = value
    return low, high


@frozen
class ExternalMetric:
    """A number that an external eval reports, and which direction is better.

    ``bounds`` are the lowest and highest value it can have (None: unbounded); ``unit`` is for
    people (``"s"``, ``"US dollars"``).
    """

    name: str
    higher_is_better: bool = field(kw_only=True)
    bounds: Bounds = field(default=(None, None), converter=_bounds, kw_only=True)
    unit: str = field(default="", kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip() or ":" in self.name:
            raise ValueError(f"a metric's name is a text without colons, not {self.name!r}")
        if not isinstance(self.higher_is_better, bool):
            raise ValueError(f"metric {self.name!r}: higher_is_better is True or False")
        low, high = self.bounds
        if low is not None and high is not None and low >= high:
            raise ValueError(
                f"metric {self.name!r}: bounds go from low to high, not {low} to {high}"
            )


@frozen
class ExternalInstance:
    """One question of an external eval and its scores, for the instance table.

    ``score`` is its value of the primary metric, ``scores`` those of others, by name. None means
    missing: it is counted as missing, never as 0. A metric that ``scores`` does not name does not
    apply to this instance. ``metadata`` is kept as JSON; instances that share its ``cluster`` are
    not independent.
    """

    id: str
    score: float | None = None
    question: str = ""
    answer: str = ""
    gold: str = ""
    metadata: Mapping[str, Any] = field(factory=dict)
    scores: Mapping[str, float | None] = field(factory=dict, kw_only=True)


def _instances(value: Iterable[ExternalInstance]) -> tuple[ExternalInstance, ...]:
    return items(value)


@frozen
class ExternalEvalResult:
    """What an external eval reports: metrics, and its instances where it has them.

    A metric is the name of one that the eval declares, or an ``ExternalMetric`` where its name is
    known only now. ``primary`` names the metric that stands for the eval; by default the first.
    """

    metrics: Mapping[str | ExternalMetric, float]
    instances: tuple[ExternalInstance, ...] = field(default=(), converter=_instances)
    primary: str | None = None
    metadata: Mapping[str, Any] = field(factory=dict)


class ExternalContext:
    """What the workbench gives an external eval: the model, its arguments, a folder to work in."""

    def __init__(self, provider: Any, arguments: Mapping[str, Any], folder: Path) -> None:
        self.provider = provider
        self.arguments = arguments
        self.folder = folder

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        """Ask the model under test, under the run's harness: its prompt, tools, retries, limits.

        Any number of requests may be made at once; as many are in flight as the provider takes.
        """
        outputs: list[LMOutput] = await self.provider.generate(request, params)
        return outputs

    async def loglikelihood(self, request: LMRequest) -> list[LMOutput]:
        """The log-likelihoods of a request's continuations, or of a whole text."""
        outputs: list[LMOutput] = await self.provider.loglikelihood(request)
        return outputs

    @property
    def base_url(self) -> str | None:
        """Address of an OpenAI-compatible server of the model, where the provider has one."""
        own: str | None = getattr(self.provider, "base_url", None)
        joined: str | None = self.provider.config.base_url
        return own or joined


class ExternalEval:
    """Base of benchmarks that run themselves.

    The smallest one::

        class CoinFlip(ExternalEval):
            name = "coin_flip"
            description = "asks heads or tails"
            arguments = {"flips": Argument("how often", 10)}
            metrics = (ExternalMetric("accuracy", higher_is_better=True),)

            async def execute(self, context):
                ...
                return ExternalEvalResult(metrics={"accuracy": 0.5})

    ``execute`` runs in a thread with an event loop of its own, so it may block. It is cancelled
    after ``timeout_seconds``, and the run ends then whether it heard or not. A change of
    ``version`` says that scores before and after cannot be compared.
    """

    name: ClassVar[str] = ""
    description: ClassVar[str] = ""
    version: ClassVar[int] = 1
    arguments: ClassVar[Mapping[str, Argument]] = {}
    metrics: ClassVar[tuple[ExternalMetric, ...]] = ()
    required_secrets: ClassVar[tuple[str, ...]] = ()
    timeout_seconds: ClassVar[float] = 24 * 3600.0

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.required_secrets = texts(cls.required_secrets)

    async def execute(self, context: ExternalContext) -> ExternalEvalResult:
        """Run the benchmark. What it writes below ``context.folder`` is kept with the run."""
        raise NotImplementedError(f"{type(self).__name__} does not say how to run")
