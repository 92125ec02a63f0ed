"""OpenBookQA: elementary science questions that take a fact and common sense, four choices.

- Data: ``allenai/openbookqa``, subset main, test split, 500 questions. The facts (the "open book")
  are not shown.
- Prompt: ``Question: ...\\nAnswer:``; some questions are the beginning of a sentence.
- Shots: none, or five drawn from train (``olmes``).
- Metric: log-likelihood accuracy, relative to the choice's probability without its question, as
  OLMES recommends (Gu et al. 2024, https://arxiv.org/abs/2406.08446).
"""

from __future__ import annotations

from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, logprob_accuracies, register
from olmo_eval_tasks.choices import LabelledChoices, cloze, declare, drawn, usual


@register("openbookqa")
class OpenBookQA(LabelledChoices):
    """Four ways to answer, or to complete, a statement of elementary science."""

    data_source = DataSource(path="allenai/openbookqa", subset="main", split="test")
    expected_instances = 500
    fewshot_split = "train"
    question_field = "question_stem"
    formatter = cloze()
    metrics = logprob_accuracies("uncond")
    card = Card(
        citation="Mihaylov et al. 2018, Can a Suit of Armor Conduct Electricity? A New Dataset for "
        "Open Book Question Answering",
        url="https://arxiv.org/abs/1809.02789",
        licence="Apache-2.0",
    )


declare("openbookqa", usual("uncond"), shots=drawn())
