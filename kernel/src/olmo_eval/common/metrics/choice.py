"""Accuracy of choosing by log-likelihood, in the four normalisations of the field.

For choice i with log-probability L_i after the question (Gao 2021, "Multiple Choice
Normalization in LM Evaluation"; OLMES, Gu et al. 2024):

- raw: argmax L_i
- per character: argmax L_i / len(choice_i), leading space included
- per token: argmax L_i / tokens(choice_i)
- unconditional: argmax L_i - log P(choice_i | "Answer:")

Ties go to the first choice, and a run counts them (docs/runs.md, Health). Choices with the same
text are the same answer: where the right one stands there twice, either counts. All four can stand
side by side in one task, from one pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from attrs import field, frozen

from olmo_eval.common.metrics.base import Metric, as_scorer
from olmo_eval.common.scorers import LogprobScorer, Reads, Scorer
from olmo_eval.common.scorers.base import NoGoldError
from olmo_eval.common.scorers.likelihood import require_finite, sum_logprob
from olmo_eval.common.types import LMOutput, Response


def choice_outputs(response: Response) -> tuple[LMOutput, ...]:
    """The outputs of the choices after the question, without the unconditional ones."""
    outputs = response.outputs
    n = len(response.instance.choices or ()) or len(outputs)
    if len(outputs) < n:
        raise ValueError(f"{len(outputs)} log-likelihoods for {n} choices")
    return outputs[:n]


def gold_index(response: Response) -> int:
    index = response.instance.gold_index
    if index is None:
        raise NoGoldError("the instance does not say which choice is right (gold_idx)")
    return index


def _right(response: Response, n: int) -> list[int]:
    """The choices, of ``n``, that have the right one's text, itself included."""
    gold, choices = gold_index(response), response.instance.choices or ()
    if not 0 <= gold < len(choices):
        return [gold]
    text = choices[gold].strip()
    return [i for i in range(n) if i == gold or choices[i].strip() == text]


@frozen
class LogprobMCAccuracyMetric(Metric):
    """1 where the right choice has the highest log-probability."""

    name: str = field(default="acc_raw", kw_only=True)
    aliases = ("accuracy",)
    version: ClassVar[int] = 2
    reads: ClassVar[Reads | None] = "likelihood"
    binary: ClassVar[bool] = True
    scorer: Scorer = field(factory=LogprobScorer, converter=as_scorer)

    def strengths(self, response: Response) -> Sequence[float]:
        """The number compared between choices, one a choice."""
        return [sum_logprob(output) for output in choice_outputs(response)]

    def value(self, response: Response) -> float | None:
        strengths = self.strengths(response)
        best = max(range(len(strengths)), key=lambda i: (strengths[i], -i))
        return float(best in _right(response, len(strengths)))

    def chance(self, response: Response) -> float | None:
        n = len(choice_outputs(response))
        return (1 if response.instance.gold_index is None else len(_right(response, n))) / n


@frozen
class LogprobPerCharMCAccuracyMetric(LogprobMCAccuracyMetric):
    """1 where the right choice has the highest log-probability a character."""

    name: str = field(default="acc_per_char", kw_only=True)

    def strengths(self, response: Response) -> Sequence[float]:
        outputs = choice_outputs(response)
        return [sum_logprob(output) / max(1, len(output.text)) for output in outputs]


@frozen
class LogprobPerTokenMCAccuracyMetric(LogprobMCAccuracyMetric):
    """1 where the right choice has the highest log-probability a token."""

    name: str = field(default="acc_per_token", kw_only=True)

    def strengths(self, response: Response) -> Sequence[float]:
        outputs = choice_outputs(response)
        if any(output.num_tokens is None for output in outputs):
            raise ValueError("acc_per_token needs token counts, which the provider lacks")
        return [sum_logprob(output) / max(1, output.num_tokens or 1) for output in outputs]


@frozen
class LogprobUncondMCAccuracyMetric(LogprobMCAccuracyMetric):
    """1 where the question raises the right choice's log-probability most."""

    name: str = field(default="acc_uncond", kw_only=True)
    needs_unconditional: ClassVar[bool] = True

    def strengths(self, response: Response) -> Sequence[float]:
        conditioned = choice_outputs(response)
        n = len(conditioned)
        alone = response.outputs[n : 2 * n]
        if len(alone) != n:
            raise ValueError("acc_uncond needs every choice scored without its question too")
        pairs = zip(conditioned, alone, strict=True)
        return [sum_logprob(a) - sum_logprob(b) for a, b in pairs]


@frozen
class GreedyAccuracyMetric(Metric):
    """1 where greedy decoding would produce the right continuation, token by token."""

    name: str = field(default="greedy_accuracy", kw_only=True)
    reads: ClassVar[Reads | None] = "likelihood"
    binary: ClassVar[bool] = True
    scorer: Scorer = field(factory=LogprobScorer, converter=as_scorer)

    def value(self, response: Response) -> float | None:
        outputs = response.outputs
        gold = response.instance.gold_index
        output = outputs[gold if gold is not None and len(outputs) > 1 else 0]
        require_finite(output)
        if output.is_greedy is None:
            raise ValueError("the provider does not say whether the continuation is greedy")
        return float(output.is_greedy)
