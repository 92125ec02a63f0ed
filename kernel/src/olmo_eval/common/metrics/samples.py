"""Metrics over several samples of one instance."""

from __future__ import annotations

from collections import Counter
from math import comb
from typing import ClassVar

from attrs import field, frozen, validators

from olmo_eval.common.metrics.base import Metric, as_scorer, scores_of
from olmo_eval.common.scorers import Reads, Scorer
from olmo_eval.common.types import Response, SamplingParams
from olmo_eval.errors import UsageError


@frozen
class PassAtKMetric(Metric):
    """Probability that at least one of k samples passes, from n >= k samples.

    The unbiased estimator 1 - C(n-c, k) / C(n, k) for c passing samples of n (Chen et al. 2021,
    "Evaluating Large Language Models Trained on Code"). A sample passes where its score exceeds
    ``threshold``.
    """

    scorer: Scorer = field(converter=as_scorer)
    name: str = field(default="pass_at", kw_only=True)
    reads: ClassVar[Reads | None] = "text"
    k: int = field(default=1, kw_only=True, validator=validators.ge(1))
    threshold: float = field(default=0.5, kw_only=True)

    @property
    def metric_name(self) -> str:
        return f"{self.name}_{self.k}"

    def value(self, response: Response) -> float | None:
        scores = scores_of(response, self.scorer)
        n, c = len(scores), sum(score > self.threshold for score in scores)
        if n < self.k:
            raise ValueError(f"{self.metric_name} needs {self.k} samples, got {n}")
        return self.estimate(n, c)

    def estimate(self, n: int, c: int) -> float:
        return 1.0 - comb(n - c, self.k) / comb(n, self.k)

    def check(self, params: SamplingParams) -> None:
        if self.k > params.num_samples:
            raise UsageError(
                f"{self.metric_name} needs at least {self.k} samples an instance, but "
                f"num_samples is {params.num_samples}",
                hint=f"add -o num_samples={self.k}, or lower k",
            )


@frozen
class PassPowKMetric(PassAtKMetric):
    """Probability that all of k samples pass: C(c, k) / C(n, k), unbiased (tau-bench, 2024)."""

    name: str = field(default="pass_pow", kw_only=True)

    def estimate(self, n: int, c: int) -> float:
        return comb(c, self.k) / comb(n, self.k)


@frozen
class MajorityVoteMetric(Metric):
    """Score of the most frequent extracted answer (Wang et al. 2022, self-consistency).

    Answers that could not be extracted do not vote; a tie goes to the answer that came first.
    """

    name: str = field(default="majority_vote", kw_only=True)
    reads: ClassVar[Reads | None] = "text"

    @property
    def bounds(self) -> tuple[float | None, float | None]:  # type: ignore[override]
        """Those of its scorer."""
        return self.scorer.bounds

    def value(self, response: Response) -> float | None:
        scores = scores_of(response, self.scorer)
        answers = [output.extracted_answer for output in response.outputs]
        votes = Counter(str(a) for a in answers if a is not None)
        if not votes:
            return 0.0
        winner = votes.most_common(1)[0][0]
        index = next(i for i, a in enumerate(answers) if a is not None and str(a) == winner)
        return scores[index]
