"""MMLU-Redux: 100 questions of each subject of MMLU, looked through by experts.

- Data: ``edinburgh-dawg/mmlu-redux-2.0``, one subset a subject, test split. Questions that the
  experts found in order are asked; where only the key was wrong, with the right one; all others
  (several right answers or none, unclear questions or choices) are left out.
- Prompt, shots and metric are MMLU's: one line of description naming the subject, the five dev
  questions of ``cais/mmlu``, ``Question: ...``, lettered choices, ``Answer:``. ``rc`` leaves the
  choices out and scores their text per character.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve

from olmo_eval.common.text import LABELS
from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, logprob_accuracies, register_variant
from olmo_eval_tasks.benchmarks.mmlu import DESCRIPTION, Mmlu
from olmo_eval_tasks.choices import BITS_PER_BYTE, cloze, one_of
from olmo_eval_tasks.subjects import MMLU_SUBJECTS


def corrected(doc: dict[str, Any]) -> int | None:
    """The place of the choice that the experts name instead of the key; None: no single one."""
    said = str(doc.get("correct_answer") or "").strip()
    if said.isdecimal() and int(said) < len(doc["choices"]):
        return int(said)
    if len(said) == 1 and said.upper() in LABELS[: len(doc["choices"])]:
        return LABELS.index(said.upper())
    places = [i for i, choice in enumerate(doc["choices"]) if str(choice).strip() == said]
    return places[0] if len(places) == 1 else None


class MmluRedux(Mmlu):
    """One subject of MMLU, without its wrong questions."""

    card = Card(
        citation="Gema et al. 2024, Are We Done with MMLU?",
        url="https://arxiv.org/abs/2406.04127",
        licence="CC-BY-4.0",
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        kind = doc["error_type"]
        gold = {"ok": int(doc["answer"]), "wrong_groundtruth": corrected(doc)}.get(kind)
        if gold is None:
            return None
        return self.choice_instance(doc["question"], doc["choices"], gold)

    def process_fewshot_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        return Mmlu.process_doc(self, doc, index)


for _subject in MMLU_SUBJECTS:
    _name = f"mmlu_redux_{_subject}"
    one_of(
        MmluRedux,
        _name,
        subject=_subject,
        data_source=DataSource(path="edinburgh-dawg/mmlu-redux-2.0", subset=_subject),
        fewshot_source=DataSource(path="cais/mmlu", subset=_subject, split="dev"),
    )
    _described = evolve(cloze(), description=DESCRIPTION.format(subject=_subject.replace("_", " ")))
    register_variant(_name, "mc")
    register_variant(_name, "rc", formatter=_described, metrics=logprob_accuracies("per_char"))
    register_variant(_name, "bpb", formatter=_described, metrics=BITS_PER_BYTE)
