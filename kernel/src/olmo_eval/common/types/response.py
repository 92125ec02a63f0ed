"""One question, asked, answered and scored."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from attrs import field, frozen

from olmo_eval.common.types.instance import Instance
from olmo_eval.common.types.output import LMOutput
from olmo_eval.common.types.request import LMRequest

#: how ``error`` begins where the model's own numbers (log-probabilities, logits) are NaN or
#: infinite
NON_FINITE = "not finite"


class Outcome(StrEnum):
    """How an instance ended; every instance ends as exactly one of these.

    - ``scored``: answered and scored;
    - ``truncated``: cut at the token limit, or stopped within a thought; the answer that was
      written is scored, and there is none where the model was still thinking;
    - ``limit_reached``: a limit of the harness ended it; its last answer is scored;
    - ``extraction_failed``: no answer was found in the text, which scores as wrong;
    - ``refused``: the service declined; scored only if it returned a text;
    - ``judge_failed``, ``scorer_failed``: answered, but the score could not be determined: the
      judge or the scorer failed, or what the model computed is NaN or infinite;
    - ``infra_failed``: never answered.

    Where there is no score there is no number: such an instance counts as missing, never as 0.
    """

    SCORED = "scored"
    TRUNCATED = "truncated"
    REFUSED = "refused"
    EXTRACTION_FAILED = "extraction_failed"
    LIMIT_REACHED = "limit_reached"
    JUDGE_FAILED = "judge_failed"
    SCORER_FAILED = "scorer_failed"
    INFRA_FAILED = "infra_failed"


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
