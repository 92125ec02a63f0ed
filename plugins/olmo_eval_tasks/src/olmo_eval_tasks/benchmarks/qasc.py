"""QASC: science questions that take two facts, eight choices each.

- Data: ``allenai/qasc``, validation split, 926 questions; the test split has no answers. The two
  facts are not shown.
- Prompt: ``Question: ...\\nAnswer:``.
- Shots: none, or five drawn from train (``olmes``).
- Metric: log-likelihood accuracy, relative to the choice's probability without its question, as for
  the other sets of short, generic choices.
"""

from __future__ import annotations

from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, logprob_accuracies, register
from olmo_eval_tasks.choices import LabelledChoices, cloze, declare, drawn, usual


@register("qasc")
class Qasc(LabelledChoices):
    """Eight answers to a science question, of which one follows from two facts."""

    data_source = DataSource(path="allenai/qasc", split="validation")
    expected_instances = 926
    fewshot_split = "train"
    formatter = cloze()
    metrics = logprob_accuracies("uncond")
    card = Card(
        citation="Khot et al. 2020, QASC: A Dataset for Question Answering via Sentence "
        "Composition",
        url="https://arxiv.org/abs/1910.11473",
        licence="CC-BY-4.0",
    )


declare("qasc", usual("uncond"), shots=drawn())
