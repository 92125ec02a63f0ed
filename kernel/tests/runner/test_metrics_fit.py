"""A metric that looks at what a task's answers do not have is refused before anything is loaded."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import frozen

from olmo_eval.common.metrics import AccuracyMetric, LogprobMCAccuracyMetric
from olmo_eval.common.scorers import ExactMatchScorer, Scorer
from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.errors import UsageError


@pytest.mark.parametrize(
    ("task", "metric", "way_out"),
    [
        ("pick", "accuracy:exact_match", "acc_raw"),
        ("pick", "pass_at_1:logprob", "acc_raw"),
        ("prose", "f1:f1", "bits_per_byte"),
        ("sums", "bits_per_byte", "accuracy:exact_match"),
        ("sums", "acc_raw", "accuracy:exact_match"),
        ("sums", "greedy_accuracy", "accuracy:exact_match"),
        ("sums", "accuracy:logprob", "accuracy:exact_match"),
    ],
)
def test_what_looks_at_the_other_kind_of_answer_is_refused(
    bench: Any, task: str, metric: str, way_out: str
) -> None:
    done = bench.cli("run", "-m", "mock", "-t", task, "-o", f"metrics=[{metric}]")

    assert done.code == 2
    assert f"the metric {metric}" in done.err
    assert way_out in done.err
    assert not (bench.folder / "results").exists()


def test_a_variant_that_fits_is_named(bench: Any) -> None:
    bench.evaluate("pick", limit=1)  # loads the task's variants
    from olmo_eval.common.formatters import GenerationFormatter
    from olmo_eval.evals.tasks.common import register_variant

    register_variant("pick", "told", formatter=GenerationFormatter())
    with pytest.raises(UsageError) as refused:
        bench.evaluate("pick", overrides=["metrics=[accuracy:exact_match]"])

    assert "a variant that generates: pick:told" in str(refused.value.hint)


def test_scoring_again_is_refused_alike(bench: Any) -> None:
    run = bench.evaluate("pick")

    done = bench.cli("rescore", run.run_id, "-t", "pick", "-o", "metrics=[accuracy:exact_match]")

    assert done.code == 2
    assert "pick" in done.err and "acc_raw" in done.err


def test_generated_texts_with_log_probabilities_may_be_scored_by_them(bench: Any) -> None:
    asked = bench.cli(
        "run", "-m", "mock", "-t", "sums", "-o", "metrics=[accuracy:logprob]", "-o", "logprobs=1",
        "--dry-run",
    )  # fmt: skip

    assert asked.code == 0


@frozen
class Longest(Scorer):
    """Says nothing about what it looks at."""

    name = "longest"

    def score(self, instance: Instance, output: LMOutput) -> float:
        return float(len(output.text) > 1)


@frozen
class Lenient(ExactMatchScorer):
    name = "lenient"


def test_a_scorer_that_declares_nothing_is_never_refused(bench: Any) -> None:
    metrics = (LogprobMCAccuracyMetric(), AccuracyMetric(scorer=Longest))

    run = bench.evaluate("pick", overrides={"metrics": metrics})

    assert [score.n_scored for score in run.scores()] == [30, 30]


def test_a_scorer_made_of_one_of_ours_looks_at_the_same(bench: Any) -> None:
    with pytest.raises(UsageError, match="accuracy:lenient"):
        bench.evaluate("pick", overrides={"metrics": (AccuracyMetric(scorer=Lenient),)})
