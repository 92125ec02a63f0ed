"""One question, asked, answered and scored."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from attrs import field, frozen

from olmo_eval.common.types.instance import Instance
from olmo_eval.common.types.output import LMOutput
from olmo_eval.common.types.request import LMRequest


class Outcome(StrEnum):
    """How an instance ended; every instance ends as exactly one of these.

    ``scored``, ``truncated``, ``refused``, ``extraction_failed`` and ``limit_reached`` carry a
    score (the model did answer, badly perhaps); ``judge_failed``, ``scorer_failed`` and
    ``infra_failed`` carry none, and are never counted as one.
    """

    SCORED = "scored"
    TRUNCATED = "truncated"
    REFUSED = "refused"
    EXTRACTION_FAILED = "extraction_failed"
    LIMIT_REACHED = "limit_reached"
    JUDGE_FAILED = "judge_failed"
    SCORER_FAILED = "scorer_failed"
    INFRA_FAILED = "infra_failed"

    @property
    def has_score(self) -> bool:
        return self not in _WITHOUT_SCORE


_WITHOUT_SCORE = frozenset({Outcome.JUDGE_FAILED, Outcome.SCORER_FAILED, Outcome.INFRA_FAILED})


@frozen
class Response:
    """An instance with its request, its outputs and what the scorers said.

    ``scores`` maps a scorer's name to one number an output, in the order of ``outputs``.
    ``error`` says what went wrong where ``outcome`` is a failure. ``latency`` is in seconds,
    from sending the request to its last output, retries included.
    """

    instance_id: str
    instance: Instance
    request: LMRequest
    outputs: tuple[LMOutput, ...] = ()
    scores: Mapping[str, tuple[float, ...]] = field(factory=dict)
    outcome: Outcome = Outcome.SCORED
    error: str | None = None
    latency: float | None = None

    def mean_score(self, scorer: str) -> float | None:
        """Mean over the outputs of one scorer's numbers; None where it gave none."""
        values = self.scores.get(scorer)
        return sum(values) / len(values) if values else None
