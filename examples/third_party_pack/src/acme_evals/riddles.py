"""Riddles with one-word answers.

- Data: twelve riddles, in ``data/riddles.jsonl``.
- Prompt: ``Riddle: ...`` and ``Answer:``; ``chat`` asks the riddle alone.
- Shots: none; ``3shot`` shows three other riddles, the same ones to every question.
- Extraction: the first line, without a final full stop.
- Metric: whether the answer stands in the text; whether it is the text. ``sampled`` draws four
  answers, and tells how many riddles are solved by all of them.
"""

from pathlib import Path
from typing import Any

from olmo_eval.common.formatters import ChatFormatter, GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import Instance, LMOutput, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, Task, register, register_variant

from acme_evals.scoring import EverySampleMetric, MentionScorer


@register("acme_riddles")
class Riddles(Task):
    """Short riddles with one-word answers."""

    card = Card(
        citation="Traditional riddles, collected for this package",
        licence="CC0-1.0",
        defects=("Some riddles have a second good answer, which counts as wrong.",),
    )
    data_source = DataSource(path=Path(__file__).parent / "data" / "riddles.jsonl")
    expected_instances = 12
    formatter = GenerationFormatter(template="Riddle: {question}\nAnswer:")
    sampling_params = SamplingParams(max_tokens=16, stop_sequences=("\n",))
    metrics = (AccuracyMetric(scorer=MentionScorer), AccuracyMetric(scorer=ExactMatchScorer))

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        return Instance(
            question=doc["riddle"], gold_answer=doc["answer"], metadata={"id": doc["id"]}
        )

    def extract_answer(self, output: LMOutput) -> str | None:
        return output.text.strip().partition("\n")[0].rstrip(". ") or None


register_variant("acme_riddles", "3shot", num_fewshot=3, fewshot_seed=7)
register_variant("acme_riddles", "chat", formatter=ChatFormatter())
register_variant(
    "acme_riddles",
    "sampled",
    num_samples=4,
    temperature=0.8,
    metrics=(
        AccuracyMetric(scorer=MentionScorer),
        EverySampleMetric(scorer=MentionScorer),
    ),
)
