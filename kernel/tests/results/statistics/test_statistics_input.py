"""Hard inputs: what has no answer says so, and never answers NaN."""

from __future__ import annotations

import json

import attrs
import numpy as np
import pytest

from olmo_eval.results import statistics as st


@pytest.mark.parametrize("wrong", [[], [[0.0, 1.0]], np.zeros((2, 2))])
def test_scores_must_be_one_number_per_item(wrong):
    with pytest.raises(ValueError, match="expected"):
        st.estimate(wrong)
    with pytest.raises(ValueError, match="expected"):
        st.compare_scores(wrong, wrong)


def test_one_binary_item_knows_little_and_says_so():
    found = st.estimate([1])
    assert found.method == "Wilson"
    assert found.ci_low < 0.25
    assert found.ci_high == 1.0
    assert found.stderr > 0.2


def test_one_other_item_has_no_error():
    found = st.estimate([0.7])
    assert (found.value, found.stderr, found.ci_low, found.mde) == (0.7, None, None, None)
    assert found.method == "t: one cluster"


def test_equal_scores_of_unknown_range_have_no_error():
    found = st.estimate([0.1] * 50)
    assert (found.stderr, found.method) == (None, "t: no variation")


def test_one_cluster_is_one_observation():
    scores = [0, 1, 1, 0, 1]
    found = st.estimate(scores, clusters=["passage"] * 5)
    assert (found.n, found.n_clusters) == (5, 1)
    assert found.ci_high - found.ci_low > 0.7
    verdict = st.compare_scores(scores, [1, 1, 1, 1, 1], clusters=["passage"] * 5)
    assert (verdict.kind, verdict.p_value, verdict.n_clusters) == ("undecided", 1.0, 1)
    assert (verdict.stderr, verdict.ci_low, verdict.needs_more) == (None, None, None)


def test_perfect_clusters_count_as_clusters():
    found = st.estimate(np.ones(40), clusters=np.arange(40) // 10)
    alone = st.estimate(np.ones(4))
    assert (found.ci_low, found.stderr) == (alone.ci_low, alone.stderr)
    assert found.method == "Wilson, one unit a cluster"


def test_an_item_without_a_cluster_stands_alone():
    labels = ["p", "p", None, float("nan"), "q", "q"]
    assert st.estimate([0, 1, 1, 0, 0, 0.5], labels).n_clusters == 4
    assert st.estimate([0, 1, 1], [None, None, None]).method == "Wilson"


@pytest.mark.parametrize("clusters", [[1, 2], np.arange(4)])
def test_every_item_needs_a_cluster_label(clusters):
    with pytest.raises(ValueError, match="one label per item"):
        st.estimate([0, 1, 1], clusters)


def test_declared_binary_scores_are_checked():
    with pytest.raises(ValueError, match=r"scores\[1\]: expected 0 or 1"):
        st.estimate([1, 0.5], binary=True)
    with pytest.raises(ValueError, match=r"b\[0\]: expected 0 or 1"):
        st.compare_scores([1, 0], [0.5, 1], binary=True)


def test_denominators_must_be_positive():
    with pytest.raises(ValueError, match=r"denominators\[1\]: expected a positive"):
        st.ratio_estimate([1, 2], [3, 0])


@pytest.mark.parametrize(("alpha", "margin"), [(0, None), (1, None), (0.05, 0), (0.05, -1)])
def test_levels_are_checked(alpha, margin):
    with pytest.raises(ValueError, match="expected"):
        st.compare_scores([0, 1], [1, 1], alpha=alpha, margin=margin)


def test_identical_scores_are_named_and_may_be_equivalent():
    scores = np.random.default_rng(0).random(100)
    verdict = st.compare_scores(scores, scores)
    assert (verdict.kind, verdict.p_value, verdict.stderr) == ("undecided", 1.0, None)
    assert "the same score on all 100 questions" in verdict.sentence()
    assert st.compare_scores(scores, scores, margin=0.01).kind == "equivalent"
    assert st.compare_scores(scores[:4], scores[:4], margin=0.01).kind == "undecided"
    assert st.compare_scores(np.ones(1000), np.ones(1000), margin=0.01).kind == "equivalent"
    assert st.compare_scores(np.ones(20), np.ones(20), margin=0.01).kind == "undecided"


def test_too_few_clusters_bound_nothing():
    verdict = st.compare_scores(np.zeros(5), [0.3, 0.2, 0.4, 0.1, 0.3])
    assert (verdict.ci_low, verdict.ci_high) == (None, None)
    assert verdict.p_value == 2 / 2**5
    assert verdict.kind == "undecided"


def test_values_become_json_without_nan():
    values = [
        st.estimate([0.7]),
        st.compare_scores([0.7], [0.8]),
        st.signal_to_noise([0.5, 0.6], [[0.5, 0.5]]),
        st.trend([1, 2], [0.1, 0.2]),
    ]
    for value in values:
        text = json.dumps(value.to_dict(), allow_nan=False)
        assert set(json.loads(text)) == {field.name for field in attrs.fields(type(value))}
    dirty = attrs.evolve(values[1], stderr=float("nan"), ci_high=float("inf"))
    assert dirty.to_dict()["stderr"] is None
    assert dirty.to_dict()["ci_high"] is None


@pytest.mark.parametrize(
    ("value", "n_scored", "n_expected", "score_range"),
    [(0.5, 3, 2, (0, 1)), (None, 1, 2, (0, 1)), (0.5, 0, 2, (0, 1)), (1.5, 1, 2, (0, 1))],
)
def test_impossible_counts_have_no_bounds(value, n_scored, n_expected, score_range):
    with pytest.raises(ValueError, match="expected"):
        st.score_bounds(value, n_scored, n_expected, score_range)


def test_bounds_when_nothing_or_everything_is_scored():
    assert st.score_bounds(None, 0, 10) == st.Bounds(0.0, 1.0)
    assert st.score_bounds(0.3, 10, 10, (None, None)) == st.Bounds(0.3, 0.3)
    assert st.score_bounds(3.0, 9, 10, (None, None)) == st.Bounds(None, None)


def test_library_import_leaves_scipy_alone():
    import subprocess
    import sys

    code = (
        "import sys, olmo_eval.results.statistics;"
        "sys.exit(any(m == 'scipy' or m.startswith('scipy.') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_signal_between_groups_of_which_one_scores_nothing() -> None:
    found = st.signal_to_noise([0.0, 0.8], [[0.5, 0.6, 0.5, 0.6]], last=2)

    assert found.signal == 2.0 and found.ci_low == 0.0 and found.ci_high is not None
    with pytest.raises(ValueError, match="no relative signal"):
        st.signal_to_noise([0.0, 0.0], [[0.5, 0.6]], last=2)
