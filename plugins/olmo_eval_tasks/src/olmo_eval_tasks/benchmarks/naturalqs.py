"""Natural Questions, open: what people asked Google, without the page that answers it.

- Data: ``google-research-datasets/nq_open``, validation split, 3,610 questions; with choices
  ``allenai/nq_open_mc``, validation split.
- Prompt: ``Question: ...\\nAnswer:``.
- Shots: five drawn from train; the first five of the fixed set in ``olmo3base``. Five of
  ``nq_mc_fixed`` with choices. Examples show all accepted answers, separated by commas.
- Extraction: the whole text.
- Metric: DROP's F1 (primary) and exact match, with the best of the accepted answers. Log-likelihood
  accuracy, raw for letters, per character for texts; bits per byte.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric, F1Metric
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, Task, register, register_variant
from olmo_eval_tasks.choices import QUESTION, LabelledChoices, fixed
from olmo_eval_tasks.reading import answers_of, open_question, several_ways
from olmo_eval_tasks.scorers.drop import DROPExactMatchScorer, DROPF1Scorer

CARD = Card(
    citation="Kwiatkowski et al. 2019, Natural Questions: A Benchmark for Question Answering "
    "Research; Lee et al. 2019, Latent Retrieval for Weakly Supervised Open Domain Question "
    "Answering",
    url="https://arxiv.org/abs/1906.00300",
    licence="CC-BY-SA-3.0",
)


@register("naturalqs")
class NaturalQuestions(Task):
    """A question to a search engine with a short answer."""

    data_source = DataSource(path="google-research-datasets/nq_open", split="validation")
    expected_instances = 3_610
    formatter = GenerationFormatter(template=f"{QUESTION}\nAnswer:", fewshot_answer_key="shown")
    num_fewshot = 5
    fewshot_split = "train"
    sampling_params = SamplingParams(max_tokens=50, stop_sequences=("Question:", "Q:", "\n\n"))
    metrics = (F1Metric(scorer=DROPF1Scorer), AccuracyMetric(scorer=DROPExactMatchScorer))
    card = CARD

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        answers = answers_of(doc["answer"])
        return open_question(doc["question"], answers, shown=", ".join(answers))

    def oracle(self, instance: Instance) -> str | None:
        return instance.gold_text


class NaturalQuestionsChoices(LabelledChoices):
    """A question to a search engine, with choices."""

    data_source = DataSource(path="allenai/nq_open_mc", split="validation")
    num_fewshot = 5
    fewshot_source = "nq_mc_fixed"
    card = CARD


register_variant("naturalqs", "gen")
register_variant("naturalqs", "olmo3base", limit=10_000, **fixed("naturalqs_fixed"))
several_ways(
    NaturalQuestionsChoices,
    "naturalqs",
    question=QUESTION,
    gold_alone=True,
    olmo3base={way: {"limit": 10_000} for way in ("rc", "mc", "bpb")},
)
