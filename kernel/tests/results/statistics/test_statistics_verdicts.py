"""Verdicts, suites, planning and checkpoints, read as examples."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest

from olmo_eval.results import statistics as st


def binary_pair(wins: int, losses: int, ties: int) -> tuple[np.ndarray, np.ndarray]:
    a = np.repeat([0.0, 1.0, 1.0], [wins, losses, ties])
    b = np.repeat([1.0, 0.0, 1.0], [wins, losses, ties])
    return a, b


def test_more_right_answers_are_better():
    verdict = st.compare_scores(*binary_pair(30, 10, 124))
    assert (verdict.kind, verdict.method) == ("better", "exact McNemar")
    assert verdict.difference == pytest.approx(20 / 164)
    assert (verdict.wins, verdict.losses, verdict.ties) == (30, 10, 124)
    assert verdict.sentence() == (
        "better: +0.122 [+0.04295, +0.1982]; p = 0.0022 (exact McNemar); "
        "30 wins, 10 losses, 124 ties"
    )


def test_fewer_bits_per_byte_are_better():
    rng = np.random.default_rng(0)
    size = rng.integers(100, 1000, 300)
    a = size * rng.normal(0.8, 0.1, 300)
    b = a - size * rng.normal(0.01, 0.01, 300)
    verdict = st.compare_ratios(a, b, size)
    assert verdict.kind == "better"
    assert verdict.difference == pytest.approx((b.sum() - a.sum()) / size.sum())
    assert verdict.wins > verdict.losses
    separate = st.compare_ratios(a, b, size, denominators_b=size)
    assert separate.method == "paired ratio (delta method, t)"
    assert separate.stderr == pytest.approx(verdict.stderr, rel=1e-9)


def test_methods_are_named_for_what_they_did():
    rng = np.random.default_rng(1)
    a, b, passages = rng.random(60), rng.random(60), np.arange(60) // 3
    clustered = "sign-flip permutation (clusters kept together)"
    assert st.compare_scores(a, b).method == "sign-flip permutation"
    assert st.compare_scores(a, b, clusters=passages).method == clustered
    assert st.compare_scores(a > 0.5, b > 0.5, clusters=passages).method == clustered
    assert st.compare_scores(a > 0.5, b > 0.5, clusters=np.arange(60)).method == "exact McNemar"


def test_a_margin_turns_a_small_difference_into_equivalence():
    pair = binary_pair(1020, 980, 48_000)
    assert st.compare_scores(*pair).kind == "undecided"
    verdict = st.compare_scores(*pair, margin=0.01)
    assert verdict.kind == "equivalent"
    assert verdict.sentence().startswith("equivalent within 0.01: +0.0008")
    significant = binary_pair(1200, 900, 48_000)
    assert st.compare_scores(*significant).kind == "better"
    assert st.compare_scores(*significant, margin=0.01).kind == "equivalent"


def test_a_seed_gives_the_same_verdict_again():
    rng = np.random.default_rng(2)
    a, b = rng.random(200), rng.random(200)
    assert st.compare_scores(a, b, seed=3) == st.compare_scores(a, b, seed=3)


def test_undecided_says_how_many_questions_would_settle_it():
    verdict = st.compare_scores(*binary_pair(25, 15, 124))
    assert verdict.kind == "undecided"
    effect, variance = verdict.difference, verdict.n * verdict.stderr**2
    assert verdict.needs_more == st.required_n(variance, effect) - 164
    assert "undecided, needs about 350 more questions" in verdict.sentence()
    near_margin = st.compare_scores(*binary_pair(25, 15, 124), margin=0.2)
    assert near_margin.needs_more is None or near_margin.needs_more < verdict.needs_more


def test_holm_takes_back_what_one_of_many_tests_would_claim():
    family = [st.compare_scores(*binary_pair(25, 10, 129))] * 2
    family += [st.compare_scores(*binary_pair(10, 10 + i, 144)) for i in range(8)]
    assert family[0].kind == "better"
    adjusted = st.adjust(family)
    assert adjusted[0].kind == "undecided"
    assert adjusted[0].p_value == family[0].p_value
    assert adjusted[0].p_adjusted == pytest.approx(10 * family[0].p_value)
    assert adjusted[0].needs_more >= 1
    assert "after Holm over 10" in adjusted[0].sentence()
    assert st.adjust(family, "none") == [
        v.__class__(**{**v.to_dict(), "family": 10}) for v in family
    ]
    assert st.adjust([]) == []
    with pytest.raises(ValueError, match="unknown adjustment 'bonferoni'"):
        st.adjust(family, "bonferoni")


def test_equivalence_claims_are_adjusted_as_their_own_family():
    pair = binary_pair(200, 205, 9_595)
    alone = st.compare_scores(*pair, margin=0.005)
    assert alone.kind == "equivalent"
    other = st.compare_scores(*binary_pair(700, 500, 8_800), margin=0.005)
    first, second = st.adjust([alone, other])
    assert first.p_equivalence_adjusted == pytest.approx(2 * alone.p_equivalence)
    assert (first.kind, second.kind) == ("equivalent", "better")


def test_a_suite_is_judged_on_its_macro_average():
    rng = np.random.default_rng(4)
    a = [rng.random(200) for _ in range(5)]
    b = [task + rng.normal(0.03, 0.2, 200) for task in a]
    tasks = [st.compare_scores(x, y) for x, y in zip(a, b, strict=True)]
    suite = st.macro_verdict(tasks)
    assert suite.kind == "better"
    assert suite.method == "macro average (t, Satterthwaite)"
    assert suite.stderr == pytest.approx(np.sqrt(sum(t.stderr**2 for t in tasks)) / 5)
    assert suite.n == 1000
    scores = [st.estimate(y) for y in b]
    nested = st.macro_estimate([st.macro_estimate(scores[:2]), st.macro_estimate(scores[2:])])
    weighted = st.macro_estimate(scores, weights=[1 / 4, 1 / 4, 1 / 6, 1 / 6, 1 / 6])
    assert nested.value == pytest.approx(weighted.value)
    assert nested.stderr == pytest.approx(weighted.stderr)


def test_a_suite_cannot_mix_directions_and_needs_tasks():
    up = st.compare_scores([0, 1], [1, 1])
    down = st.compare_scores([0, 1], [1, 1], higher_is_better=False)
    with pytest.raises(ValueError, match="cannot mix"):
        st.macro_verdict([up, down])
    for empty in (st.macro_verdict, st.macro_estimate, st.micro_estimate):
        with pytest.raises(ValueError, match="at least one task"):
            empty([])


def test_pooled_tasks_never_share_a_cluster():
    scores = [np.array([0.0, 1.0, 0.5]), np.array([1.0, 0.0, 0.2])]
    found = st.micro_estimate(scores, clusters=[["p", "p", "q"], ["p", "p", "q"]])
    assert (found.n, found.n_clusters) == (6, 4)


@pytest.mark.parametrize(
    ("n", "points"),
    [(100, (6.3, 8.9, 12.5, 15.3)), (500, (2.8, 4.0, 5.6, 6.9)), (14_042, (0.5, 0.7, 1.1, 1.3))],
)
def test_detectable_difference_by_discordance(n, points):
    found = [100 * st.paired_binary_mde(n, share) for share in (0.05, 0.1, 0.2, 0.3)]
    assert found == pytest.approx(points, abs=0.06)


def test_required_n_and_detectable_effect_are_inverse():
    effect = st.minimum_detectable_effect(np.sqrt(0.2 / 1319))
    assert st.required_n(0.2, effect) == pytest.approx(1319, abs=1)
    assert st.sampled_mde(100, 0.1, 0.2, 4, 0.2, 4) < st.sampled_mde(100, 0.1, 0.2, 1, 0.2, 1)


def test_an_alarm_respects_the_noise():
    rng = np.random.default_rng(5)
    steps, scores = np.arange(12.0), 0.5 + 0.01 * np.arange(12) + rng.normal(0, 0.004, 12)
    assert not st.alarm(steps, scores).raised
    scores[-1] -= 0.05
    found = st.alarm(steps, scores)
    assert found.raised
    assert found.score < found.ci_low
    assert not st.alarm(steps, scores, higher_is_better=False).raised
    assert st.alarm(steps[:4], scores[:4]) is None


def test_decision_accuracy_counts_pairs_in_the_same_order():
    assert st.decision_accuracy([1, 2, 3], [10, 20, 30]) == 1.0
    assert st.decision_accuracy([1, 2, 3], [30, 20, 10]) == 0.0
    assert st.decision_accuracy([1, 2, 2], [10, 20, 30]) == pytest.approx(5 / 6)


def test_an_anytime_p_value_only_falls():
    rng = np.random.default_rng(6)
    a = rng.random(400) < 0.5
    log_e = st.e_process(a, a | (rng.random(400) < 0.3))
    assert st.anytime_p_value(log_e) < 1e-6
    assert st.anytime_p_value(log_e[:50]) >= st.anytime_p_value(log_e)
    assert st.anytime_p_value(log_e[:1]) <= 1.0


@pytest.mark.parametrize(("n", "seconds"), [(50_000, 0.6), (1_000_000, 4.0)])
def test_a_comparison_is_quick_and_small_at_any_size(n, seconds):
    """Twice the promised time, so that a busy machine does not fail it."""
    rng = np.random.default_rng(7)
    a, b = rng.random(n), rng.random(n)
    start = time.perf_counter()
    st.compare_scores(a, b)
    assert time.perf_counter() - start < seconds
    tracemalloc.start()
    st.compare_scores(a, b)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6 + 150 * n
