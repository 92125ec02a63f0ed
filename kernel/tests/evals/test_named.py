"""Metrics and formatters by name: a third party's are named exactly like the kernel's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from olmo_eval import plugins
from olmo_eval.common import formatters, metrics
from olmo_eval.common.formatters import CompletionFormatter, Formatter, GenerationFormatter
from olmo_eval.common.metrics import PassAtKMetric
from olmo_eval.common.overrides import parse_override
from olmo_eval.errors import CollisionError, PluginError, UnknownNameError, UsageError
from olmo_eval.evals.tasks.common import Task, build_task, register, register_variant
from olmo_eval.evals.tasks.common.named import named_formatter, named_metric

Install = Callable[..., None]

PARTS = """
from attrs import frozen
import olmo_eval
from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric

@frozen
class Best(AccuracyMetric):
    name = "acme_best"
    k: int = 1

@frozen
class Whisper(GenerationFormatter):
    template: str = "psst: {question}"

@olmo_eval.hookimpl
def register_metrics(register):
    register("acme_best", Best)
    register("wrong", Whisper)

@olmo_eval.hookimpl
def register_formatters(register):
    register("acme_whisper", "acme_evals:Whisper")
    register("wrong", Best)
"""


def test_every_metric_and_formatter_of_the_kernel_has_a_name() -> None:
    """Each under the name that results show, or its own in small letters."""
    registry = plugins.manager().registry("metrics")
    exported = {getattr(metrics, name) for name in metrics.__all__} - {metrics.Metric}
    ours = [e.name for e in registry.entries() if e.owner.distribution == "olmo-eval"]
    assert {registry.get(name) for name in ours} == exported
    defaults = {name: attrs.fields_dict(registry.get(name))["name"].default for name in ours}
    assert defaults.pop("subset_accuracy") == "any::any"  # its name says which instances count
    assert all(default == name for name, default in defaults.items())

    registry = plugins.manager().registry("formatters")
    concrete = {
        cls
        for cls in vars(formatters).values()
        if isinstance(cls, type) and issubclass(cls, Formatter)
    } - {Formatter, formatters.TextFormatter}
    assert {registry.get(name) for name in registry.names()} == concrete
    for name in registry.names():
        words = registry.get(name).__name__.removesuffix("Formatter").lower()
        assert words == name.replace("_", "")


@pytest.mark.parametrize("text", ["acme_best", "acme-evals:acme_best"])
def test_a_metric_of_a_plugin_is_named_like_the_kernels(install: Install, text: str) -> None:
    install("acme-evals", "acme_evals", PARTS)

    with plugins.fresh_manager():
        metric = named_metric(f"{text}:exact_match")
        with_k = named_metric(f"{text}_4:olmo-eval:exact_match")

    assert metric.key == "acme_best:exact_match"
    assert getattr(with_k, "k", None) == 4


def test_overrides_and_variants_name_formatters_and_metrics_of_plugins(
    install: Install, riddles: type[Task]
) -> None:
    install("acme-evals", "acme_evals", PARTS)

    with plugins.fresh_manager():
        register("acme_riddles")(riddles)
        register_variant(
            "acme_riddles", "hushed", formatter="acme_whisper", metrics=["acme_best:exact_match"]
        )
        given = [parse_override(f"formatter={name}") for name in ("acme_whisper", "chat")]
        more = parse_override("formatter.answer_prefix=' -> '")
        whispered = build_task("acme_riddles", [given[0], more]).config.formatter
        chatted = build_task("acme_riddles:hushed", given[1:]).config
        hushed = build_task("acme_riddles:hushed").config.formatter

    assert isinstance(whispered, GenerationFormatter) and isinstance(hushed, GenerationFormatter)
    assert (whispered.template, whispered.answer_prefix) == ("psst: {question}", " -> ")
    assert hushed.template == "psst: {question}"
    assert isinstance(chatted.formatter, formatters.ChatFormatter)
    assert [m.key for m in chatted.metrics] == ["acme_best:exact_match"]


def test_a_class_attribute_may_name_its_formatter() -> None:
    @register("whispers")
    class Whispers(Task):
        formatter = "completion"
        metrics = ("pass_at_4:exact_match",)

    config = build_task("whispers").config

    assert config.formatter == CompletionFormatter()
    assert isinstance(config.metrics[0], PassAtKMetric) and config.metrics[0].k == 4


@pytest.mark.parametrize(
    ("make", "message", "hint"),
    [
        (lambda: named_formatter("complettion"), "unknown formatter 'complettion'", "completion?"),
        (lambda: named_formatter("zzzz"), "unknown formatter 'zzzz'", "`olmo-eval formatters`"),
        (lambda: named_metric("acuracy:f1"), "unknown metric 'acuracy:f1'", "accuracy"),
        (lambda: named_metric("zzzz"), "unknown metric 'zzzz'", "`olmo-eval metrics`"),
        (lambda: named_metric("accuracy:exct_match"), "unknown scorer 'exct_match'", "exact_match"),
    ],
)
def test_an_unknown_name_answers_with_the_closest(
    make: Callable[[], object], message: str, hint: str
) -> None:
    with pytest.raises(UnknownNameError, match=message) as unknown:
        make()

    assert hint in str(unknown.value.hint)


def test_a_metric_that_needs_a_scorer_says_so() -> None:
    with pytest.raises(UsageError, match="metric 'pass_at_4' needs a scorer") as refused:
        named_metric("pass_at_4")

    assert refused.value.hint == "write pass_at:SCORER, as in pass_at:exact_match"


def test_what_is_no_metric_is_its_plugins_fault(install: Install) -> None:
    install("acme-evals", "acme_evals", PARTS)

    with plugins.fresh_manager():
        with pytest.raises(PluginError, match=r"metric 'wrong' of acme-evals 1.0 is .*Whisper"):
            named_metric("wrong:exact_match")
        with pytest.raises(PluginError, match=r"formatter 'wrong' of acme-evals 1.0 is .*Best"):
            named_formatter("wrong")


def test_two_distributions_that_claim_a_formatter_are_both_named(
    install: Install, site: Path
) -> None:
    for name in ("acme", "zeta"):
        code = PARTS.replace("acme_whisper", "completion").replace("acme_evals", f"{name}_evals")
        install(f"{name}-evals", f"{name}_evals", code)

    with plugins.fresh_manager():
        with pytest.raises(CollisionError) as refused:
            named_formatter("completion")
        assert named_formatter("olmo-eval:completion") == CompletionFormatter()
        assert type(named_formatter("zeta-evals:completion")).__module__ == "zeta_evals"
    for name in ("olmo-eval", "acme-evals", "zeta-evals"):
        assert f"{name}:completion" in str(refused.value.hint)


def test_what_is_no_formatter_is_refused() -> None:
    with pytest.raises(UsageError, match="formatter: expected a formatter, got 3") as refused:
        register_variant("acme_riddles", "odd", formatter=3)

        @register("acme_riddles")
        class Riddles(Task):
            pass

        build_task("acme_riddles:odd")

    assert "`olmo-eval formatters` lists them" in str(refused.value.hint)
