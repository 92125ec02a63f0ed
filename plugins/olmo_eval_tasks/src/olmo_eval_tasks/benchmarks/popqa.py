"""PopQA: questions about entities of Wikidata, many of them little known.

- Data: ``akariasai/PopQA``, test split, the only one, 14,267 questions made of 16 relations. All
  names of the answer are accepted.
- Prompt: ``Q: ... A:``.
- Shots: none; 15 drawn from the other evaluated questions in ``15shot``.
- Extraction: the first line.
- Metric: whether any accepted answer stands in the text.
"""

from __future__ import annotations

import json
from typing import Any

from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, Task, register, register_variant
from olmo_eval_tasks.choices import drawn
from olmo_eval_tasks.reading import answers_of, open_question
from olmo_eval_tasks.scorers.answers import AnyMentionScorer


@register("popqa")
class PopQA(Task):
    """A question about an entity, known or not."""

    data_source = DataSource(path="akariasai/PopQA", split="test")
    expected_instances = 14_267
    formatter = GenerationFormatter(template="Q: {question} A:")
    sampling_params = SamplingParams(max_tokens=50, stop_sequences=("\n", "Q:"))
    metrics = (AccuracyMetric(scorer=AnyMentionScorer),)
    card = Card(
        citation="Mallen et al. 2023, When Not to Trust Language Models: Investigating "
        "Effectiveness of Parametric and Non-Parametric Memories",
        url="https://arxiv.org/abs/2212.10511",
        licence="MIT",
        defects=("An accepted answer may be part of a longer, wrong word.",),
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        possible = doc["possible_answers"]
        accepted = answers_of(json.loads(possible) if isinstance(possible, str) else possible)
        return open_question(doc["question"], accepted, id=doc["id"], relation=doc.get("prop"))


register_variant("popqa", "15shot", **drawn(15))
