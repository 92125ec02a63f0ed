"""What a benchmark with its own runner must say, and what it is given."""

from __future__ import annotations

import inspect
import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from attrs import evolve, field, frozen

from olmo_eval.common.sequences import items, texts
from olmo_eval.common.types import EnvironmentSpec, Outcome, Trajectory
from olmo_eval.evals.external.context import ExternalContext

_Type = type  # a field of ``Argument`` has the name


@frozen
class Argument:
    """One argument of an external eval: what it means and its default, which gives its type.

    ``type`` says it where the default is None; ``choices`` are the values it may have; one that is
    ``required`` has no default. ``pace`` says that it changes how fast or where the eval runs,
    never what comes out: runs that differ in it alone are the same.
    """

    description: str
    default: Any = None
    type: _Type | None = field(default=None, kw_only=True)
    choices: tuple[Any, ...] = field(default=(), converter=items, kw_only=True)
    required: bool = field(default=False, kw_only=True)
    pace: bool = field(default=False, kw_only=True)

    @property
    def kind(self) -> _Type | None:
        """The type of its values; None where any will do."""
        return self.type or (None if self.default is None else self.default.__class__)

    def describe(self) -> dict[str, Any]:
        """What it says of itself, in JSON values."""
        kind, choices = self.kind, list(self.choices)
        return {
            "description": self.description,
            "default": self.default,
            "required": self.required,
            **({} if kind is None else {"type": kind.__name__}),
            **({"choices": choices} if choices else {}),
        }


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


def _outcome(value: str | None) -> Outcome | None:
    return None if value is None else Outcome(value)


@frozen
class ExternalInstance:
    """One question of an external eval and its scores, for the instance table.

    ``score`` is its value of the primary metric, ``scores`` those of others, by name. None means
    missing: it is counted as missing, never as 0. A metric that ``scores`` does not name does not
    apply to this instance. ``metadata`` is kept as JSON; instances that share its ``cluster`` are
    not independent.

    ``outcome`` says how it ended where that is not plain ``scored``, or ``infra_failed`` where the
    score is missing; ``error`` says what went wrong. ``trajectory`` is what happened on the way.
    """

    id: str
    score: float | None = None
    question: str = ""
    answer: str = ""
    gold: str = ""
    metadata: Mapping[str, Any] = field(factory=dict)
    scores: Mapping[str, float | None] = field(factory=dict, kw_only=True)
    outcome: Outcome | None = field(default=None, converter=_outcome, kw_only=True)
    error: str | None = field(default=None, kw_only=True)
    trajectory: Trajectory | None = field(default=None, kw_only=True)


def _instances(value: Iterable[ExternalInstance]) -> tuple[ExternalInstance, ...]:
    return items(value)


