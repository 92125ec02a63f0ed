"""A run says which distribution supplied each part of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from olmo_eval import plugins

ACME = """
from typing import ClassVar
from attrs import frozen
import olmo_eval
from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric, LogprobMCAccuracyMetric

@frozen
class Strict(AccuracyMetric):
    name = "strict"

@frozen
class Sharp(LogprobMCAccuracyMetric):
    name = "sharp"

@frozen
class Whisper(GenerationFormatter):
    template: str = "psst: {question}"

@olmo_eval.hookimpl
def register_metrics(register):
    register("strict", Strict)
    register("sharp", Sharp)
    register("lost", "acme_evals:NoSuchMetric")

@olmo_eval.hookimpl
def register_formatters(register): register("whisper", Whisper)

@olmo_eval.hookimpl
def register_variants(register): register("sums:acme", {"max_tokens": 5})
"""


@pytest.fixture
def acme(bench: Any, install: Callable[..., None]) -> Any:
    """The bench, with a pack that adds parts to its tasks."""
    install("acme-evals", "acme_evals", ACME, "2.0")
    with plugins.fresh_manager([str(bench.pack)]):
        yield bench


def test_who_supplied_metrics_formatters_and_variants_is_recorded(acme: Any) -> None:
    overrides = ["metrics=[strict:exact_match, f1:f1]", "formatter=whisper"]

    found = acme.evaluate("sums:acme:2shot", limit=2, overrides=overrides).record["plugins"]

    acme_evals = {"distribution": "acme-evals", "version": "2.0"}
    assert found["metrics"]["strict"] == acme_evals
    assert found["metrics"]["f1"]["distribution"] == "olmo-eval"
    assert found["formatters"] == {"Whisper": acme_evals}
    assert found["variants"]["sums:acme"] == acme_evals
    assert found["variants"]["sums:2shot"] == found["tasks"]["sums:acme:2shot[formatter=whisper]"]


def test_what_a_task_has_of_its_own_is_recorded(acme: Any) -> None:
    found = acme.evaluate("sums", "pick", limit=2).record["plugins"]

    assert set(found["formatters"]) == {"GenerationFormatter", "LetteredFormatter"}
    assert set(found["metrics"]) == {"accuracy", "acc_raw"}
    assert "variants" not in found


def test_metrics_of_others_are_offered_where_one_does_not_fit(acme: Any) -> None:
    done = acme.cli("run", "-m", "mock", "-t", "pick", "-o", "metrics=[accuracy:exact_match]")

    assert done.code == 2
    assert "metrics that fit: acc_per_char, " in done.err and ", sharp" in done.err
    assert "lost" not in done.err and "strict" not in done.err
