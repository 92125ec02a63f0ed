"""TriviaQA: questions of trivia leagues, without the pages that answer them.

- Data: ``mandarjoshi/trivia_qa``, subset rc.nocontext, validation split, 17,944 questions; the test
  split has no answers. All aliases of the answer are accepted.
- Prompt: ``Question: ...\\nAnswer:``.
- Shots: five drawn from train; none in ``0shot``.
- Extraction: the first line.
- Metric: exact match after SQuAD's normalisation (primary) and F1, best of the accepted answers.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric, SQuADF1Metric
from olmo_eval.common.scorers import SQuADF1Scorer
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, Task, register, register_variant
from olmo_eval_tasks.choices import QUESTION
from olmo_eval_tasks.reading import answers_of, open_question
from olmo_eval_tasks.scorers.answers import SQuADExactMatchScorer


@register("triviaqa")
class TriviaQA(Task):
    """A trivia question with a short answer."""

    data_source = DataSource(
        path="mandarjoshi/trivia_qa", subset="rc.nocontext", split="validation"
    )
    expected_instances = 17_944
    formatter = GenerationFormatter(template=f"{QUESTION}\nAnswer:")
    num_fewshot = 5
    fewshot_seed = 1234
    fewshot_split = "train"
    sampling_params = SamplingParams(max_tokens=50, stop_sequences=("\n", "Question:"))
    metrics = (AccuracyMetric(scorer=SQuADExactMatchScorer), SQuADF1Metric(scorer=SQuADF1Scorer))
    card = Card(
        citation="Joshi et al. 2017, TriviaQA: A Large Scale Distantly Supervised Challenge "
        "Dataset for Reading Comprehension",
        url="https://arxiv.org/abs/1705.03551",
        licence="Apache-2.0",
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        answer = doc["answer"]
        accepted = answers_of([answer["value"], *answer["aliases"]])
        return open_question(doc["question"], accepted, id=doc["question_id"])


register_variant("triviaqa", "0shot", num_fewshot=0)
