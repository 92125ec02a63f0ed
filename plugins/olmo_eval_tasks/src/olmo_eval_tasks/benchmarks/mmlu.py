"""MMLU: multiple-choice exam questions in 57 subjects, one task a subject.

- Data: ``cais/mmlu``, one subset a subject, test split, 14,042 questions in all.
- Prompt: one line of description naming the subject, then ``Question: ...``, four lettered choices
  and ``Answer:``. The tasks ``mmlu_<subject>:rc`` leave the choices out and score their text.
- Shots: the subject's five dev questions, in the order of the file.
- Metric: log-likelihood accuracy, raw for letters, per character for text; ``:rc:bpb`` gives the
  right answer's bits per byte.
"""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import evolve

from olmo_eval.common.formatters import (
    Formatter,
    LetteredFormatter,
    TextFormatter,
)
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.evals.tasks.common import (
    Card,
    MultipleChoiceTask,
    TaskConfig,
    logprob_accuracies,
    register_subtasks,
)
from olmo_eval_tasks.choices import BITS_PER_BYTE, cloze
from olmo_eval_tasks.subjects import MMLU_SUBJECTS

PATH = "cais/mmlu"
DESCRIPTION = "The following are multiple choice questions (with answers) about {subject}."


class Mmlu(MultipleChoiceTask):
    """One subject, letters scored below the choices."""

    subject: ClassVar[str] = ""
    formatter: Formatter = LetteredFormatter()
    metrics = logprob_accuracies("raw")
    num_fewshot = 5
    fewshot_split = "dev"
    fewshot_sample = False
    sampling_params = SamplingParams(max_tokens=1)
    card = Card(
        citation="Hendrycks et al. 2021, Measuring Massive Multitask Language Understanding",
        url="https://arxiv.org/abs/2009.03300",
        licence="MIT",
        defects=(
            "About 6% of the questions have a wrong key, several right answers or none "
            "(Gema et al. 2024, https://arxiv.org/abs/2406.04127); mmlu_redux leaves them out.",
        ),
    )

    @classmethod
    def default_config(cls, name: str) -> TaskConfig:
        """The family's configuration with the subject in the formatter's description."""
        config = super().default_config(name)
        assert isinstance(config.formatter, TextFormatter)
        description = DESCRIPTION.format(subject=cls.subject.replace("_", " "))
        return evolve(config, formatter=evolve(config.formatter, description=description))

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        return self.choice_instance(doc["question"], doc["choices"], int(doc["answer"]))


class MmluCloze(Mmlu):
    """One subject, the text of each choice scored after the question."""

    formatter = cloze()
    metrics = logprob_accuracies("per_char")

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        instance = super().process_doc(doc, index)
        return instance and evolve(instance, gold_answer=instance.gold_text)


register_subtasks(
    Mmlu,
    MMLU_SUBJECTS,
    task_prefix="mmlu",
    data_source=PATH,
    subtask_attr="subject",
    variants={"mc": {}, "olmo3base": {}},
)
register_subtasks(
    MmluCloze,
    MMLU_SUBJECTS,
    task_prefix="mmlu",
    suffix=":rc",
    data_source=PATH,
    subtask_attr="subject",
    variants={"olmo3base": {}, "bpb": {"metrics": BITS_PER_BYTE}},
)
