"""Basic skills: six sets of easy questions, to see early in training what a model picks up.

- Data: ``allenai/basic-skills``, one file a skill, validation split. The data lists the right
  answer apart from the wrong ones; they are shuffled, seeded by the row's id.
- Prompt: the bare question.
- Shots: none, or five drawn from the other evaluated questions (``olmo3base``, ``olmes``).
- Metric: log-likelihood accuracy, per token.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.formatters import ClozeFormatter, PPLFormatter
from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import (
    Card,
    MultipleChoiceTask,
    logprob_accuracies,
    register_variant,
)
from olmo_eval_tasks.choices import (
    BITS_PER_BYTE,
    Asked,
    declare,
    drawn,
    one_of,
    row_id,
    shuffled_choices,
)
from olmo_eval_tasks.subjects import BASIC_SKILLS


class BasicSkills(MultipleChoiceTask):
    """Easy questions of one skill, of which a small model answers some."""

    formatter = ClozeFormatter(template="{question}")
    metrics = logprob_accuracies("per_token")
    card = Card(
        citation="Olmo Team 2025, Olmo 3",
        url="https://huggingface.co/datasets/allenai/basic-skills",
        licence="ODC-BY-1.0",
        defects=("The shots come from the evaluated questions; there is no other split.",),
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        right, wrong = str(doc["answer"]), [str(choice) for choice in doc["wrong_answers"]]
        name = doc.get("id", row_id(doc["question"], right, wrong))
        choices, gold = shuffled_choices(right, wrong, seeded_by=name)
        return self.choice_instance(doc["question"], choices, gold, id=name)


for _skill in BASIC_SKILLS:
    _name = f"basic_skills_{_skill}"
    _file = f"{_skill}/validation.json"
    _source = DataSource(path="allenai/basic-skills", data_files=_file, split="validation")
    one_of(BasicSkills, _name, data_source=_source)
    declare(
        _name,
        {"rc": Asked(), "olmo3base": Asked(shots=True), "olmes": Asked(shots=True)},
        shots=drawn(),
    )
    register_variant(_name, "bpb", formatter=PPLFormatter(), metrics=BITS_PER_BYTE)
