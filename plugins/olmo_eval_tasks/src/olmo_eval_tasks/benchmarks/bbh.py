"""BIG-Bench Hard: 27 tasks on which models once did worse than people, one task each.

- Data: ``lukaemon/bbh``, one subset a task, test split: 250 questions each, but for 187 in
  causal_judgement, 146 in penguins_in_a_table and 178 in snarks.
- Prompt: the task's description, then ``Q: ...`` and ``A: Let's think step by step.``
- Shots: the three worked examples of the paper, in the order of the paper. They are read from the
  subset ``_cot_prompts`` (split ``all``, rows of ``task`` and ``prompt``), which holds the 27 files
  of the folder ``cot-prompts`` of https://github.com/suzgunmirac/BIG-Bench-Hard and is not on the
  hub: a mirror has to hold it.
- ``direct`` asks for the answer alone (``A:``) and shows the same three examples without their
  reasoning.
- Extraction: what follows the last "the answer is" on its line, without the final period; an
  output that does not say so is its own answer.
- Metric: exact match with the data's answer, letter case included: ``(B)``, ``yes``, ``] } ]``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from attrs import frozen

from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import Instance, LMOutput, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.errors import DataError
from olmo_eval.evals.extract.stated import stated_answer
from olmo_eval.evals.tasks.common import Task, register_subtasks
from olmo_eval.evals.tasks.common.card import Card
from olmo_eval_tasks.subjects import BBH_TASKS

SOURCE = "lukaemon/bbh"
PROMPTS = "_cot_prompts"
STEPS = "\nA: Let's think step by step."
#: a canary and a line of dashes stand above each published prompt
HEAD_END = "-----\n"
CARD = Card(
    citation="Suzgun et al. 2022, Challenging BIG-Bench Tasks and Whether Chain-of-Thought Can "
    "Solve Them",
    url="https://arxiv.org/abs/2210.09261",
    licence="MIT",
    defects=(
        "The answer must be written exactly as in the examples: an answer with the text of a "
        "choice beside its letter is wrong.",
        "causal_judgement asks two questions twice, with different answers.",
        "logical_deduction and tracking_shuffled_objects show examples with three objects in all "
        "three sizes.",
    ),
)


@frozen
class WorkedFormatter(GenerationFormatter):
    """Questions and answers under the description that the published prompt begins with."""

    template: str = "Q: {question}" + STEPS
    answer_prefix: str = ""
    fewshot_answer_key: str | None = "solution"

    def _prefix(self, fewshot: Any) -> str:
        described = fewshot[0].metadata["description"] + self.fewshot_separator if fewshot else ""
        return described + super()._prefix(fewshot)


class BigBenchHard(Task):
    """One task of BIG-Bench Hard, answered step by step after three worked examples."""

    card = CARD
    subset: ClassVar[str] = ""
    formatter = WorkedFormatter()
    num_fewshot = 3
    fewshot_source = DataSource(path=SOURCE, subset=PROMPTS, split="all")
    fewshot_sample = False
    sampling_params = SamplingParams(max_tokens=512, stop_sequences=("\n\nQ:",))
    metrics = (AccuracyMetric(scorer=ExactMatchScorer(case_sensitive=True)),)
    lenient_extraction = False
    answer_in_context = True  # the options, and words such as "not", stand in the questions

    def _rows(self, source: Any) -> Iterator[dict[str, Any]]:
        rows = super()._rows(source)
        return self._examples(rows) if getattr(source, "subset", None) == PROMPTS else rows

    def _examples(self, rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """The worked examples of this task, a row each.

        Raises:
            DataError: no row holds the task's prompt.
        """
        prompt = next((row["prompt"] for row in rows if row["task"] == self.subset), None)
        if prompt is None:
            raise DataError(f"{self.config.fewshot_source} has no prompt of {self.subset!r}")
        description, *examples = prompt.partition(HEAD_END)[2].split("\n\nQ: ")
        for example in examples:
            question, _, solution = example.partition(STEPS)
            yield {
                "input": question,
                "target": stated_answer(solution),
                "solution": solution,
                "description": description,
            }

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        shown: dict[str, Any] = {key: doc[key] for key in ("solution", "description") if key in doc}
        return Instance(question=doc["input"], gold_answer=doc["target"], metadata=shown)

    def extract_answer(self, output: LMOutput) -> str | None:
        return stated_answer(output.text) or None

    def oracle(self, instance: Instance) -> str:
        return f" So the answer is {instance.gold_text}."


_SIZES: Mapping[str, int] = {"causal_judgement": 187, "penguins_in_a_table": 146, "snarks": 178}
_DIRECT: Mapping[str, Any] = {
    "formatter": WorkedFormatter(
        template="Q: {question}\nA:", answer_prefix=" ", fewshot_answer_key=None
    ),
    "max_tokens": 128,
    "stop_sequences": ("\n\n", "\nQ:"),
}

for _task in BBH_TASKS:
    register_subtasks(
        BigBenchHard,
        (_task,),
        task_prefix="bbh",
        data_source=SOURCE,
        class_attrs={
            "expected_instances": _SIZES.get(_task, 250),
            "contradictions": 2 if _task == "causal_judgement" else 0,
        },
        variants={"cot": {}, "direct": _DIRECT},
    )
