"""How well `compare --slices` finds slices that are known, because they were planted.

    python benchmarks/slices.py [--pairs 1000] [--effect 0.10]

Every pair of runs answers 2,000 questions that four families of slices cut up independently of one
another: 10 subjects and 10 lengths of 200 questions, 5 levels of 400, 20 topics of 100. Some
questions flip either way by chance; in each of the planted subjects and lengths the second run is
`effect` better or worse besides. A slice that is named is *false* where the expected difference on
its questions is 0 or of the other sign, and *not planted* where it is named for overlapping a
planted one.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from olmo_eval.results.pairing import Pairs
from olmo_eval.results.slices import Slice, judge_slices
from olmo_eval.results.slices.tested import Subject

QUESTIONS = 2_000
FAMILIES = {"subject": 10, "length": 10, "level": 5, "topic": 20}
ACCURACY = 0.6
ENTRY = {"weighted": False, "higher_is_better": True}


def cut(rng: np.random.Generator) -> list[Slice]:
    """The slices of one pair's questions."""
    made = []
    for family, parts in FAMILIES.items():
        label = rng.permutation(np.arange(QUESTIONS) % parts)
        made += [Slice(family, f"{family} = {i}", label == i) for i in range(parts)]
    return made


def answered(
    rng: np.random.Generator, churn: float, gain: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of A and B; a share `churn` flips by chance, as many either way, and B gains `gain`
    (n,) in expectation."""
    a = rng.random(QUESTIONS) < ACCURACY
    up = np.where(gain > 0, gain, 0.0) / (1 - ACCURACY) + churn / 2 / (1 - ACCURACY)
    down = np.where(gain < 0, -gain, 0.0) / ACCURACY + churn / 2 / ACCURACY
    b = np.where(a, rng.random(QUESTIONS) >= down, rng.random(QUESTIONS) < up)
    return a.astype(float), b.astype(float)


def simulate(
    rng: np.random.Generator, pairs: int, churn: float, effect: float, planted: int
) -> Iterator[dict[str, float]]:
    """The rates of each pair."""
    for _ in range(pairs):
        slices = cut(rng)
        sliced = [s for s in slices if s.family in ("subject", "length")]
        chosen = [sliced[i] for i in rng.choice(len(sliced), planted, replace=False)]
        signs = rng.choice([-1.0, 1.0], planted)
        gain = np.zeros(QUESTIONS)
        for one, sign in zip(chosen, signs, strict=True):
            gain[one.members] = sign * effect
        a, b = answered(rng, churn, gain)
        ones = np.ones(QUESTIONS)
        ids = pa.chunked_array([pa.array([str(i) for i in range(QUESTIONS)])])
        found = Pairs(ids, a, b, ones, ones, None, 0, 0)
        results = [r for r in judge_slices([Subject("task", found, ENTRY, slices)]) if r.changed]
        yield rates(results, slices, chosen, gain)


def rates(results, slices, chosen, gain) -> dict[str, float]:  # type: ignore[no-untyped-def]
    members = {s.name: s.members for s in slices}
    truth = {name: gain[mask].mean() for name, mask in members.items()}
    wrong = [r for r in results if truth[r.name] * r.verdict.difference <= 0]
    names = {s.name for s in chosen}
    missed = [r for r in results if not r.verdict.ci_low <= truth[r.name] <= r.verdict.ci_high]
    most = max(len(results), 1)
    out = [r for r in results if r.stands_out]
    return {
        "false among the named": len(wrong) / most,
        "not planted among the named": sum(r.name not in names for r in results) / most,
        "not planted among those that stand out": sum(r.name not in names for r in out)
        / max(len(out), 1),
        "planted that are named": sum(r.name in names for r in results) / max(len(chosen), 1),
        "intervals of the named that miss": len(missed) / most,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--effect", type=float, default=0.10)
    parser.add_argument("--planted", type=int, nargs="+", default=[0, 1, 3])
    parser.add_argument("--churn", type=float, nargs="+", default=[0.02, 0.05, 0.10, 0.20])
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for planted in given.planted:
        for churn in given.churn:
            rng = np.random.default_rng(given.seed)
            found = list(simulate(rng, given.pairs, churn, given.effect, planted))
            print(f"{planted} planted, {churn:.0%} flip by chance ({given.pairs} pairs)")
            for name in found[0]:
                values = np.array([rates[name] for rates in found])
                error = values.std() / np.sqrt(len(values))
                print(f"  {name:<40} {values.mean():7.2%} +- {error:.2%}", flush=True)


if __name__ == "__main__":
    main()
