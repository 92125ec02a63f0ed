"""How often `olmo-eval track` raises an alarm though nothing happened, and how often when it did.

    python benchmarks/alarms.py [--repeats 2000]

Every run has 20 checkpoints whose accuracy on n questions follows a curve of learning that slows
down, with noise between checkpoints and that of the questions' flips; in half of the runs the last
checkpoint falls by `drop`.
"""

from __future__ import annotations

import argparse

import numpy as np

from olmo_eval.results.statistics import alarm

CHECKPOINTS, WINDOW = 20, 10


def scores(rng: np.random.Generator, curve: np.ndarray, n: int, wobble: float) -> np.ndarray:
    return rng.binomial(n, np.clip(curve + rng.normal(0, wobble, len(curve)), 0, 1)) / n


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--drop", type=float, default=0.10)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    places = list(range(CHECKPOINTS))
    curves = {
        "flat": np.full(CHECKPOINTS, 0.5),
        "rising evenly": np.linspace(0.3, 0.6, CHECKPOINTS),
        "slowing down": 0.6 - 0.4 * np.exp(-np.arange(CHECKPOINTS) / 4),
    }
    for name, curve in curves.items():
        for n in (200, 1319):
            rng = np.random.default_rng(given.seed)
            false, looked, found = 0, 0, 0
            for _ in range(given.repeats):
                values = scores(rng, curve, n, 0.005)
                raised = [
                    alarm(places[: i + 1], values[: i + 1].tolist(), True, WINDOW, 0.01, 1 / n)
                    for i in range(CHECKPOINTS)
                ]
                false += sum(r is not None and r.raised for r in raised)
                looked += sum(r is not None for r in raised)
                values[-1] = rng.binomial(n, curve[-1] - given.drop) / n
                last = alarm(places, values.tolist(), True, WINDOW, 0.01, 1 / n)
                found += last is not None and last.raised
            print(
                f"{name:<14} {n:>5,} questions: {false / looked:.2%} of {looked:,} checkpoints "
                f"alarmed falsely; a drop of {given.drop:g} found {found / given.repeats:.1%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
