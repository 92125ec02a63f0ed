"""One question, asked, answered and scored."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from attrs import define, field

from olmo_eval.common.replaceable import replaceable
from olmo_eval.common.sequences import items
from olmo_eval.common.types.agent import AgentTrajectory
from olmo_eval.common.types.instance import Instance
from olmo_eval.common.types.output import LMOutput
from olmo_eval.common.types.request import LMRequest
from olmo_eval.common.types.scores import SampleScores

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


def _scores(value: Mapping[str, Any]) -> dict[str, SampleScores]:
    return {
        name: scores if isinstance(scores, SampleScores) else SampleScores(scores)
        for name, scores in value.items()
    }


@replaceable
@define
class Response:
    """An instance with its request, its outputs and what the scorers said.

    ``scores`` maps a scorer's name to its ``SampleScores``: one number an output, in the order of
    ``outputs``, and a number itself. ``error`` says what went wrong where ``outcome`` is a failure.
    ``latency`` is in seconds, from sending the request to its last output, retries included.
    ``trajectory`` is how an agent came to its first output, ``request_trace`` what was sent on the
    way there, where somebody kept it.

    ``Response(instance, request, outputs)`` takes its id from the instance.
    """

    instance_id: str
    instance: Instance
    request: LMRequest
    outputs: tuple[LMOutput, ...] = field(default=(), converter=items)
    scores: Mapping[str, SampleScores] = field(factory=dict, converter=_scores)
    outcome: Outcome = Outcome.SCORED
    error: str | None = None
    latency: float | None = None
    trajectory: AgentTrajectory | None = None
    request_trace: Any = None

    def __attrs_post_init__(self) -> None:
        if self.trajectory is None and self.outputs:
            record = self.outputs[0].trajectory
            if record is not None:
                self.trajectory = AgentTrajectory.of(record, self.outputs[0].text)

    def mean_score(self, scorer: str) -> float | None:
        """Mean over the outputs of one scorer's numbers; None where it gave none."""
        values = self.scores.get(scorer)
        return sum(values.samples) / len(values) if values else None


_init = Response.__init__


def _from_instance(self: Response, *given: Any, **named: Any) -> None:
    """The constructor, which may also begin with the instance, whose id it then takes."""
    if given and isinstance(given[0], Instance):
        given = (given[0].id, *given)
    elif not given and "instance_id" not in named:
        named["instance_id"] = named["instance"].id
    _init(self, *given, **named)


Response.__init__ = _from_instance  # type: ignore[method-assign]
