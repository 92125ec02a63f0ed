"""Scorers of final answers in mathematics: the sound one, and the published normalisation."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from olmo_eval.common.metrics import AccuracyMetric, PassAtKMetric
from olmo_eval.common.scorers import Scorer
from olmo_eval.common.scorers.text import answer_text, gold_answers
from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.evals.extract.minerva import extract_math_answer, normalize_final_answer
from olmo_eval_tasks.scorers.mathematics.equality import same_answer
from olmo_eval_tasks.scorers.mathematics.minerva import is_equiv

#: seconds that importing sympy may take on a busy machine, once a worker process
_IMPORT = 25.0


@frozen
class MathVerifyScorer(Scorer):
    """1 where the extracted answer equals any gold answer as mathematics.

    Equations, lists, intervals, sets, matrices, units and words by the rules of
    ``scorers.mathematics.equality``, expressions by math-verify. ``timeout`` is in seconds, for
    one answer; one that takes longer ends as ``scorer_failed``.
    """

    name: str = "math_verify"
    reads = "text"
    cpu_bound = True
    timeout: float = 5.0

    @property
    def time_limit(self) -> float:  # type: ignore[override]
        return self.timeout + _IMPORT

    def score(self, instance: Instance, output: LMOutput) -> float:
        golds, answer = gold_answers(instance), answer_text(output)
        return float(answer is not None and any(same_answer(gold, answer) for gold in golds))


@frozen
class MinervaMathScorer(Scorer):
    """1 where any answer of the output equals any gold answer in Minerva's normal form.

    The answers are the extracted ones, or those that Minerva's own rules find in the text
    (``extract``): "final answer is" and the last box, either of which may be right.
    """

    name: str = "minerva_math_flex"
    reads = "text"
    cpu_bound = True
    extract: bool = False

    def score(self, instance: Instance, output: LMOutput) -> float:
        golds = [normalize_final_answer(gold) for gold in gold_answers(instance)]
        answers = self._answers(output)
        return float(any(is_equiv(answer, gold) for answer in answers for gold in golds))

    def _answers(self, output: LMOutput) -> list[str]:
        """The candidates, normalised."""
        if self.extract:
            return extract_math_answer(output.text)
        found: Any = output.extracted_answer
        if found is None:
            return []
        candidates = found if isinstance(found, list | tuple) else [found]
        return [normalize_final_answer(str(candidate)) for candidate in candidates]


#: the sound scorer, which stands for a task, and the published one beside it
_SCORERS: tuple[Scorer, ...] = (MathVerifyScorer(), MinervaMathScorer(extract=True))


def math_accuracies() -> tuple[AccuracyMetric, ...]:
    """Accuracy by both scorers."""
    return tuple(AccuracyMetric(scorer=scorer) for scorer in _SCORERS)


def math_pass_at(*ks: int) -> tuple[PassAtKMetric, ...]:
    """pass@k by both scorers, for every ``k``."""
    return tuple(PassAtKMetric(scorer=scorer, k=k) for scorer in _SCORERS for k in ks)
