"""Qasper, yes or no: questions about a research paper in natural language processing.

- Data: ``allenai/qasper-yesno``, train split, the only one: the yes-or-no questions of Qasper, each
  with the part of the paper that answers it. Questions about one part are a cluster.
- Prompt: the context, ``Question: ...`` and ``Answer:``; the choices are ``Yes`` and ``No``.
- Shots: none, or five drawn from the other evaluated questions (``olmo3base``, ``olmes``).
- Metric: log-likelihood accuracy, raw: both choices are one short word.
"""

from __future__ import annotations

from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, register
from olmo_eval_tasks.choices import WHOLE, YES_OR_NO, YesNo, declare, drawn


@register("qasper_yesno")
class QasperYesNo(YesNo):
    """Whether a research paper answers a question with yes or no."""

    data_source = DataSource(path="allenai/qasper-yesno", split="train")
    card = Card(
        citation="Dasigi et al. 2021, A Dataset of Information-Seeking Questions and Answers "
        "Anchored in Research Papers",
        url="https://arxiv.org/abs/2105.03011",
        licence="CC-BY-4.0",
        defects=("The shots come from the evaluated questions; there is no other split.",),
    )


declare("qasper_yesno", YES_OR_NO, question=WHOLE, shots=drawn())
