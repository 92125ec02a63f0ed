"""DROP: questions about a paragraph that take counting, sorting, adding or finding several spans.

- Data: ``EleutherAI/drop``, validation split, 9,536 questions; with choices ``allenai/drop_mc``,
  validation split. Questions of one paragraph are a cluster.
- Prompt: ``Passage: ...``, ``Question: ...``, ``Answer:``, a line each.
- Shots: none; the first five of the fixed set in ``olmo3base``. Five of ``drop_mc_fixed`` in
  ``drop:rc`` and ``drop:bpb``; ``drop:mc`` has none but in ``olmo3base``.
- Extraction: the whole text; as published it counts as one span, however many it lists.
- Metric: DROP's F1 (primary) and exact match, with the best of the accepted answers. Log-likelihood
  accuracy, raw for letters, per character for texts; bits per byte.

``drop:mc`` is published as a variant of ``drop``; here it is a task of its own, like its siblings.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric, F1Metric
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, Task, register, register_variant
from olmo_eval_tasks.choices import WHOLE, LabelledChoices, clustered, fixed
from olmo_eval_tasks.reading import several_ways
from olmo_eval_tasks.scorers.drop import DROPExactMatchScorer, DROPF1Scorer

CARD = Card(
    citation="Dua et al. 2019, DROP: A Reading Comprehension Benchmark Requiring Discrete "
    "Reasoning Over Paragraphs",
    url="https://arxiv.org/abs/1903.00161",
    licence="CC-BY-SA-4.0",
)


def asked(passage: str, question: str) -> str:
    return f"Passage: {passage}\nQuestion: {question}"


def answer_spans(answer: dict[str, Any]) -> list[str]:
    """The spans of one of the data's answers: a number, several spans, or a date."""
    if answer["number"]:
        return [str(answer["number"])]
    if answer["spans"]:
        return [str(span) for span in answer["spans"]]
    date = answer["date"] or {}
    text = " ".join(str(date[part]) for part in ("day", "month", "year") if date.get(part))
    return [text] if text else []


def _validated(several: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """``{"number": [a, b], ...}`` as a list of answers."""
    keys = ("number", "date", "spans")
    return [dict(zip(keys, row, strict=True)) for row in zip(*map(several.get, keys), strict=True)]


@register("drop")
class Drop(Task):
    """A question whose answer must be counted, computed or collected from a paragraph."""

    data_source = DataSource(path="EleutherAI/drop", split="validation")
    expected_instances = 9_536
    fewshot_split = "train"
    formatter = GenerationFormatter(template=f"{WHOLE}\nAnswer:")
    sampling_params = SamplingParams(
        max_tokens=100, stop_sequences=("Passage:", "Question:", "\n\n")
    )
    metrics = (F1Metric(scorer=DROPF1Scorer), AccuracyMetric(scorer=DROPExactMatchScorer))
    answer_in_context = True
    oracle_ceiling = 0.94  # about 6% of the answers are several spans, and a text counts as one
    card = CARD

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        answers = [doc["answer"], *_validated(doc["validated_answers"])]
        accepted = [spans for answer in answers if (spans := answer_spans(answer))]
        return Instance(
            question=asked(doc["passage"], doc["question"]),
            gold_answer=", ".join(accepted[0]),
            metadata={
                "id": doc["query_id"],
                "all_answers": accepted,
                **clustered(doc["passage"]),
            },
        )


class DropChoices(LabelledChoices):
    """A question about a paragraph, with choices."""

    data_source = DataSource(path="allenai/drop_mc", split="validation")
    num_fewshot = 5
    fewshot_source = "drop_mc_fixed"
    answer_in_context = True
    passage_field = "passage_original"
    card = CARD

    def question_of(self, doc: dict[str, Any]) -> str:
        return asked(doc["passage_original"], doc["question_original"])


register_variant("drop", "gen")
register_variant("drop", "olmo3base", **fixed("olmes_drop_fixed"))
several_ways(
    DropChoices,
    "drop",
    gold_alone=True,
    settings={"mc": {"num_fewshot": 0}},
    olmo3base={"mc": fixed("drop_mc_fixed")},
)
