"""How good the estimate of `run --limit N --anchor RUN` is: bias, coverage, variance saved.

    python benchmarks/anchored.py [--repeats 4000]

A data set of N questions is drawn, two models answer it alike to a degree, and n of the questions
are drawn without replacement. The estimate is set against the score on all N questions, and its
interval as a score against the mean of the population that the N were drawn from.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from olmo_eval.results.statistics.anchored import anchored

Floats = npt.NDArray[np.float64]
#: (anchor, current, weights, clusters) of N questions, and the mean of the population
Drawn = tuple[Floats, Floats, Floats | None, npt.NDArray[np.int64] | None, float]

ALL = 1319


def binary(rng: np.random.Generator, differ: float, accuracy: float = 0.6) -> Drawn:
    """0/1 scores; a share ``differ`` of the questions is answered otherwise, half of it by gain."""
    before = rng.random(ALL) < accuracy
    gained, lost = 0.55 * differ / (1 - accuracy), 0.45 * differ / accuracy
    flip = rng.random(ALL) < np.where(before, lost, gained)
    truth = accuracy + 0.1 * differ
    return before.astype(float), (before ^ flip).astype(float), None, None, truth


def skewed(rng: np.random.Generator, correlation: float) -> Drawn:
    """Exponential scores (lengths, losses) that share a part."""
    shared, mine, other = rng.exponential(1.0, (3, ALL))
    return (
        correlation * shared + (1 - correlation) * other,
        correlation * shared + (1 - correlation) * mine,
        None, None, 1.0,
    )  # fmt: skip


def bits(rng: np.random.Generator) -> Drawn:
    """Bits per byte of texts of 50 to 2,000 bytes; longer ones are easier."""
    n_bytes = np.exp(rng.uniform(np.log(50), np.log(2000), ALL))
    base = 1.2 - 0.05 * np.log(n_bytes) + rng.normal(0, 0.2, ALL)
    noise = rng.normal(0, 0.08, (2, ALL))
    sizes = np.exp(np.linspace(np.log(50), np.log(2000), 200_001))
    truth = float(np.average(1.2 - 0.05 * np.log(sizes), weights=sizes)) - 0.02
    return base + noise[0], base - 0.02 + noise[1], n_bytes, None, truth


def passages(rng: np.random.Generator) -> Drawn:
    """0/1 scores of five questions a passage, which are easy or hard together."""
    groups = np.arange(ALL) // 5
    ease = rng.beta(2, 1.5, groups.max() + 1)[groups]
    before = rng.random(ALL) < ease
    flip = rng.random(ALL) < 0.15
    after = np.where(flip, rng.random(ALL) < ease, before)
    return before.astype(float), after.astype(float), None, groups, 2 / 3.5


def shares(rng: np.random.Generator) -> Drawn:
    """Means of 4 samples a question (pass@1), set against those of an earlier checkpoint."""
    ease = rng.beta(0.6, 0.6, ALL)
    before = rng.binomial(4, ease) / 4
    return before, rng.binomial(4, ease) / 4, None, None, 0.5


CASES: dict[str, Callable[[np.random.Generator], Drawn]] = {
    "0/1, 2% differ": lambda rng: binary(rng, 0.02),
    "0/1, 10% differ": lambda rng: binary(rng, 0.10),
    "0/1, 25% differ": lambda rng: binary(rng, 0.25),
    "0/1, 95% right, 3% differ": lambda rng: binary(rng, 0.03, 0.95),
    "0/1, passages of 5": passages,
    "4 samples a question": shares,
    "exponential, half shared": lambda rng: skewed(rng, 0.5),
    "bits per byte": bits,
}


def measure(case: Callable[[np.random.Generator], Drawn], n: int, repeats: int, seed: int) -> str:
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(repeats):
        before, after, weights, groups, truth = case(rng)
        where = rng.choice(ALL, n, replace=False)
        found = anchored(after[where], where, before, weights, groups)
        if found is None:
            continue
        full = float(np.average(after, weights=weights))
        one, score = found, found.estimate
        plain = float(np.average(after[where], weights=None if weights is None else weights[where]))
        rows.append((
            score.value - full, plain - full, one.all_low <= full <= one.all_high,
            score.ci_low <= truth <= score.ci_high, one.variance_saved, one.worth,
        ))  # fmt: skip
    error, alone, of_all, of_more, saved, worth = np.array(rows, dtype=float).T
    bias, noise = error.mean(), error.std() / len(rows) ** 0.5
    return (
        f"n = {n:>4}: bias {bias:+.5f} +- {2 * noise:.5f}; covers the score on all "
        f"{of_all.mean():6.1%}, the mean of the population {of_more.mean():6.1%}; variance saved "
        f"{1 - error.var() / alone.var():6.1%} (reported {saved.mean():6.1%}), worth "
        f"{worth.mean():.0f} questions; none in {repeats - len(rows)}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=4000)
    parser.add_argument("--questions", type=int, nargs="+", default=[100, 200, 500])
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for name, case in CASES.items():
        print(f"{name}, of {ALL:,} questions ({given.repeats:,} repeats)")
        for n in given.questions:
            print(f"  {measure(case, n, given.repeats, given.seed)}", flush=True)


if __name__ == "__main__":
    main()
