"""Several tasks in one number, and the comparison on the number that is reported."""

from __future__ import annotations

from typing import Any

import pytest

from olmo_eval import compare
from olmo_eval.errors import UsageError
from olmo_eval.evals.suites import Suite
from olmo_eval.evals.suites import register as register_suite
from olmo_eval.evals.tasks.common import build_task, register
from olmo_eval.results.store import Run
from olmo_eval.results.suites import SuiteNode, suite_score
from olmo_eval.results.summary import Score


def scores(run: Run) -> dict[str, Any]:
    return {score.name: score for score in run.scores() if score.primary}


def test_an_average_counts_every_task_alike(bench: Any) -> None:
    found = scores(bench.evaluate("both", skill=0.6))

    sums, pick, both = found["sums"], found["pick"], found["both"]
    assert both.value == pytest.approx((sums.value + pick.value) / 2)
    assert both.stderr == pytest.approx((sums.stderr**2 + pick.stderr**2) ** 0.5 / 2)
    assert both.ci_low < both.value < both.ci_high
    assert (both.n_scored, both.n_expected) == (70, 70)
    assert both.mde > 0


def test_a_weighted_average_counts_every_question_alike(bench: Any) -> None:
    found = scores(bench.evaluate("sized", skill=0.6))

    expected = (40 * found["sums"].value + 10 * found["sums:few"].value) / 50
    assert found["sized"].value == pytest.approx(expected)


def test_a_nested_suite_is_summed_up_by_its_own_strategy(bench: Any) -> None:
    found = scores(bench.evaluate("nested", skill=0.6))

    sized = (40 * found["sums"].value + 10 * found["sums:few"].value) / 50
    assert found["nested"].value == pytest.approx((found["pick"].value + sized) / 2)
    assert "sized" not in found


def test_deeper_nesting_and_plain_averages_over_it(bench: Any) -> None:
    inner = Suite("inner", ("sums", "sums:few"))
    middle = Suite("middle", (inner, "sums:2shot"), "average_of_averages")
    register_suite(Suite("deep", ("pick", middle), "average_of_averages"))
    register_suite(Suite("flat", ("pick", inner, "sums:2shot")))
    found = scores(bench.evaluate("deep", "flat", skill=0.6))

    value = {name: score.value for name, score in found.items()}
    inner_value = (value["sums"] + value["sums:few"]) / 2
    middle_value = (inner_value + value["sums:2shot"]) / 2
    assert value["deep"] == pytest.approx((value["pick"] + middle_value) / 2)
    four = ("pick", "sums", "sums:few", "sums:2shot")
    assert value["flat"] == pytest.approx(sum(value[name] for name in four) / 4)


@pytest.mark.parametrize("aggregation", ["display_only", "none"])
def test_a_suite_without_a_strategy_has_no_score(bench: Any, aggregation: str) -> None:
    register_suite(Suite("loose", ("sums", "pick"), aggregation))
    run = bench.evaluate("loose")

    assert set(scores(run)) == {"sums", "pick"}
    assert run.suites() == [SuiteNode("loose", aggregation, ("sums", "pick"))]


@pytest.mark.parametrize("aggregation", ["average", "average_of_averages", "weighted_average"])
def test_what_is_better_in_different_directions_has_no_mean(bench: Any, aggregation: str) -> None:
    suite = Suite("mixed", ("sums", "prose"), aggregation, mixed=True)
    register_suite(suite)

    with pytest.raises(UsageError, match="'mixed' averages unlike numbers: sums has accuracy") as e:
        bench.evaluate("mixed")
    assert "prose has bits_per_byte_corpus (bits per byte, lower is better)" in e.value.message
    assert e.value.hint is not None and "mixed=True" not in e.value.hint


def test_different_units_are_averaged_where_the_suite_says_so(bench: Any) -> None:
    register_suite(Suite("unlike", ("prose:ppl", "prose")))

    with pytest.raises(
        UsageError, match=r"prose:ppl has perplexity_corpus \(perplexity a token"
    ) as raised:
        bench.evaluate("unlike")
    assert raised.value.hint is not None and "mixed=True" in raised.value.hint
    found = scores(bench.evaluate("texts"))
    assert found["texts"].value == pytest.approx(
        (found["prose:ppl"].value + found["prose"].value) / 2
    )


