"""SQuAD: questions about a paragraph of Wikipedia whose answer is a span of it.

- Data: ``allenai/squad``, validation split, 10,570 questions; with choices ``allenai/squad_mc``,
  validation split. Questions of one paragraph are a cluster.
- Prompt: a sentence that says what to do (its published wording is not known to us; this one is
  ours), then ``Title: ...``, ``Background: ...``, ``Question: ...`` and ``Answer:``, a blank line
  between them.
- Shots: the first five of the fixed sets ``squad_fixed`` and ``squad_mc_fixed``.
- Extraction: the whole text.
- Metric: SQuAD's F1, best of the accepted answers, and exact match beside it. Log-likelihood
  accuracy, raw for letters, per character for texts; bits per byte.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric, SQuADF1Metric
from olmo_eval.common.scorers import SQuADF1Scorer
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, Task, register, register_variant
from olmo_eval_tasks.choices import WHOLE, LabelledChoices, clustered
from olmo_eval_tasks.reading import answers_of, open_question, several_ways
from olmo_eval_tasks.scorers.answers import SQuADExactMatchScorer

DESCRIPTION = (
    "Each question below is about the background text above it; its answer is a span of that text."
)
CARD = Card(
    citation="Rajpurkar et al. 2016, SQuAD: 100,000+ Questions for Machine Comprehension of Text",
    url="https://arxiv.org/abs/1606.05250",
    licence="CC-BY-SA-4.0",
)


def asked(title: str, context: str, question: str) -> str:
    return f"Title: {title}\n\nBackground: {context}\n\nQuestion: {question}\n"


@register("squad")
class Squad(Task):
    """A question whose answer is a span of a paragraph."""

    data_source = DataSource(path="allenai/squad", split="validation")
    expected_instances = 10_570
    formatter = GenerationFormatter(template=f"{WHOLE}\nAnswer:", description=DESCRIPTION)
    num_fewshot = 5
    fewshot_source = "squad_fixed"
    sampling_params = SamplingParams(max_tokens=50, stop_sequences=("Title:", "\n\n"))
    metrics = (SQuADF1Metric(scorer=SQuADF1Scorer), AccuracyMetric(scorer=SQuADExactMatchScorer))
    answer_in_context = True
    card = CARD

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        answers = answers_of(doc["answers"]["text"])
        question = asked(doc["title"], doc["context"], doc["question"])
        return open_question(question, answers, id=doc["id"], **clustered(doc["context"]))


class SquadChoices(LabelledChoices):
    """A question about a paragraph of Wikipedia, with choices."""

    data_source = DataSource(path="allenai/squad_mc", split="validation")
    num_fewshot = 5
    fewshot_source = "squad_mc_fixed"
    answer_in_context = True
    passage_field = "context_original"
    card = CARD

    def question_of(self, doc: dict[str, Any]) -> str:
        return asked(doc["title_original"], doc["context_original"], doc["question_original"])


register_variant("squad", "gen")
register_variant("squad", "olmo3base", limit=10_000)
several_ways(
    SquadChoices,
    "squad",
    description=DESCRIPTION,
    olmo3base={
        "rc": {"limit": 10_000},
        "mc": {"limit": 10_000},
        "bpb": {"limit": 10_000, "max_length": 2_048},
    },
)
