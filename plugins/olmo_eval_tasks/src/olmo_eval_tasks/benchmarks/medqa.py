"""MedQA: questions in the style of the United States medical licensing exam, four choices.

- Data: ``davidheineman/medqa-en``, test split, 1,273 questions: the English part of MedQA with four
  choices. Choices are a list or a mapping of letters to texts, the right one an index or a letter.
- Prompt: ``medqa_en`` asks ``Question: ...\\nAnswer:``; ``medqa`` is a chat with lettered choices,
  shuffled by the question, that ends with ``ANSWER: X``.
- Shots: none, or five drawn from train (``medqa_en:olmo3base``).
- Extraction (``medqa``): the letter that the text marks as its answer.
- Metric: log-likelihood accuracy per character; the share of right letters. ``medqa:bpb`` is
  published with a primary metric that it does not compute; here it is bits per byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from olmo_eval.common.text import LABELS
from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import (
    Card,
    MultipleChoiceTask,
    logprob_accuracies,
    register,
)
from olmo_eval_tasks.choices import (
    BITS,
    SCORED,
    Asked,
    ChatChoices,
    cloze,
    declare,
    drawn,
    row_id,
    shuffled_choices,
)

SOURCE = DataSource(path="davidheineman/medqa-en", split="test")
CARD = Card(
    citation="Jin et al. 2021, What Disease does this Patient Have? A Large-scale Open Domain "
    "Question Answering Dataset from Medical Exams",
    url="https://arxiv.org/abs/2009.13081",
    licence="MIT",
)


def choices_of(doc: dict[str, Any]) -> tuple[list[str], int]:
    """The choices of a row in their order, and the place of the right one."""
    options = doc["choices"] if "choices" in doc else doc["options"]
    if isinstance(options, Mapping):
        options = [options[letter] for letter in sorted(options)]
    gold = doc["answer_idx"]
    return list(options), LABELS.index(gold) if isinstance(gold, str) else int(gold)


@register("medqa_en")
class MedQaEnglish(MultipleChoiceTask):
    """Four diagnoses, treatments or findings for the case of a patient."""

    data_source = SOURCE
    expected_instances = 1_273
    fewshot_split = "train"
    formatter = cloze()
    metrics = logprob_accuracies("per_char")
    card = CARD

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        choices, gold = choices_of(doc)
        return self.choice_instance(doc["question"], choices, gold, id=doc.get("id"))


@register("medqa")
class MedQa(ChatChoices):
    """The case of a patient in a chat: think, then name the letter."""

    data_source = SOURCE
    expected_instances = 1_273
    card = CARD

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        choices, gold = choices_of(doc)
        right = choices.pop(gold)
        name = doc.get("id", row_id(doc["question"], right, choices))
        mixed, place = shuffled_choices(right, choices, seeded_by=name)
        return self.choice_instance(doc["question"], mixed, place, id=name)


declare(
    "medqa_en",
    {
        "rc": Asked(),
        "mc": Asked("letters"),
        "bpb": Asked(by=BITS),
        "olmo3base": Asked(shots=True),
    },
    shots=drawn(),
)
declare("medqa", SCORED)
