"""How often `run --stop-when-decided` is wrong, and how many questions it saves.

    python benchmarks/stopping.py [--repeats 4000]

Two runs answer the same questions; one is looked at after every question, in random order, as the
command does. Binary scores go to the e-process, the others to the confidence sequence.
"""

from __future__ import annotations

import argparse

import numpy as np

from olmo_eval.results.deciding import AgainstOne, Decision


def decide(a: np.ndarray, b: np.ndarray, binary: bool, seed: int, passage: int) -> Decision:
    """The decision on B against A; `passage` questions in a row are one cluster (0: none)."""
    names = [str(i) for i in range(len(a))]
    known = {name: (float(value), 1.0) for name, value in zip(names, a, strict=True)}
    made = Decision(AgainstOne(known), binary, 0.05, seed)
    order = made.arrange(names, lambda n: (n, int(n) // passage if passage else None))
    for name in order:
        if made.sign:
            break
        made.see(name, float(b[int(name)]))
    return made


def binary_scores(
    rng: np.random.Generator, n: int, discordance: float, difference: float
) -> tuple[np.ndarray, np.ndarray]:
    a = (rng.random(n) < 0.5).astype(float)
    gain, loss = (discordance + difference) / 2, (discordance - difference) / 2
    b = np.where(a == 0, rng.random(n) < 2 * gain, rng.random(n) >= 2 * loss).astype(float)
    return a, b


def real_scores(
    rng: np.random.Generator, n: int, spread: float, difference: float, passage: int
) -> tuple[np.ndarray, np.ndarray]:
    """Skewed differences; those of one passage share half of their variance."""
    own = rng.exponential(1.0, n) - 1
    if passage:
        shared = np.repeat(rng.exponential(1.0, -(-n // passage)) - 1, passage)[:n]
        own = (own + shared) / 2**0.5
    return np.zeros(n), difference + spread * own


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=2000)
    parser.add_argument("--differences", type=float, nargs="+", default=[0.0, 0.02, 0.05, 0.10])
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print("scores, questions, true difference: decided better / worse, questions not asked")
    for n in (200, 1319):
        for difference in given.differences:
            repeats = given.repeats if difference == 0 else given.repeats // 8
            for kind in ("0/1", "skewed", "skewed, passages of 5"):
                rng = np.random.default_rng(given.seed)
                found = []
                for seed in range(repeats):
                    passage = 5 if "passages" in kind else 0
                    if kind == "0/1":
                        a, b = binary_scores(rng, n, 0.15, difference)
                    else:
                        a, b = real_scores(rng, n, 0.4, difference, passage)
                    made = decide(a, b, kind == "0/1", seed, passage)
                    found.append((made.sign, made.counted))
                signs, counted = np.array(found).T
                print(
                    f"{kind:<24} {n:>6,} {difference:>5.2f}: {(signs > 0).mean():6.1%} /"
                    f" {(signs < 0).mean():5.1%}, {1 - counted.mean() / n:6.1%} saved",
                    flush=True,
                )


if __name__ == "__main__":
    main()
