"""Scores whose values are not what their metric declares: no wrong number, and no crash."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from attrs import field, frozen

from olmo_eval.common.metrics import AccuracyMetric, CorpusPerplexityMetric, Metric
from olmo_eval.common.metrics.base import as_scorer
from olmo_eval.common.scorers import BitsPerByteScorer, Scorer
from olmo_eval.common.types import Instance, LMOutput, Response
from olmo_eval.evals.suites import Suite
from olmo_eval.evals.suites import register as register_suite
from olmo_eval.results.store import Run
from olmo_eval.results.summary import task_estimate


@frozen
class Grade(Scorer):
    """A grade from 0 to 10, whatever its bounds say."""

    name = "grade"

    def score(self, instance: Instance, output: LMOutput) -> float:
        return 7.3 if instance.question.startswith("3 ") else 0.5


@frozen
class BoundedGrade(Grade):
    name = "bounded_grade"
    bounds = (0.0, 10.0)


@frozen
class Coin(AccuracyMetric):
    """Says that it is 0 or 1."""

    name: ClassVar[str] = "coin"
    binary: ClassVar[bool] = True


@frozen
class Weighted(Metric):
    """A weight that no mean can be made with."""

    name: ClassVar[str] = "weighted"
    weighted: ClassVar[bool] = True
    scorer: Scorer = field(factory=Grade, converter=as_scorer)
    of_all: float = 0.0

    def value(self, response: Response) -> float | None:
        return 1.0

    def weight(self, response: Response) -> float:
        return 1.0 if response.instance.question.startswith("3 ") else self.of_all


def with_a_failure(bench: Any, metric: Metric, task: str = "sums", **more: Any) -> Run:
    """A run of which some instances are missing, but not the one with the grade 7.3."""
    faults = {"fail": 0.1}
    made: Run = bench.evaluate(
        task, faults=faults, mock_seed=1, overrides={"metrics": (metric,)}, **more
    )
    return made


def test_values_outside_of_the_declared_bounds_leave_the_score_without_a_worst_and_best_case(
    bench: Any,
) -> None:
    run = with_a_failure(bench, AccuracyMetric(scorer=Grade))

    (score,) = run.scores()
    assert 0 < score.n_scored < score.n_expected
    assert (score.worst_case, score.best_case) == (None, None)
    (remark,) = run.record["remarks"]
    assert "accuracy:grade has the value 7.3, outside of its bounds (0, 1)" in remark
    again = with_a_failure(bench, AccuracyMetric(scorer=Grade))
    assert again.run_id == run.run_id
    assert again.scores() == [score]
    shown = bench.cli("results", "show", run.run_id)
    assert "unbounded to unbounded" in shown.out


def test_a_scorer_that_declares_its_bounds_gets_them(bench: Any) -> None:
    run = with_a_failure(bench, AccuracyMetric(scorer=BoundedGrade))

    (score,) = run.scores()
    assert score.value is not None and score.best_case is not None
    missing = (score.n_expected - score.n_scored) / score.n_expected
    assert score.worst_case == pytest.approx(score.value * (1 - missing))
    assert score.best_case == pytest.approx(score.worst_case + 10 * missing)
    assert "remarks" not in run.record


def test_an_interval_is_not_cut_at_a_bound_that_values_have_left() -> None:
    metric = AccuracyMetric(scorer=Grade)

    inside = task_estimate(metric, np.array([0.0, 0.5, 1.0]), np.ones(3), None)
    left = task_estimate(metric, np.array([0.0, 0.0, 2.0]), np.ones(3), None)

    assert inside is not None and inside.ci_high == 1.0
    assert left is not None and left.value < 1 < (left.ci_high or 0)


def test_what_is_declared_binary_and_is_not_is_a_number(bench: Any) -> None:
    run = with_a_failure(bench, Coin(scorer=BoundedGrade))

    (score,) = run.scores()
    assert score.method.endswith("t")
    assert "coin:bounded_grade is declared binary" in run.record["remarks"][0]


def test_a_suite_of_a_task_with_wrong_bounds_has_none(bench: Any) -> None:
    register_suite(Suite("graded", ("sums", "sums:few")))
    run = with_a_failure(bench, AccuracyMetric(scorer=Grade), task="graded")

    suite = run.scores()[-1]
    assert suite.kind == "suite"
    assert (suite.worst_case, suite.best_case) == (None, None)
    assert suite.value is not None


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_an_instance_whose_weight_makes_no_mean_is_missing(bench: Any, weight: float) -> None:
    run = bench.evaluate("sums", overrides={"metrics": (Weighted(of_all=weight),)})

    (score,) = run.scores()
    assert (score.value, score.n_scored, score.n_expected) == (1.0, 1, 40)
    assert run.record["tasks"][0]["errors"] == {f"weighted: ValueError: its weight is {weight}": 39}


def test_a_perplexity_beyond_what_a_number_holds_has_no_upper_end() -> None:
    values = np.array([1.0, 700.0])

    found = task_estimate(CorpusPerplexityMetric(), values, np.ones(2), None)

    assert found is not None
    assert found.value > 1e150
    assert found.ci_high is None


def test_grades_that_happen_to_be_0_and_1_are_no_coin() -> None:
    values = np.array([0.0, 1.0] * 10)

    coin = task_estimate(AccuracyMetric(scorer=Grade), values, np.ones(20), None)
    grade = task_estimate(AccuracyMetric(scorer=BoundedGrade), values, np.ones(20), None)

    assert coin is not None and coin.method == "Wilson"
    assert grade is not None and grade.method == "t"


def test_bounds_of_an_accuracy_are_those_of_its_scorer() -> None:
    assert AccuracyMetric(scorer=Grade).bounds == (0.0, 1.0)
    assert AccuracyMetric(scorer=BitsPerByteScorer).bounds == (0.0, None)


@frozen
class OfTheThirties(AccuracyMetric):
    """Says nothing of the other questions."""

    name: ClassVar[str] = "of_the_thirties"

    def value(self, response: Response) -> float | None:
        applies = response.instance.question.startswith("3")
        return super().value(response) if applies else None


def test_instances_that_a_metric_does_not_apply_to_are_not_missing(bench: Any) -> None:
    metric = OfTheThirties(scorer=BoundedGrade)

    (whole,) = bench.evaluate("sums", overrides={"metrics": (metric,)}).scores()
    (score,) = with_a_failure(bench, metric).scores()

    assert (whole.n_scored, whole.n_expected) == (11, 11)
    assert whole.worst_case == whole.value == whole.best_case
    # one that failed may be another that it does not apply to: nobody knows
    assert score.n_scored <= 11 < score.n_expected < 40
