"""How often `olmo-eval bisect` finds the checkpoint at which a task broke, and what it costs.

    python benchmarks/bisection.py [--repeats 10000]

Every run has 64 checkpoints that answer the same questions. At one of them, any but the first, a
share of the right answers is lost for good. Besides, every answer of every checkpoint is turned
round by chance, and some questions are learned or forgotten on the way, as many as the other.
"""

from __future__ import annotations

import argparse

import numpy as np

from olmo_eval.results.deciding import BetweenTwo, Decision
from olmo_eval.results.statistics import compare_scores
from olmo_eval.runner.bisect import halve

CHECKPOINTS = 64


class Training:
    """A simulated training run: the scores of each checkpoint, drawn when they are asked for."""

    def __init__(
        self, rng: np.random.Generator, n: int, drop: float, flips: float, drift: float
    ) -> None:
        self.rng, self.flips, self.n = rng, flips, n
        self.right = rng.random(n) < 0.6
        drifting = rng.random(n) < drift
        self.turns = np.where(drifting, rng.integers(1, CHECKPOINTS, n), CHECKPOINTS)
        # of those that drift as many are learned as forgotten
        self.right = np.where(drifting, rng.random(n) < 0.5, self.right)
        self.lost = ~drifting & self.right & (rng.random(n) < drop / max(self.right.mean(), 0.01))
        self.broke = int(rng.integers(1, CHECKPOINTS))

    def scores(self, place: int) -> np.ndarray:
        truth = self.right ^ (place >= self.turns)
        truth &= ~(self.lost & (place >= self.broke))
        return (truth ^ (self.rng.random(self.n) < self.flips)).astype(float)


def search(training: Training, seed: int) -> tuple[bool, bool, int, float] | None:
    """(right checkpoint, certain, evaluated, share of the midpoints' questions asked); None where
    the ends do not differ."""
    first, last = training.scores(0), training.scores(CHECKPOINTS - 1)
    if compare_scores(first, last).kind != "worse":
        return None
    names = [str(i) for i in range(training.n)]
    ends = [{n: (float(v), 1.0) for n, v in zip(names, e, strict=True)} for e in (first, last)]
    asked, certain = [], []

    def like_last(place: int) -> bool:
        values = training.scores(place)
        decision = Decision(BetweenTwo(*ends, -1.0), False, 0.05, seed, asks_all=False)
        for name in decision.arrange(names, lambda n: (n, None)):
            if decision.sign:
                break
            decision.see(name, float(values[int(name)]))
        asked.append(decision.counted)
        certain.append(bool(decision.sign))
        return decision.leaning > 0

    found = halve(CHECKPOINTS, like_last)
    return found == training.broke, all(certain), len(asked) + 2, float(np.mean(asked)) / training.n


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=10_000)
    parser.add_argument("--questions", type=int, nargs="+", default=[400, 1319])
    parser.add_argument("--drops", type=float, nargs="+", default=[0.10, 0.05])
    parser.add_argument("--flips", type=float, default=0.02)
    parser.add_argument("--drift", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(f"{given.flips:.0%} of the answers flip, {given.drift:.0%} of the questions drift")
    for n in given.questions:
        for drop in given.drops:
            rng = np.random.default_rng(given.seed)
            runs = [
                search(Training(rng, n, drop, given.flips, given.drift), seed)
                for seed in range(given.repeats)
            ]
            kept = [run for run in runs if run is not None]
            right, certain, evaluated, asked = (
                np.array(column) for column in zip(*kept, strict=True)
            )
            print(
                f"{n:,} questions, {drop:.0%} lost: ends differ {len(kept) / len(runs):.1%}; right"
                f" {right.mean():.2%}, {certain.mean():.1%} certain and of these right"
                f" {right[certain].mean() if certain.any() else 0:.2%}; evaluated: median"
                f" {np.median(evaluated):g}, most {evaluated.max()}; {asked.mean():.0%} of a"
                " midpoint's questions asked",
                flush=True,
            )


if __name__ == "__main__":
    main()
