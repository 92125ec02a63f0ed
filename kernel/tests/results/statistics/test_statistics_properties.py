"""Properties that hold for any scores."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from olmo_eval.results import statistics as st

FEW = settings(max_examples=40, derandomize=True, database=None)


@some.composite
def pairs(draw, binary=False):
    """Two score arrays over the same items, with cluster labels or None."""
    n = draw(some.integers(1, 40))
    score = some.sampled_from([0.0, 1.0] if binary else [0.0, 0.25, 0.5, 0.7, 1.0])
    a, b = (
        draw(some.lists(score, min_size=n, max_size=n)),
        draw(some.lists(score, min_size=n, max_size=n)),
    )
    labels = draw(some.none() | some.lists(some.integers(0, 8), min_size=n, max_size=n))
    return np.array(a), np.array(b), labels


@FEW
@given(pairs() | pairs(binary=True), some.booleans())
def test_swapping_the_models_mirrors_the_verdict(data, higher):
    a, b, labels = data
    options = {"clusters": labels, "higher_is_better": higher, "margin": 0.2}
    there, back = st.compare_scores(a, b, **options), st.compare_scores(b, a, **options)
    mirrored = {"better": "worse", "worse": "better"}
    assert back.kind == mirrored.get(there.kind, there.kind)
    assert back.p_value == pytest.approx(there.p_value, rel=1e-9)
    assert back.p_equivalence == pytest.approx(there.p_equivalence, rel=1e-6)
    assert (back.wins, back.losses, back.ties) == (there.losses, there.wins, there.ties)
    assert back.difference == pytest.approx(-there.difference, abs=1e-12)
    if there.ci_low is not None:
        limits = (-there.ci_high, -there.ci_low)
        assert (back.ci_low, back.ci_high) == pytest.approx(limits, abs=1e-9)


@FEW
@given(pairs() | pairs(binary=True), some.randoms(use_true_random=False))
def test_the_order_of_the_items_does_not_matter(data, random):
    a, b, labels = data
    order = random.sample(range(a.size), a.size)
    shuffled = None if labels is None else [labels[i] for i in order]
    one = st.compare_scores(a, b, clusters=labels, margin=0.1)
    two = st.compare_scores(a[order], b[order], clusters=shuffled, margin=0.1)
    for field in attrs.fields(st.Verdict):
        first, second = getattr(one, field.name), getattr(two, field.name)
        if isinstance(first, float):
            assert second == pytest.approx(first, rel=1e-9, abs=1e-12), field.name
        else:
            assert second == first, field.name
    alone, again = st.estimate(a, labels), st.estimate(a[order], shuffled)
    assert again.value == pytest.approx(alone.value)
    assert again.stderr == pytest.approx(alone.stderr, abs=1e-12)


@FEW
@given(pairs() | pairs(binary=True))
def test_a_verdict_agrees_with_its_interval_and_its_counts(data):
    a, b, labels = data
    verdict = st.compare_scores(a, b, clusters=labels)
    assert 0 < verdict.p_value <= 1
    assert verdict.wins + verdict.losses + verdict.ties == verdict.n == a.size
    excludes_zero = verdict.ci_low is not None and (verdict.ci_low > 0 or verdict.ci_high < 0)
    assert excludes_zero == (verdict.p_value <= verdict.alpha)
    assert (verdict.kind in ("better", "worse")) == excludes_zero
    if verdict.ci_low is not None:
        assert verdict.ci_low <= verdict.difference <= verdict.ci_high
    if verdict.needs_more is not None:
        assert verdict.kind == "undecided"
        assert verdict.needs_more >= 1
    assert verdict.sentence().count("\n") == 0


@FEW
@given(pairs(), some.sampled_from([0.01, 0.5, 3.0, 100.0]))
def test_a_change_of_units_changes_only_the_units(data, factor):
    a, b, labels = data
    one = st.compare_scores(a, b, clusters=labels, binary=False)
    two = st.compare_scores(a * factor, b * factor, clusters=labels, binary=False)
    assert two.p_value == pytest.approx(one.p_value, rel=1e-9)
    assert two.kind == one.kind
    for name in ("difference", "stderr", "ci_low", "ci_high", "mde"):
        first, second = getattr(one, name), getattr(two, name)
        if first is None:
            assert second is None
        else:
            assert second == pytest.approx(first * factor, rel=1e-9, abs=1e-12)


@FEW
@given(pairs(), some.sampled_from([-2.0, 0.125, 50.0]))
def test_an_easier_test_for_both_models_leaves_the_difference(data, shift):
    a, b, labels = data
    one = st.paired_difference(a, b, labels)
    two = st.paired_difference(a + shift, b + shift, labels)
    assert two.value == pytest.approx(one.value, abs=1e-9)
    assert (two.stderr or 0.0) == pytest.approx(one.stderr or 0.0, abs=1e-9)


@FEW
@given(pairs() | pairs(binary=True), some.floats(0.5, 0.99))
def test_an_estimate_lies_in_its_interval_which_grows_with_confidence(data, confidence):
    scores, _, labels = data
    found = st.estimate(scores, labels, confidence=confidence)
    wider = st.estimate(scores, labels, confidence=(1 + confidence) / 2)
    if found.ci_low is None:
        assert found.stderr is None
        return
    assert found.stderr > 0
    assert wider.ci_low - 1e-12 <= found.ci_low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.ci_high <= wider.ci_high + 1e-12
    if set(scores) <= {0.0, 1.0}:
        assert 0 <= found.ci_low <= found.ci_high <= 1
        assert found.ci_low < found.ci_high


@FEW
@given(some.lists(some.floats(1e-12, 1), min_size=1, max_size=60))
def test_adjusted_p_values_are_never_smaller_and_keep_their_order(p):
    for adjusted in (st.holm(p), st.benjamini_hochberg(p)):
        assert (adjusted >= np.array(p) * (1 - 1e-12)).all()
        assert (adjusted <= 1).all()
        assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()
    assert (st.benjamini_hochberg(p) <= st.holm(p) + 1e-12).all()


@FEW
@given(some.lists(some.sampled_from([0.0, 0.3, 1.0]), min_size=1, max_size=30), some.data())
def test_bounds_contain_the_score_that_nothing_missing_would_give(scores, data):
    kept = data.draw(some.integers(0, len(scores)))
    value = float(np.mean(scores[:kept])) if kept else None
    found = st.score_bounds(value, kept, len(scores))
    assert found.low - 1e-12 <= np.mean(scores) <= found.high + 1e-12


@FEW
@given(some.integers(0, 400), some.integers(0, 400), some.integers(0, 500))
def test_the_exact_mcnemar_test_and_its_interval_never_contradict(wins, losses, ties):
    n = max(1, wins + losses + ties)
    low, high = st.mcnemar_interval(wins, losses, n)
    assert (low > 0 or high < 0) == (st.mcnemar_exact(wins, losses) <= 0.05)
    assert -1 <= low <= (wins - losses) / n <= high <= 1
    assert st.mcnemar_midp(wins, losses) <= st.mcnemar_exact(wins, losses)


@FEW
@given(some.lists(pairs(binary=True), min_size=1, max_size=5))
def test_a_suite_of_a_suite_is_the_weighted_suite(tasks):
    verdicts = [st.compare_scores(a, b, clusters=c) for a, b, c in tasks]
    inner = st.macro_verdict(verdicts)
    alone = st.macro_verdict([inner])
    assert alone.difference == pytest.approx(inner.difference, abs=1e-12)
    assert alone.p_value == pytest.approx(inner.p_value, rel=1e-9)
    last = verdicts[-1]
    nested = st.macro_verdict([inner, last])
    shares = [*([1 / len(tasks)] * len(tasks)), 1.0]
    flat = st.macro_verdict([*verdicts, last], weights=shares)
    assert nested.difference == pytest.approx(flat.difference, abs=1e-12)
    assert nested.stderr == pytest.approx(flat.stderr)
