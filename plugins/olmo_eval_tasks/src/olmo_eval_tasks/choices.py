"""The ways a multiple-choice benchmark is asked, from one template.

``rc`` scores the text of each choice after the question, ``mc`` shows the choices and scores
their letters, ``bpb`` scores the right choice alone. All three put the question the same way.
"""

from __future__ import annotations

from olmo_eval.common.formatters import ClozeFormatter, LetteredFormatter, PPLFormatter
from olmo_eval.common.metrics import BPBMetricInstanceAvg, Metric

#: how OLMES puts a question (Gu et al. 2024, https://arxiv.org/abs/2406.08446)
QUESTION = "Question: {question}"

#: mean over questions of the right answer's bits per byte
BITS_PER_BYTE: tuple[Metric, ...] = (BPBMetricInstanceAvg(),)


def cloze(question: str = QUESTION) -> ClozeFormatter:
    """Scores every choice's text after ``question`` and ``Answer:``."""
    return ClozeFormatter(template=question + "\nAnswer:")


def lettered(question: str = QUESTION) -> LetteredFormatter:
    """Lists the choices below ``question`` and scores their letters."""
    return LetteredFormatter(template=question + "\n{choices}\nAnswer:")


def gold_text(question: str = QUESTION) -> PPLFormatter:
    """Scores the right choice's text after ``question`` and ``Answer:``."""
    return PPLFormatter(template=question + "\nAnswer:")
