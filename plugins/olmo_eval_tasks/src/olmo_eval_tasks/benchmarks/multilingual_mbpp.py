"""Multilingual MBPP: MBPP's problems with solutions in seventeen programming languages.

- Data: ``allenai/multilingual_mbpp``, one subset a language, test split.
- Prompt: the problem's sentence and the opening of a block in the language. The published settings
  do not give these texts; they are ours.
- Shots: none, or three problems of the train split (``3shot`` with seed 42, ``olmo3base`` with
  1234). The published settings say split dev, which the data does not have.
- Metric: mean over problems of the solution's bits per byte, also in the plain tasks, which are
  published without a metric: the data has no tests that could be run.

In ``mt_mbpp_v2fix_<language>`` a solution ends with the fence that closes its block, in
``mt_mbpp_<language>`` with its code.
"""

from __future__ import annotations

from typing import Any, ClassVar

from olmo_eval.common.formatters import PPLFormatter
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.evals.tasks.common import Card, Task, register_subtasks
from olmo_eval_tasks.choices import BITS_PER_BYTE
from olmo_eval_tasks.subjects import MT_MBPP_LANGUAGES

PATH = "allenai/multilingual_mbpp"


class MultilingualMbpp(Task):
    """One language, bits per byte of the solution."""

    language: ClassVar[str]
    ending: ClassVar[str] = ""
    formatter = PPLFormatter(template="{question}\n```{language}\n", leading_space=False)
    fewshot_split = "train"
    sampling_params = SamplingParams(max_tokens=1024, stop_sequences=("\n\n",))
    metrics = BITS_PER_BYTE
    card = Card(
        citation="Austin et al. 2021, Program Synthesis with Large Language Models; translated by "
        "the authors of OLMo 3",
        url="https://arxiv.org/abs/2108.07732",
        defects=("The data has no tests: solutions can be scored, not checked.",),
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        return Instance(
            question=doc["text"],
            gold_answer=doc["code"] + self.ending,
            metadata={"id": doc["task_id"], "language": self.language},
        )


class ClosedMultilingualMbpp(MultilingualMbpp):
    """One language, bits per byte of the solution and the fence that closes it."""

    ending = "\n```"


for _base, _prefix in ((MultilingualMbpp, "mt_mbpp"), (ClosedMultilingualMbpp, "mt_mbpp_v2fix")):
    register_subtasks(
        _base,
        MT_MBPP_LANGUAGES,
        task_prefix=_prefix,
        data_source=PATH,
        subtask_attr="language",
        variants={
            "bpb": {},
            "3shot": {"num_fewshot": 3, "fewshot_seed": 42},
            "olmo3base": {"num_fewshot": 3, "fewshot_seed": 1234},
        },
    )
