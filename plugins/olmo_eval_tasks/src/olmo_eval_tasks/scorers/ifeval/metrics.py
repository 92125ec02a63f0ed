"""The four accuracies of IFEval, made of the recorded verdicts.

Prompt level: the share of prompts all of whose instructions are followed. Instruction level: the
share of all instructions that are followed, so that a prompt weighs by how many it has.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from attrs import field, frozen

from olmo_eval.common.metrics import Metric
from olmo_eval.common.metrics.base import as_scorer, scores_of
from olmo_eval.common.scorers import Scorer
from olmo_eval.common.types import Response
from olmo_eval_tasks.scorers.ifeval.scorer import IFEvalScorer


@frozen
class _IFEvalMetric(Metric):
    """A mean of verdicts of one kind; with several samples, of all of them."""

    scorer: Scorer = field(factory=IFEvalScorer, converter=as_scorer)
    kind: ClassVar[Literal["strict", "loose"]] = "strict"

    def verdicts(self, response: Response) -> list[tuple[bool, ...]]:
        """The verdicts on the instructions, one tuple an output.

        Raises:
            ValueError: the scorer has recorded none.
        """
        scores_of(response, self.scorer)
        found = [output.metadata.get(self.scorer.name) for output in response.outputs]
        if not found or None in found:
            raise ValueError(f"scorer {self.scorer.name} recorded no verdicts")
        return [tuple(one[self.kind]) for one in found if one is not None]


@frozen
class _PromptAccuracy(_IFEvalMetric):
    """1 where every instruction is followed."""

    def value(self, response: Response) -> float | None:
        followed = [all(one) for one in self.verdicts(response)]
        return sum(followed) / len(followed)


@frozen
class _InstructionAccuracy(_IFEvalMetric):
    """The share of a prompt's instructions that are followed, weighed by their number."""

    weighted: ClassVar[bool] = True

    def value(self, response: Response) -> float | None:
        followed = [sum(one) / len(one) for one in self.verdicts(response)]
        return sum(followed) / len(followed)

    def weight(self, response: Response) -> float:
        return float(len(self.verdicts(response)[0]))


@frozen
class IFEvalPromptStrictAccuracy(_PromptAccuracy):
    """Share of prompts all of whose instructions are followed to the letter."""

    name: str = field(default="prompt_level_strict_acc", kw_only=True)


@frozen
class IFEvalPromptLooseAccuracy(_PromptAccuracy):
    """Share of prompts all of whose instructions are followed, loosely read."""

    name: str = field(default="prompt_level_loose_acc", kw_only=True)
    kind: ClassVar[Literal["strict", "loose"]] = "loose"


@frozen
class IFEvalInstStrictAccuracy(_InstructionAccuracy):
    """Share of instructions that are followed to the letter."""

    name: str = field(default="inst_level_strict_acc", kw_only=True)


@frozen
class IFEvalInstLooseAccuracy(_InstructionAccuracy):
    """Share of instructions that are followed, loosely read."""

    name: str = field(default="inst_level_loose_acc", kw_only=True)
    kind: ClassVar[Literal["strict", "loose"]] = "loose"
