r"""AQuA-RAT: algebra in words with five choices.

- Data: ``deepmind/aqua_rat``, subset raw, test split, 254 problems.
- Prompt: a chat; the problem, its lettered choices, and the request (in our words) to think and to
  end with the answer. ``rc``, ``mc`` and ``bpb`` ask as OLMES does, ``Question: ...\nAnswer:``.
- Shots: none.
- Extraction: the letter that is boxed or follows "answer is", else one that a line begins with.
- Metric: accuracy; log-likelihood accuracy per character (``rc``) and raw (``mc``).
"""

from __future__ import annotations

import re
from typing import Any

from olmo_eval.common.formatters import ChatFormatter, Formatter
from olmo_eval.common.metrics import AccuracyMetric, Metric
from olmo_eval.common.scorers import MultipleChoiceScorer
from olmo_eval.common.text import labelled_choices
from olmo_eval.common.types import Instance, LMOutput, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.extract.letters import extract_mcq_answer
from olmo_eval.evals.tasks.common import (
    Card,
    MultipleChoiceTask,
    logprob_accuracies,
    register,
    register_variant,
)
from olmo_eval_tasks.choices import BITS_PER_BYTE, cloze, gold_text, lettered


@register("aqua_rat")
class AquaRat(MultipleChoiceTask):
    """Algebra in words, five choices, worked out before the answer."""

    data_source = DataSource(path="deepmind/aqua_rat", subset="raw", split="test")
    expected_instances = 254
    formatter: Formatter = ChatFormatter(
        user_template="{question}\n\n{options}\n\nThink step by step, then end with: "
        "The answer is (X).",
        assistant_template="The answer is ({letter}).",
    )
    sampling_params = SamplingParams(max_tokens=2048)
    metrics: tuple[Metric, ...] = (AccuracyMetric(scorer=MultipleChoiceScorer),)
    card = Card(
        citation="Ling et al. 2017, Program Induction by Rationale Generation: Learning to Solve "
        "and Explain Algebraic Word Problems",
        url="https://arxiv.org/abs/1705.04146",
        licence="Apache-2.0",
        defects=(
            "some rationales, and some of the answers they come to, are wrong",
            "three problems list the right choice twice",
        ),
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        choices = tuple(re.sub(r"^\s*[A-E]\s*\)\s*", "", option) for option in doc["options"])
        options = labelled_choices(choices, "({label}) {text}")
        known = {"options": options, "letter": doc["correct"]}
        gold = "ABCDE".index(doc["correct"])
        return self.choice_instance(doc["question"], choices, gold, metadata=known)

    def extract_answer(self, output: LMOutput) -> str | None:
        return extract_mcq_answer(output.text)


register_variant("aqua_rat", "rc", formatter=cloze(), metrics=logprob_accuracies("per_char"))
register_variant("aqua_rat", "mc", formatter=lettered(), metrics=logprob_accuracies("raw"))
register_variant("aqua_rat", "bpb", formatter=gold_text(), metrics=BITS_PER_BYTE)
