"""How well question biographies find change points that are known, because they were simulated.

    python benchmarks/biographies.py [--questions 1319] [--checkpoints 40] [--flips 0.05]

Every run draws the story of each question (always right, never, learned or forgotten at any
checkpoint alike, coin-flip), turns each answer round with the flip rate, and asks
``statistics.biographies`` for the stories. Nothing but the answers is told: neither the flip rate
nor how frequent the stories are.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

import numpy as np

from olmo_eval.results.statistics.biographies import KINDS, biographies

#: shares of always, never, coin-flip, learned, forgotten
MIXES: Mapping[str, Sequence[float]] = {
    "40% of the questions change": (0.3, 0.3, 0.0, 0.3, 0.1),
    "20% change": (0.4, 0.4, 0.0, 0.15, 0.05),
    "10% change": (0.45, 0.45, 0.0, 0.08, 0.02),
    "40% change, 10% are coin-flips": (0.25, 0.25, 0.1, 0.3, 0.1),
    "5% change, 5% are coin-flips": (0.45, 0.45, 0.05, 0.04, 0.01),
}


def simulated(
    rng: np.random.Generator, n: int, checkpoints: int, flips: float, mix: Sequence[float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores (n, T), the kind of each question (n,), and its change point (n,), -1 without one."""
    kind = rng.choice(len(KINDS), size=n, p=mix)
    change = np.where(kind >= 3, rng.integers(1, checkpoints, size=n), -1)
    after = np.arange(checkpoints)[None, :] >= change[:, None]
    truth = np.select(
        [(kind == i)[:, None] for i in (0, 1, 3, 4)],
        [np.ones_like(after), np.zeros_like(after), after, ~after],
        default=False,
    )
    scores = truth ^ (rng.random(truth.shape) < flips)
    coins = rng.random(truth.shape) < rng.uniform(0.25, 0.75, size=(n, 1))
    return np.where((kind == 2)[:, None], coins, scores).astype(float), kind, change


def measured(
    rng: np.random.Generator, n: int, checkpoints: int, flips: float, mix: Sequence[float]
) -> dict[str, float]:
    """Rates of one simulated run."""
    scores, kind, change = simulated(rng, n, checkpoints, flips, mix)
    found = biographies(scores)
    named = found.change >= 0
    changed = change >= 0
    names = np.array([KINDS.index(k) for k in found.kinds])
    hit = named & (names == kind) & (np.abs(found.change - change) <= 1)
    return {
        "true changes within one checkpoint": float(hit[changed].mean()),
        "false among the unchanged": float(named[~changed].mean()),
        "false among the named": float((~hit)[named].mean()),
        "mean certainty of the named": float(found.certainty[named].mean()),
        "estimated flip rate": found.flip_rate,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--questions", type=int, default=1319)
    parser.add_argument("--checkpoints", type=int, default=40)
    parser.add_argument("--flips", type=float, default=0.05)
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for name, mix in MIXES.items():
        rng = np.random.default_rng(given.seed)
        runs = [
            measured(rng, given.questions, given.checkpoints, given.flips, mix)
            for _ in range(given.repeats)
        ]
        print(f"{name} ({given.repeats} runs)")
        for rate in runs[0]:
            values = np.array([run[rate] for run in runs])
            print(f"  {rate:<36} {values.mean():7.2%}  ({values.min():.2%} to {values.max():.2%})")


if __name__ == "__main__":
    main()