def test_a_member_without_metrics_is_refused(bench: Any) -> None:
    register_suite(Suite("bare", ("sums", "unscored")))

    @register("unscored")
    class Unscored(type(build_task("sums"))):  # type: ignore[misc]
        metrics = ()

    with pytest.raises(UsageError, match=r"(?s)suite 'bare': 1 of 2 members .* has no metrics"):
        bench.evaluate("bare")


def test_the_table_says_what_a_suite_is_the_mean_over(bench: Any) -> None:
    for suite, words in {"sized": "mean over questions", "nested": "mean over members"}.items():
        done = bench.cli("run", "-m", "mock", "-t", suite, "--limit", 4)

        assert f"{words} " in next(line for line in done.out.splitlines() if f"{suite} " in line)


def a_score(name: str, value: float | None, n_scored: int, n_expected: int) -> Score:
    worst = (value or 0.0) * n_scored / n_expected
    best = worst + 1 - n_scored / n_expected
    return Score(
        name=name, kind="task", task=name, variants=(), metric="accuracy", scorer="exact_match",
        primary=True, higher_is_better=True, value=value, stderr=0.1, ci_low=None, ci_high=None,
        mde=None, n_expected=n_expected, n_scored=n_scored, n_clusters=n_scored, worst_case=worst,
        best_case=best, method="",
    )  # fmt: skip


def test_weights_are_sizes_of_tasks_whatever_is_missing() -> None:
    node = SuiteNode("sized", "weighted_average", ("large", "small"))
    primaries = {"large": a_score("large", 1.0, 40, 40), "small": a_score("small", 0.0, 1, 10)}

    score = suite_score(node, primaries)

    assert score is not None
    assert score.value == pytest.approx(40 / 50)
    assert [score.worst_case, score.best_case] == pytest.approx([0.8, 49 / 50])


def test_a_member_without_a_score_leaves_the_suite_without_one() -> None:
    node = SuiteNode("two", "average", ("known", "lost"))
    primaries = {"known": a_score("known", 1.0, 10, 10), "lost": a_score("lost", None, 0, 10)}

    score = suite_score(node, primaries)

    assert score is not None
    assert (score.value, score.worst_case, score.best_case) == (None, None, None)
    assert (score.n_scored, score.n_expected) == (10, 20)


# -- compared


@pytest.mark.parametrize("suite", ["both", "sized", "nested"])
def test_the_difference_of_suites_is_the_difference_that_is_reported(
    bench: Any, suite: str
) -> None:
    weak, strong = bench.evaluate(suite, skill=0.3), bench.evaluate(suite, skill=0.9)

    found = compare(weak, strong)

    (row,) = found.suites
    assert row.name == suite
    reported = [scores(run)[suite].value for run in (weak, strong)]
    assert [row.score_a, row.score_b] == pytest.approx(reported)
    assert row.verdict.difference == pytest.approx(reported[1] - reported[0])
    assert row.verdict.kind == found.kind == "better"


def test_a_suite_that_only_one_run_has_is_named(bench: Any) -> None:
    found = compare(bench.evaluate("both"), bench.evaluate("sums", "pick", skill=0.5))

    assert found.suites == ()
    assert any("both" in note for note in found.notes)


def test_a_suite_of_perplexities_is_compared_as_what_it_is_called(bench: Any) -> None:
    register_suite(Suite("perplexing", ("prose:ppl",)))
    a = bench.evaluate("perplexing")
    b = bench.evaluate("perplexing", mock_seed=3)

    for row in compare(a, b).suites:
        assert "log" in row.metric
        assert row.score_b - row.score_a == pytest.approx(row.verdict.difference)


def test_suites_survive_the_way_through_run_json() -> None:
    node = SuiteNode("a", "average_of_averages", ("x", SuiteNode("b", "average", ("y", "x"))))

    assert SuiteNode.from_dict(node.to_dict()) == node
    assert node.leaves() == ("x", "y")
