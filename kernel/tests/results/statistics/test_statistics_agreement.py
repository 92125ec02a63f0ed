"""Kappa and alpha against published examples and other implementations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from olmo_eval.results import statistics as st

EXACT = {"rel": 1e-9, "abs": 1e-12}
LEVELS = ("nominal", "ordinal", "interval")

#: four observers, twelve units: Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability",
#: example C; 0 stands for a missing rating
OBSERVERS = np.array([
    [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
    [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
])  # fmt: skip


@pytest.mark.parametrize(
    ("level", "value"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_alpha_is_that_of_krippendorffs_example(level, value):
    found = st.krippendorff_alpha(OBSERVERS - 1, level=level, draws=0)
    assert round(found.value, 3) == value
    assert (found.n, found.n_clusters) == (11, 11)  # one unit has a single rating


def test_alpha_is_that_of_krippendorffs_binary_example():
    """Example A of the same paper: alpha = 0.095."""
    meg = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    owen = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert round(st.krippendorff_alpha([meg, owen], draws=0).value, 3) == 0.095


def table(counts):
    rows = [(i, j) for i, row in enumerate(counts) for j, n in enumerate(row) for _ in range(n)]
    first, second = zip(*rows, strict=True)
    return first, second


def test_kappa_is_that_of_a_worked_example():
    """Share of agreement 0.7, expected 0.5: kappa = (0.7 - 0.5) / (1 - 0.5)."""
    first, second = table([[20, 5], [10, 15]])
    assert st.cohen_kappa(first, second, draws=0).value == pytest.approx(0.4, **EXACT)
    assert st.raw_agreement([first, second], draws=0).value == pytest.approx(0.7, **EXACT)


def test_the_table_has_people_in_rows():
    assert st.confusion(*table([[3, 1], [0, 2]]), 2).tolist() == [[3, 1], [0, 2]]


@pytest.mark.engine
def test_kappa_is_that_of_statsmodels():
    agreement = pytest.importorskip("statsmodels.stats.inter_rater")
    rng = np.random.default_rng(3)
    first = rng.integers(0, 5, 400)
    second = np.clip(first + rng.integers(-1, 2, 400), 0, 4)
    counts = st.confusion(first, second, 5)
    for weights in (None, "linear", "quadratic"):
        theirs = agreement.cohens_kappa(counts, wt=weights, return_results=False)
        assert st.cohen_kappa(first, second, weights=weights, draws=0).value == pytest.approx(
            theirs, **EXACT
        )


@pytest.mark.engine
@pytest.mark.parametrize("level", LEVELS)
def test_alpha_is_that_of_the_package_krippendorff(level):
    krippendorff = pytest.importorskip("krippendorff")
    rng = np.random.default_rng(5)
    ratings = np.clip(rng.integers(0, 5, 60) + rng.integers(-1, 2, (3, 60)), 0, 4)
    ratings[rng.random(ratings.shape) < 0.2] = -1
    theirs = krippendorff.alpha(np.where(ratings < 0, np.nan, ratings), level_of_measurement=level)
    found = st.krippendorff_alpha(ratings, level=level, draws=0)
    assert found.value == pytest.approx(theirs, **EXACT)


RATINGS = some.lists(
    some.tuples(some.integers(-1, 3), some.integers(-1, 3)), min_size=2, max_size=30
)


@given(RATINGS)
def test_raters_may_change_places(pairs):
    a, b = (np.array(side) for side in zip(*pairs, strict=True))
    for level in LEVELS:
        one = st.krippendorff_alpha([a, b], level=level, draws=0).value
        other = st.krippendorff_alpha([b, a], level=level, draws=0).value
        assert one == pytest.approx(other) if one is not None else other is None
    kappas = [st.cohen_kappa(x, y, draws=0).value for x, y in ((a, b), (b, a))]
    assert kappas[0] == (pytest.approx(kappas[1]) if kappas[0] is not None else None)


def test_intervals_resample_questions_and_not_their_repeats():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 60)
    judge = np.where(rng.random(60) < 0.8, truth, 1 - truth)
    once = st.cohen_kappa(truth, judge)
    questions = [str(i) for i in range(60)] * 10
    often = st.cohen_kappa(np.tile(truth, 10), np.tile(judge, 10), questions)
    blind = st.cohen_kappa(np.tile(truth, 10), np.tile(judge, 10))
    assert (often.n, often.n_clusters) == (600, 60)
    assert often.value == pytest.approx(once.value)
    width = [one.ci_high - one.ci_low for one in (once, often, blind)]
    assert width[1] == pytest.approx(width[0], rel=0.15) and width[2] < width[0] / 2


@pytest.mark.slow
def test_intervals_cover_the_truth_about_as_often_as_they_say():
    """Two raters who err independently on 12% of 150 questions: kappa = (p_o - 1/2) / (1/2)."""
    rng = np.random.default_rng(7)
    truth = 2 * (0.88**2 + 0.12**2) - 1
    hits = 0
    for seed in range(300):
        real = rng.integers(0, 2, 150)
        a, b = (np.where(rng.random(150) < 0.12, 1 - real, real) for _ in range(2))
        found = st.cohen_kappa(a, b, draws=400, seed=seed)
        hits += found.ci_low <= truth <= found.ci_high
    assert 0.91 <= hits / 300 <= 0.98


def test_what_is_not_defined_has_no_value():
    """Raters who use one category alone agree as much as they must."""
    one = [0, 0, 0, 0]
    assert st.cohen_kappa(one, one).value is None
    assert st.krippendorff_alpha([one, one]).value is None
    assert st.krippendorff_alpha([[-1, -1], [0, 1]]).value is None
    assert st.cohen_kappa([-1, -1], [0, 1]).n == 0


def test_agreement_without_exception_is_no_certainty():
    found = st.raw_agreement([[0, 1] * 10, [0, 1] * 10])
    assert found.value == 1.0
    assert (found.ci_low, found.ci_high) == st.wilson_interval(20, 20)
    assert st.cohen_kappa([0, 1] * 10, [0, 1] * 10).ci_low is None


@pytest.mark.parametrize(
    ("ratings", "message"),
    [
        ([[0, 1], [0]], "as many of each"),
        ([0, 1], "shape"),
        ([[0.5], [1.0]], "integer codes"),
        ([[0], [100]], "from -1 to 99"),
        ([[-2], [1]], "from -1 to 99"),
    ],
)
def test_what_is_no_ratings_is_refused(ratings, message):
    with pytest.raises(ValueError, match=message):
        st.krippendorff_alpha(ratings)
