"""The settings of a task: everything that variants and overrides may change."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from importlib import import_module
from typing import Any

from attrs import evolve, field, fields, frozen, validators

from olmo_eval.common import bounds
from olmo_eval.common.convert import to_json
from olmo_eval.common.formatters import Formatter
from olmo_eval.common.metrics import AccuracyMetric, Metric
from olmo_eval.common.metrics.accuracy import AGGREGATIONS
from olmo_eval.common.replaceable import replaceable
from olmo_eval.common.sequences import items, texts
from olmo_eval.common.settings import replaced
from olmo_eval.common.suggest import did_you_mean
from olmo_eval.common.types import SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.errors import UsageError
from olmo_eval.evals.tasks.common.named import named_formatter, named_metric


def _source(value: Any) -> Any:
    """A string is a URI or a path; few-shot sets are named by plain words."""
    return DataSource.parse(value) if isinstance(value, str) else value


def _fewshot_source(value: Any) -> Any:
    looks_like_source = isinstance(value, str) and ("/" in value or "." in value)
    return DataSource.parse(value) if looks_like_source else value


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _sampling(value: SamplingParams | None) -> SamplingParams:
    return SamplingParams() if value is None else value


def _metrics(value: Any) -> tuple[Metric, ...]:
    listed = (value,) if isinstance(value, Metric) else items(value)
    found = tuple(named_metric(item) if isinstance(item, str) else item for item in listed)
    for metric in found:
        if not isinstance(metric, Metric):
            raise UsageError(
                f"metrics: expected a metric, got {metric!r}",
                hint="write metrics = (AccuracyMetric(scorer=ExactMatchScorer),)",
            )
    return found


def _formatter(value: Any) -> Formatter | None:
    found = named_formatter(value) if isinstance(value, str) else value
    if found is None or isinstance(found, Formatter):
        return found
    raise UsageError(
        f"formatter: expected a formatter, got {found!r}",
        hint="name one (`olmo-eval formatters` lists them), and change its own settings one by "
        "one: -o formatter.template=...",
    )


def _function(value: Any) -> Any:
    """A function, or the one that ``"module:name"`` names."""
    if not isinstance(value, str):
        return value
    module, _, name = value.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(
            f"answer_extractor {value!r} cannot be imported: {error}",
            hint="name a function of one text: package.module:function",
        ) from error


def _metric_name(value: Any) -> str | None:
    return value.key if isinstance(value, Metric) else value


@frozen
class SandboxEnv:
    """A named environment: that of a task whose ``sandbox_env`` it is.

    Where no sandbox of the harness offers ``sandbox:NAME``, it is made of the harness's own one,
    with the Python requirements ``dependencies`` and the ``RUN`` lines ``dockerfile_extra`` on top.
    """

    name: str
    dependencies: tuple[str, ...] = field(default=(), converter=texts)
    dockerfile_extra: tuple[str, ...] = field(default=(), converter=texts)

    @property
    def capability(self) -> str:
        """What a sandbox must offer to be this environment: ``sandbox:NAME``."""
        return f"sandbox:{self.name}"


class OutputScoreAggregation(StrEnum):
    """How the scores of several samples of an instance count in accuracies."""

    MEAN = "mean"
    FIRST = "first"
    MAX = "any"
    ANY = "any"


def _aggregation(value: Any) -> Any:
    """``max`` is the published name of ``any``: one sample out of all."""
    text = getattr(value, "value", value)
    return {"max": "any", "MAX": "any"}.get(text, text)


@replaceable
@frozen
class TaskConfig:
    """What a task measures and how it asks. A task's class attributes give the defaults.

    - ``name``: the spec's name, without variants; nothing sets it;
    - ``data_source``: where the rows are: a ``DataSource``, or a text that names a hub data set, a
      file or a URL. A relative file lies beside the task's module, else in the current folder;
    - ``split``: the split to evaluate where it is not the data source's own;
    - ``limit``: evaluate this many instances, a subset drawn with ``seed``; None for all;
    - ``seed``: of the subset that a limit takes;
    - ``formatter``: how an instance becomes a request, a formatter or the name of one; None asks
      the question as it stands;
    - ``num_fewshot``: how many examples stand before the question;
    - ``fewshot_source``: a data source, or the name of a fixed few-shot set; None draws shots
      from the evaluated data itself, never the evaluated item;
    - ``fewshot_sample``: whether shots are drawn with ``fewshot_seed`` or taken in order;
    - ``fewshot_seed``: of the drawing of shots;
    - ``sampling_params``: how text is generated; each of its fields may be set alone;
    - ``max_length``: cap on prompt plus continuation, in tokens;
    - ``answer_extractor``: function from output text to answer, in place of the task's own, or
      ``"module:name"`` of one;
    - ``metrics``: what is computed: metrics, or texts such as ``"accuracy:exact_match"``;
    - ``primary_metric``: name or key of the metric that stands for the task; the first by default;
    - ``output_score_aggregation``: how several samples count in accuracies: ``mean``,
      ``first`` or ``any``;
    - ``required_secrets``: environment variables without which a run is refused;
    - ``dependencies``: packages that published task files say they need; ``get_task_dependencies``
      tells them, and nothing else is made of it;
    - ``sandbox_env``: the named environment that the task's sandboxes are;
    - ``sandbox_allocation_weight``: where a sandbox's ``instances`` are shared by named
      environments, how many of them go to this task's, in proportion.
    """

    name: str
    data_source: DataSource | None = field(default=None, converter=_source)
    fewshot_source: DataSource | str | None = field(default=None, converter=_fewshot_source)
    formatter: Formatter | None = field(
        default=None, converter=_formatter, metadata={"reads_text": True}
    )
    metrics: tuple[Metric, ...] = field(
        default=(), converter=_metrics, metadata={"reads_text": True}
    )
    num_fewshot: int = field(default=0, validator=bounds.count())
    fewshot_seed: int = field(default=42, validator=bounds.seed())
    fewshot_sample: bool = True
    limit: int | None = field(default=None, validator=validators.optional(bounds.count(1)))
    seed: int = field(default=42, validator=bounds.seed())
    split: str | None = field(default=None, converter=_text)
    primary_metric: str | None = field(default=None, converter=_metric_name)
    sampling_params: SamplingParams = field(factory=SamplingParams, converter=_sampling)
    output_score_aggregation: str = field(
        default="mean", converter=_aggregation, validator=validators.in_(AGGREGATIONS)
    )
    max_length: int | None = field(default=None, validator=validators.optional(bounds.count(1)))
    answer_extractor: Callable[[str], Any] | None = field(
        default=None, converter=_function, metadata={"reads_text": True}
    )
    required_secrets: tuple[str, ...] = field(default=(), converter=texts)
    dependencies: tuple[str, ...] = field(default=(), converter=texts)
    sandbox_env: SandboxEnv | None = None
    sandbox_allocation_weight: float = 1.0

    def get_fewshot_source(self) -> DataSource | str | None:
        """Where the few-shot examples come from: ``fewshot_source``, else the data itself."""
        return self.data_source if self.fewshot_source is None else self.fewshot_source

    def get_primary_metric(self) -> Metric | None:
        """The metric that stands for the task; None where it has no metrics."""
        return self.primary() if self.metrics else None

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON values."""
        found: dict[str, Any] = to_json(self)
        return found

    def get_data_source(self) -> DataSource:
        """The data source with ``split`` applied.

        Raises:
            UsageError: the task has no data source.
        """
        if self.data_source is None:
            raise UsageError(
                f"task {self.name!r} has no data source", hint="add -o data_source=PATH_OR_URI"
            )
        return self.data_source if self.split is None else self._with_split(self.data_source)

    def _with_split(self, source: DataSource) -> DataSource:
        return evolve(source, split=self.split)

    def primary(self) -> Metric:
        """The metric that stands for the task: ``primary_metric``, else the first.

        Raises:
            UsageError: there are no metrics, or none has that name.
        """
        if not self.metrics:
            raise UsageError(f"task {self.name!r} has no metrics")
        if self.primary_metric is None:
            return self.metrics[0]
        for metric in self.metrics:
            if self.primary_metric in (metric.key, metric.metric_name):
                return metric
        for metric in self.metrics:
            others = (metric.name, *metric.aliases)
            if self.primary_metric.partition(":")[0] in others:
                return metric
        names = [m.metric_name for m in self.metrics]
        raise UsageError(
            f"task {self.name!r} has no metric {self.primary_metric!r}",
            hint=did_you_mean(self.primary_metric, names, otherwise=f"it has: {', '.join(names)}"),
        )


def bound(config: TaskConfig) -> TaskConfig:
    """Settle what metrics leave to the task: how samples count, what must be asked."""
    metrics: list[Metric] = []
    for metric in config.metrics:
        if isinstance(metric, AccuracyMetric) and metric.over_samples is None:
            metric = replaced(metric, over_samples=config.output_score_aggregation)
        metrics.append(metric)
    formatter: Formatter | None = config.formatter
    if any(m.needs_unconditional for m in metrics) and hasattr(formatter, "unconditional"):
        formatter = replaced(formatter, unconditional=True)
    return evolve(config, metrics=tuple(metrics), formatter=formatter)


#: what class attributes, variants and overrides of a task may set: its settings, and single
#: sampling parameters (``seed`` is a setting of the task)
CONFIG_FIELDS = frozenset(f.name for f in fields(TaskConfig)) - {"name"}
SAMPLING_FIELDS = frozenset(f.name for f in fields(SamplingParams)) - CONFIG_FIELDS
