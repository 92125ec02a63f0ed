"""What a judge is: a grader that asks a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import field, frozen

from olmo_eval.common.types import Instance, LMOutput, LMRequest, SamplingParams
from olmo_eval.errors import JudgeError
from olmo_eval.judges.calls import whole

__all__ = ["Judge", "JudgeConfig", "JudgeError", "Judgment"]


@frozen
class JudgeConfig:
    """A grader of the harness: which registered judge, asking which auxiliary provider."""

    plain_data: ClassVar[bool] = True

    kind: str = "llm"
    provider: str = "judge"
    kwargs: Mapping[str, Any] = field(factory=dict)


@frozen
class Judgment:
    """A judge's verdict on one output, with the reply it was read from, for audit."""

    score: float
    reply: str
    label: str = ""
    metadata: Mapping[str, Any] = field(factory=dict)


class Judge:
    """Base of graders. ``ask`` sends a request to the judge's model with the run's retries.

    What is asked, through ``ask`` or ``generate``, and what is replied stands beside the score in a
    run's results, thoughts apart from replies.
    """

    name: ClassVar[str] = ""

    def __init__(self, ask: Any, **kwargs: Any) -> None:
        self.ask = ask
        if kwargs:
            raise TypeError(f"judge {self.name!r} takes no setting {sorted(kwargs)[0]!r}")

    async def generate(self, request: LMRequest, params: SamplingParams) -> LMOutput:
        """The whole reply to ``request``, without the thoughts before it.

        Raises:
            JudgeError: the model could not be asked, or its reply was cut, withheld or empty.
        """
        outputs: list[LMOutput] = await self.ask(request, params)
        return whole(outputs[0], params)

    async def grade(self, instance: Instance, output: LMOutput) -> Judgment:
        """Judge one output.

        Raises:
            JudgeError: the reply cannot be read; it is never guessed.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how to grade")
