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


@frozen
class ExternalInstance:
    """One question of an external eval and its score, for the instance table.

    ``score`` None means missing: it is counted as missing, never as 0.
    """

    id: str
    score: float | None
    question: str = ""
    answer: str = ""
    gold: str = ""
    metadata: Mapping[str, Any] = field(factory=dict)


def _instances(value: Iterable[ExternalInstance]) -> tuple[ExternalInstance, ...]:
    return items(value)


@frozen
class ExternalEvalResult:
    """What an external eval reports: metrics by name, and its instances where it has them.

    ``primary`` names the metric that stands for the eval; by default the first.
    """

    metrics: Mapping[str, float]
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
        """Ask the model under test, with the run's retries and limits."""
        outputs: list[LMOutput] = await self.provider.generate(request, params)
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

            async def execute(self, context):
                ...
                return ExternalEvalResult(metrics={"heads": 0.5})
    """

    name: ClassVar[str] = ""
    description: ClassVar[str] = ""
    arguments: ClassVar[Mapping[str, Argument]] = {}
    required_secrets: ClassVar[tuple[str, ...]] = ()
    timeout_seconds: ClassVar[float] = 24 * 3600.0

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.required_secrets = texts(cls.required_secrets)

    async def execute(self, context: ExternalContext) -> ExternalEvalResult:
        """Run the benchmark. What it writes below ``context.folder`` is kept with the run."""
        raise NotImplementedError(f"{type(self).__name__} does not say how to run")
