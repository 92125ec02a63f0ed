"""MMLU-Pro: harder questions in the manner of MMLU, with up to ten choices.

- Data: ``TIGER-Lab/MMLU-Pro``, test split, 12,032 questions in 14 categories. ``mmlu_pro`` asks
  all, ``mmlu_pro_<category>`` those of one. Choices that only fill up (``N/A``) are left out.
- Prompt: one line of description naming the category, then ``Question:``, ``Options:`` with letters
  and ``Answer: Let's think step by step.``, each on a line. ``mc``, ``rc`` and ``bpb`` ask as OLMES
  does.
- Shots: the five validation questions of the question's own category, with their worked solutions,
  in the order of the file; none in ``0shot``.
- Extraction: "the answer is (X)", else ``Answer: X``, else the last letter that stands alone, as
  published; where there is none, the published evaluation guesses, and here there is no answer.
- Metric: the share of right letters; log-likelihood accuracy, raw for letters, per character for
  text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from attrs import evolve, frozen

from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import MultipleChoiceScorer
from olmo_eval.common.text import LABELS, labelled_choices
from olmo_eval.common.types import Instance, LMOutput, LMRequest, RequestType, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.extract.letters import mmlu_pro_answer
from olmo_eval.evals.tasks.common import Card, MultipleChoiceTask, register, register_variant
from olmo_eval_tasks.choices import BITS, Asked, declare, one_of
from olmo_eval_tasks.subjects import MMLU_PRO_CATEGORIES

DESCRIPTION = (
    "The following are multiple choice questions (with answers) about {category}. Think step by "
    'step and then finish your answer with "the answer is (X)" where X is the correct letter '
    "choice.\n"
)
THINK = "Let's think step by step."


@frozen
class ThinkFormatter(GenerationFormatter):
    """Choices below the question, and examples that think before they answer."""

    template: str = f"Question:\n{{question}}\nOptions:\n{{choices}}\nAnswer: {THINK}"

    def query(self, instance: Instance) -> str:
        lines = labelled_choices(instance.choices or (), "{label}. {text}")
        return self.template.replace("{question}", instance.question).replace("{choices}", lines)

    def answer(self, instance: Instance) -> str:
        return " " + str(instance.metadata["solution"])

    def format(self, instance: Instance, fewshot: Sequence[Instance] = ()) -> LMRequest:
        description = DESCRIPTION.replace("{category}", instance.metadata["category"])
        prompt = description + self.prompt(instance, fewshot)
        return LMRequest(RequestType.COMPLETION, prompt=prompt)


class MmluPro(MultipleChoiceTask):
    """Questions that take reasoning, of one category or of all fourteen."""

    category: ClassVar[str] = ""
    data_source = DataSource(path="TIGER-Lab/MMLU-Pro", split="test")
    formatter = ThinkFormatter()
    metrics = (AccuracyMetric(scorer=MultipleChoiceScorer),)
    num_fewshot = 5
    fewshot_split = "validation"
    fewshot_sample = False
    sampling_params = SamplingParams(max_tokens=2048, stop_sequences=("Question:",))
    card = Card(
        citation="Wang et al. 2024, MMLU-Pro: A More Robust and Challenging Multi-Task Language "
        "Understanding Benchmark",
        url="https://arxiv.org/abs/2406.01574",
        licence="MIT",
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        category = doc["category"]
        if self.category and category.replace(" ", "_") != self.category:
            return None
        choices = [option.strip() for option in doc["options"] if option != "N/A"]
        solution = (doc.get("cot_content") or "").removeprefix("A: ").removeprefix(THINK).strip()
        metadata = {"category": category, "solution": solution}
        gold = int(doc["answer_index"])
        name = doc["question_id"]
        return self.choice_instance(doc["question"], choices, gold, id=name, metadata=metadata)

    def fewshot_for(self, instance: Instance) -> tuple[Instance, ...]:
        """The examples of the instance's own category."""
        mine = instance.metadata["category"].replace(" ", "_")
        if self.category or not self.config.num_fewshot:
            return super().fewshot_for(instance)
        if mine not in self._by_category:
            one = type(f"Of{mine.title()}", (MmluPro,), {"category": mine})
            self._by_category[mine] = one(evolve(self.config))
        return self._by_category[mine].fewshot_for(instance)

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self._by_category: dict[str, MmluPro] = {}

    def extract_answer(self, output: LMOutput) -> str | None:
        return mmlu_pro_answer(output.text)

    def oracle(self, instance: Instance) -> str | None:
        return f" The answer is ({LABELS[instance.gold_index or 0]})."


register("mmlu_pro")(MmluPro)
for _category in MMLU_PRO_CATEGORIES:
    one_of(MmluPro, f"mmlu_pro_{_category}", category=_category)
for _name in ("mmlu_pro", *(f"mmlu_pro_{category}" for category in MMLU_PRO_CATEGORIES)):
    declare(
        _name,
        {
            "mc": Asked("letters", by="raw"),
            "rc": Asked("text", by="per_char"),
            "bpb": Asked("gold", by=BITS),
        },
    )
    register_variant(_name, "0shot", num_fewshot=0)
