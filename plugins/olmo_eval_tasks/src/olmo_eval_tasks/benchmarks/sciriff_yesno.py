"""SciRIFF, yes or no: questions about a scientific abstract.

- Data: ``allenai/sciriff-yesno``, train split, the only one: the yes-or-no questions of SciRIFF,
  each with an abstract. Questions about one abstract are a cluster.
- Prompt: the context, ``Question: ...`` and ``Answer:``; the choices are ``Yes`` and ``No``.
- Shots: none, or five drawn from the other evaluated questions (``olmes``, ``olmo3base``).
- Metric: log-likelihood accuracy, raw: both choices are one short word.
"""

from __future__ import annotations

from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, register
from olmo_eval_tasks.choices import WHOLE, YES_OR_NO, YesNo, declare, drawn


@register("sciriff_yesno")
class SciriffYesNo(YesNo):
    """Whether a scientific abstract answers a question with yes or no."""

    data_source = DataSource(path="allenai/sciriff-yesno", split="train")
    card = Card(
        citation="Wadden et al. 2024, SciRIFF: A Resource to Enhance Language Model "
        "Instruction-Following over Scientific Literature",
        url="https://arxiv.org/abs/2406.07835",
        licence="ODC-BY-1.0",
        defects=("The shots come from the evaluated questions; there is no other split.",),
    )


declare("sciriff_yesno", YES_OR_NO, question=WHOLE, shots=drawn())
