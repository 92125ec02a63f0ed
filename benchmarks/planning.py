"""How wrong `plan --effect` is: the power it promises, and the cost.

    python benchmarks/planning.py [--repeats 4000]

Two earlier checkpoints answer a task; from their paired scores the plan says how many questions a
difference of a stated size takes. Then models that differ by just that are compared, by the test
that `compare` makes, on as many questions: how often is the difference found?
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from olmo_eval.results.statistics import compare_scores
from olmo_eval.results.statistics.planning import PairedSpread

Floats = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, int, float], tuple[Floats, Floats]]


def binary(rng: np.random.Generator, n: int, effect: float, differ: float) -> tuple[Floats, Floats]:
    """0/1 scores of n questions, of which a share ``differ`` is answered otherwise."""
    drawn = rng.random(n)
    a = rng.random(n) < 0.5
    won, lost = drawn < (differ + effect) / 2, drawn >= 1 - (differ - effect) / 2
    return np.where(won, 0.0, np.where(lost, 1.0, a)), np.where(won, 1.0, np.where(lost, 0.0, a))


def graded(rng: np.random.Generator, n: int, effect: float) -> tuple[Floats, Floats]:
    """Scores between 0 and 1 (F1): skewed, correlated."""
    ease = rng.beta(0.8, 0.6, n)
    a, b = (np.clip(ease + rng.normal(0, 0.15, n), 0, 1) for _ in range(2))
    return a, b + effect


def spread_of(a: Floats, b: Floats, is_binary: bool) -> PairedSpread:
    variance = float((b - a).var(ddof=1))
    return PairedSpread(variance, float((a != b).mean()) if is_binary else None)


CASES: dict[str, tuple[Draw, bool]] = {
    "0/1, 5% differ": (lambda rng, n, e: binary(rng, n, e, 0.05), True),
    "0/1, 15% differ": (lambda rng, n, e: binary(rng, n, e, 0.15), True),
    "0/1, 30% differ": (lambda rng, n, e: binary(rng, n, e, 0.30), True),
    "graded": (graded, False),
}


def measure(draw: Draw, is_binary: bool, effect: float, earlier: int, repeats: int) -> str:
    rng = np.random.default_rng(0)
    known = spread_of(*draw(rng, 400_000, 0.0), is_binary)
    n = known.questions(effect) or 0
    found = sum(
        compare_scores(*draw(rng, n, effect), seed=i).p_value <= 0.05 for i in range(repeats)
    )
    actual = found / repeats
    planned, wrong, costs = [], [], []
    for _ in range(400):
        told = spread_of(*draw(rng, earlier, 0.0), is_binary)
        needed = told.questions(effect) or 0
        planned.append(needed)
        # what as many questions as were planned really give, against the power that was promised
        wrong.append(100 * (known.power(needed, effect) - told.power(needed, effect)))
        paid = rng.lognormal(-6.0, 0.8, earlier), rng.lognormal(-6.0, 0.8, needed)
        costs.append(float(paid[0].mean() * needed / paid[1].sum() - 1))
    off, cost = np.abs(wrong), np.abs(costs)
    low, middle, high = np.quantile(planned, (0.05, 0.5, 0.95))
    return (
        f"effect {effect:g}: {n:,} questions, power promised {known.power(n, effect):.1%}, "
        f"measured {actual:.1%}; planned from {earlier:,} earlier questions: {middle:,.0f} "
        f"({low:,.0f} to {high:,.0f}), power off by {off.mean():.1f} points on average, within 3 "
        f"in {np.mean(off <= 3):.0%}; cost within 20% in {np.mean(cost <= 0.2):.0%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=4000)
    parser.add_argument("--earlier", type=int, nargs="+", default=[400, 1319])
    parser.add_argument("--effects", type=float, nargs="+", default=[0.02, 0.05])
    given = parser.parse_args()
    for name, (draw, is_binary) in CASES.items():
        print(name)
        for effect in given.effects:
            for earlier in given.earlier:
                print(f"  {measure(draw, is_binary, effect, earlier, given.repeats)}", flush=True)


if __name__ == "__main__":
    main()
