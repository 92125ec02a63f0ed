"""Multiple-choice tasks, asked in any of the usual ways, from one description.

A benchmark says what its rows mean (question, choices, gold) and what its questions look like;
the variants ``rc`` (each choice's text is scored), ``mc`` (the letters are scored) and ``bpb``
(bits per byte of the right answer) follow from that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from olmo_eval.common.formatters import ClozeFormatter, Formatter
from olmo_eval.common.metrics import (
    LogprobMCAccuracyMetric,
    LogprobPerCharMCAccuracyMetric,
    LogprobPerTokenMCAccuracyMetric,
    LogprobUncondMCAccuracyMetric,
    Metric,
)
from olmo_eval.common.text import LABELS
from olmo_eval.common.types import Instance
from olmo_eval.evals.tasks.common.task import Task

_NORMALIZATIONS: dict[str, type[Metric]] = {
    "raw": LogprobMCAccuracyMetric,
    "per_char": LogprobPerCharMCAccuracyMetric,
    "per_token": LogprobPerTokenMCAccuracyMetric,
    "uncond": LogprobUncondMCAccuracyMetric,
}


def logprob_accuracies(primary: str) -> tuple[Metric, ...]:
    """Accuracy by log-likelihood, the ``primary`` normalisation first, the free ones beside it.

    ``primary`` is ``raw``, ``per_char``, ``per_token`` or ``uncond``. The unconditional one
    doubles the requests and stands only where it is the primary.
    """
    order = [primary, *(n for n in ("raw", "per_char", "per_token") if n != primary)]
    return tuple(_NORMALIZATIONS[name]() for name in order)


class MultipleChoiceTask(Task):
    """Base of tasks with choices; subclasses give ``process_doc`` and a formatter."""

    formatter: Formatter = ClozeFormatter()
    metrics: tuple[Metric, ...] = logprob_accuracies("raw")

    @staticmethod
    def choice_instance(
        question: str,
        choices: Any,
        gold: int,
        *,
        id: Any = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Instance:
        """An instance with lettered choices; ``gold`` is the index of the right one.

        Raises:
            ValueError: ``gold`` is not an index of ``choices``.
        """
        texts = tuple(str(choice) for choice in choices)
        if not 0 <= gold < len(texts):
            raise ValueError(f"the right choice is number {gold} of {len(texts)}")
        known: dict[str, Any] = {"gold_idx": gold, **(metadata or {})}
        if id is not None:
            known["id"] = id
        return Instance(question=question, gold_answer=LABELS[gold], choices=texts, metadata=known)
