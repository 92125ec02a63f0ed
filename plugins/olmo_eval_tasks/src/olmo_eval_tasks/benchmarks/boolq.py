"""BoolQ: yes-or-no questions that people asked a search engine, with a passage.

- Data: ``google/boolq``, validation split, 3,270 questions; the test split has no answers.
  Questions of one passage are a cluster.
- Prompt: the passage, ``Question: ...?`` and ``Answer:``; the choices are ``yes`` and ``no``.
- Shots: none, or five drawn from train (``olmes``).
- Metric: log-likelihood accuracy, raw: both choices are one short word.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, MultipleChoiceTask, register
from olmo_eval_tasks.choices import WHOLE, cloze, clustered, declare, drawn, usual


@register("boolq")
class BoolQ(MultipleChoiceTask):
    """Whether a passage answers a question with yes or no."""

    data_source = DataSource(path="google/boolq", split="validation")
    expected_instances = 3_270
    fewshot_split = "train"
    formatter = cloze(WHOLE)
    answer_in_context = True
    card = Card(
        citation="Clark et al. 2019, BoolQ: Exploring the Surprising Difficulty of Natural Yes/No "
        "Questions",
        url="https://arxiv.org/abs/1905.10044",
        licence="CC-BY-SA-3.0",
        defects=("62% of the answers are yes.",),
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        question = f"{doc['passage']}\nQuestion: {doc['question']}?"
        gold = 0 if doc["answer"] else 1
        about = clustered(doc["passage"])
        return self.choice_instance(question, ("yes", "no"), gold, metadata=about)


declare("boolq", usual("raw"), question=WHOLE, shots=drawn())
