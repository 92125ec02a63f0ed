"""HumanEval infilling: write the part of a solution that was taken out of its middle.

- Data: ``loubnabnl/humaneval_infilling``, test split; a single line (1,033 problems), several
  lines (5,815) or a random span (1,640) is missing.
- Prompt: what stands before and after, between the marks of fill-in-the-middle training:
  ``<|fim_prefix|>``, ``<|fim_suffix|>``, ``<|fim_middle|>``. For a model with other marks set
  ``-o formatter.template='<PRE>{question}<SUF>{code_suffix}<MID>'``.
- Shots: none.
- Extraction: the output as it stands.
- Metric: pass@k, by running HumanEval's tests in a sandbox on prefix, output and suffix.

``humanevalfim_multi:olmo3base`` and ``humanevalfim_random:olmo3base`` are published with pass@10
from one and five samples; here they draw ten.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.types import Instance, LMOutput, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, Task, register, register_variant
from olmo_eval_tasks.programs import pass_at

PATH = "loubnabnl/humaneval_infilling"
MARKED = "<|fim_prefix|>{question}<|fim_suffix|>{code_suffix}<|fim_middle|>"


class HumanEvalFim(Task):
    """What the three sets share."""

    formatter = GenerationFormatter(template=MARKED, answer_prefix="")
    card = Card(
        citation="Bavarian et al. 2022, Efficient Training of Language Models to Fill in the "
        "Middle; Fried et al. 2022, InCoder",
        url="https://arxiv.org/abs/2207.14255",
        licence="MIT",
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        entry_point = doc["entry_point"]
        return Instance(
            question=doc["prompt"],
            gold_answer=doc["canonical_solution"],
            metadata={
                "id": doc["task_id"],
                "entry_point": entry_point,
                "code_prefix": doc["prompt"],
                "code_suffix": doc["suffix"],
                "test": f"{doc['test']}\ncheck({entry_point})\n",
                # spans of one problem are not independent questions
                "cluster": entry_point,
            },
        )

    def extract_answer(self, output: LMOutput) -> str | None:
        return output.text or None


def _sampling(n: int) -> SamplingParams:
    stops = ("<|endoftext|>", "<|filename|>", "<|file_sep|>")
    return SamplingParams(temperature=0.8, top_p=0.95, num_samples=n, stop_sequences=stops)


@register("humanevalfim_single")
class SingleLine(HumanEvalFim):
    """One line is missing."""

    data_source = DataSource(path=PATH, subset="HumanEval-SingleLineInfilling", split="test")
    expected_instances = 1_033
    sampling_params = _sampling(10)
    metrics = pass_at(1, 10)


@register("humanevalfim_multi")
class MultiLine(HumanEvalFim):
    """Several lines are missing."""

    data_source = DataSource(path=PATH, subset="HumanEval-MultiLineInfilling", split="test")
    expected_instances = 5_815
    sampling_params = _sampling(1)
    metrics = pass_at(1)


@register("humanevalfim_random")
class RandomSpan(HumanEvalFim):
    """A random span is missing, which may begin and end inside a line."""

    data_source = DataSource(path=PATH, subset="HumanEval-RandomSpanInfilling", split="test")
    expected_instances = 1_640
    sampling_params = _sampling(5)
    metrics = pass_at(1, 5)


for _task in ("humanevalfim_single", "humanevalfim_multi", "humanevalfim_random"):
    register_variant(_task, "olmo3")
    register_variant(_task, "olmo3base", metrics=pass_at(1, 10), num_samples=10)
