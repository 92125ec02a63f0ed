"""Whether a sample is large enough for what is said of it."""

from __future__ import annotations

from olmo_eval.common.figures import counted

#: below so many items, or independent clusters of items, what is said of them is rough
FEW = 100


def small_sample(n: int, n_clusters: int) -> str | None:
    """In words why intervals and verdicts over ``n`` items in ``n_clusters`` are rough; None where
    there are enough of both.

    The limit is a rule: with 33 clusters of a skewed score, intervals at 95% covered the truth in
    91.5% of simulated samples; it concerns equivalence as much as differences (see the coverage
    tables of docs/statistics.md).
    """
    if n < FEW:
        few = f"only {counted(n, 'question')}"
    elif n_clusters < min(n, FEW):
        few = f"only {counted(n_clusters, 'independent cluster')} of questions"
    else:
        return None
    return (
        f"{few}, below {FEW}: 95% intervals may cover less, and equivalence be claimed too easily"
    )