@frozen(init=False)
class ExternalEvalResult:
    """What an external eval reports: metrics, and its instances where it has them.

    A metric is the name of one that the eval declares, or an ``ExternalMetric`` where its name is
    known only now. ``primary`` names the metric that stands for the eval; by default the first.

    ``success`` False ends the run with ``error``, and no score. ``predictions`` and ``raw_output``
    are kept in the run's folder. ``name`` and ``duration_seconds`` are there for those who read
    them; a run knows both by itself.
    """

    metrics: Mapping[str | ExternalMetric, float] = field(factory=dict)
    instances: tuple[ExternalInstance, ...] = field(default=(), converter=_instances)
    primary: str | None = None
    metadata: Mapping[str, Any] = field(factory=dict)
    name: str = ""
    success: bool = True
    error: str | None = None
    duration_seconds: float | None = None
    raw_output: str | None = None
    predictions: Any = None

    def __init__(self, *given: Any, **named: Any) -> None:
        if given and isinstance(given[0], str):  # (name, metrics, metadata)
            named["name"], *rest = given
            named |= dict(zip(("metrics", "metadata", "success", "error"), rest, strict=False))
            given = ()
        self.__attrs_init__(*given, **named)

    @classmethod
    def from_error(cls, name: str, error: object, **more: Any) -> ExternalEvalResult:
        """A result that says why there is none."""
        return cls(name=name, success=False, error=str(error), **more)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ExternalEvalResult:
        """What ``to_dict`` gives."""
        return cls(**data)

    def to_dict(self) -> dict[str, Any]:
        """The published fields as JSON values."""
        return {
            "name": self.name,
            "metrics": {getattr(key, "name", key): value for key, value in self.metrics.items()},
            "metadata": dict(self.metadata),
            "success": self.success,
            "error": self.error,
            "duration_seconds": self.duration_seconds,
            "raw_output": self.raw_output,
            "predictions": self.predictions,
        }


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
    requires: ClassVar[tuple[str, ...]] = ()
    timeout_seconds: ClassVar[float] = 24 * 3600.0
    run_command: ClassVar[str] = ""
    scaffold: ClassVar[str | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        secrets: Any = cls.required_secrets
        if not isinstance(secrets, property):
            cls.required_secrets = texts(cls.required_secrets)
        cls.requires = texts(cls.requires)
        if isinstance(cls.arguments, Mapping):
            cls.arguments = {name: _argument(told) for name, told in cls.arguments.items()}

    @classmethod
    def part(cls, arguments: Mapping[str, Any]) -> str:
        """Which of several benchmarks the arguments name, where the eval runs many: results are
        then called ``NAME:PART``."""
        return ""

    @classmethod
    def data(cls, arguments: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """What decides the result besides arguments and code: digests of files that the arguments
        name, versions of what is run. JSON values; another run where they differ, and not to be
        compared with it.

        Raises:
            OlmoEvalError: what the arguments name is not there.
        """
        return None

    @classmethod
    def needs(cls, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """What it needs of the harness for ``arguments``: a sandbox's capability (``bash``),
        another model (``model:NAME``), a judge. By default what ``requires`` says."""
        return cls.requires

    @classmethod
    def environment(cls, arguments: Mapping[str, Any]) -> EnvironmentSpec | None:
        """What must be in its sandbox, where it uses one."""
        return None

    async def execute(self, context: Any) -> ExternalEvalResult:
        """Run the benchmark. What it writes below ``context.folder`` is kept with the run.

        It may also take ``provider``, ``args``, ``output_dir`` and ``container_runtime``: the
        context, which asks the model, and parts of it.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how to run")

    @classmethod
    def takes_parts(cls) -> bool:
        """Whether ``execute`` takes parts of the context, as published evals do."""
        names = list(inspect.signature(cls.execute).parameters)[1:]
        return len(names) > 1 or names == ["provider"]

    async def run(self, context: ExternalContext) -> ExternalEvalResult:
        """``execute``, with what it takes; what its result brings along is kept in the folder."""
        if self.takes_parts():
            parts = {
                "provider": context,
                "args": dict(context.arguments),
                "output_dir": context.folder,
                "container_runtime": None,
            }
            known = inspect.signature(self.execute).parameters
            named = {name: part for name, part in parts.items() if name in known}
            result = await self.execute(**named)
        else:
            result = await self.execute(context)
        if isinstance(result, ExternalEvalResult):
            _keep(result, context.folder)
        return result

    async def execute_with_provider(
        self,
        provider: Any,
        args: Mapping[str, Any],
        output_dir: str | Path,
        container_runtime: str | None = None,
    ) -> ExternalEvalResult:
        """``run`` outside of a run, as published evals are called: an error becomes a result."""
        began = time.perf_counter()
        folder = Path(output_dir)
        os.makedirs(folder, exist_ok=True)
        given = provider if isinstance(provider, ExternalContext) else None
        context = given or ExternalContext(provider, dict(args), folder)
        try:
            result = await self.run(context)
        except Exception as error:
            result = ExternalEvalResult.from_error(self.name, error)
        changes: dict[str, Any] = {"name": result.name or self.name}
        changes["duration_seconds"] = time.perf_counter() - began
        return evolve(result, **changes)


def _argument(told: Any) -> Any:
    """An argument; published evals write ``(description, default)``."""
    if isinstance(told, tuple) and 1 <= len(told) <= 2:
        return Argument(*told)
    return Argument(told) if isinstance(told, str) else told


def _keep(result: ExternalEvalResult, folder: Path) -> None:
    if result.predictions:
        text = "\n".join(json.dumps(one, default=str) for one in result.predictions)
        (folder / "predictions.jsonl").write_text(text + "\n", encoding="utf-8")
    if result.raw_output:
        (folder / "raw_output.txt").write_text(result.raw_output, encoding="utf-8")
