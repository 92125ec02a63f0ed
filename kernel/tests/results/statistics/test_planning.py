"""The power of comparisons to come, and what they take."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from olmo_eval.results.statistics import compare_scores, mcnemar_exact
from olmo_eval.results.statistics.planning import PairedSpread, mcnemar_power


def enumerated(n: int, discordance: float, effect: float, alpha: float) -> float:
    """The power of the exact test, over every pair of counts."""
    total = 0.0
    for m in range(1, n + 1):
        chance = binom.pmf(m, n, discordance)
        for wins in range(m + 1):
            if mcnemar_exact(wins, m - wins) <= alpha:
                share = (discordance + effect) / (2 * discordance)
                total += chance * binom.pmf(wins, m, share)
    return float(total)


@pytest.mark.parametrize(
    ("n", "discordance", "effect", "alpha"),
    [(20, 0.5, 0.3, 0.05), (40, 0.2, 0.2, 0.05), (60, 0.3, 0.1, 0.01), (8, 0.2, 0.1, 0.05)],
)
def test_the_power_of_mcnemar_is_that_of_every_outcome(
    n: int, discordance: float, effect: float, alpha: float
) -> None:
    found = mcnemar_power(n, discordance, effect, alpha)
    assert found == pytest.approx(enumerated(n, discordance, effect, alpha), abs=1e-9)
    assert mcnemar_power(n, discordance, -effect, alpha) == found


def test_an_effect_larger_than_what_differs_makes_as_many_differ() -> None:
    assert mcnemar_power(200, 0.0, 0.1) == mcnemar_power(200, 0.1, 0.1)
    assert mcnemar_power(200, 0.0, 0.0) == 0.0


@pytest.mark.parametrize("spread", [PairedSpread(0.15, 0.15), PairedSpread(0.4)])
def test_questions_are_the_fewest_that_are_enough(spread: PairedSpread) -> None:
    n = spread.questions(0.05)
    assert n is not None
    assert spread.power(n, 0.05) >= 0.8 > spread.power(int(n * 0.97), 0.05)
    assert (spread.questions(0.05, power=0.9) or 0) > n < (spread.questions(0.05, 0.01) or 0)


def test_an_effect_that_is_out_of_reach_has_no_number_of_questions() -> None:
    assert PairedSpread(1.0, 0.2).questions(1e-5) is None


def test_the_power_is_that_of_simulated_comparisons() -> None:
    rng = np.random.default_rng(0)
    spread, effect = PairedSpread(0.2, 0.2), 0.1
    n = spread.questions(effect)
    assert n is not None
    found = 0
    for _ in range(1_000):
        drawn = rng.random(n)
        d = (drawn < (0.2 + effect) / 2).astype(float) - (drawn > 1 - (0.2 - effect) / 2)
        found += compare_scores(np.maximum(0, -d), np.maximum(0, d)).p_value <= 0.05
    assert abs(found / 1_000 - spread.power(n, effect)) < 0.03


def test_samples_help_as_far_as_the_variance_is_within_questions() -> None:
    spread = PairedSpread(0.10, None, within=0.08, samples=1)
    n = 1_000
    wanted = 2.802 * np.sqrt((0.02 + 0.08 / 4) / n)  # what 4 samples a question find
    assert spread.samples_for(n, wanted) == 4
    assert spread.samples_for(n, 2.7 * np.sqrt(0.02 / n)) is None
    assert PairedSpread(0.10).samples_for(n, wanted) is None
    four = spread.with_samples(4)
    assert four is not None and four.variance == pytest.approx(0.04)
    assert PairedSpread(0.10).with_samples(2) is None
