"""LAB-Bench: what a research assistant in biology must look up, read off or work out.

- Data: ``futurehouse/lab-bench``, train split, the only one (the public 80%): the six sets that are
  asked without images. ProtocolQA comes with its protocol; questions about one are a cluster. The
  right answer, the distractors and the choice to abstain are shuffled, seeded by the question's id.
- Prompt: a chat with lettered choices that ends with ``ANSWER: X``; ``olmo3base`` and the separate
  tasks ``:bpb`` ask ``Question: ...\\nAnswer:``.
- Shots: none; three drawn from the other evaluated questions in ``olmo3base`` and ``:bpb``.
- Extraction: the letter that the text marks as its answer.
- Metric: accuracy (right of all), precision (right of those answered) and coverage (answered of
  all); log-likelihood accuracy per character; bits per byte.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.metrics import AccuracyMetric, Metric
from olmo_eval.common.scorers import MultipleChoiceScorer
from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card
from olmo_eval_tasks.choices import (
    BITS_PER_BYTE,
    SCORED,
    Asked,
    ChatChoices,
    cloze,
    clustered,
    declare,
    drawn,
    one_of,
    shuffled_choices,
)
from olmo_eval_tasks.scorers.abstention import CoverageMetric, PrecisionMetric
from olmo_eval_tasks.subjects import LAB_BENCH_SETS

ABSTAIN = "Insufficient information to answer the question"


class LabBench(ChatChoices):
    """Practical questions of biology research, with a choice to abstain."""

    metrics: tuple[Metric, ...] = (
        AccuracyMetric(scorer=MultipleChoiceScorer),
        PrecisionMetric(),
        CoverageMetric(),
    )
    card = Card(
        citation="Laurent et al. 2024, LAB-Bench: Measuring Capabilities of Language Models for "
        "Biology Research",
        url="https://arxiv.org/abs/2407.10362",
        licence="CC-BY-SA-4.0",
        defects=("The shots come from the evaluated questions; there is no other split.",),
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        right, wrong = doc["ideal"], [c for c in doc["distractors"] if c != doc["ideal"]]
        choices, gold = shuffled_choices(right, [*wrong, ABSTAIN], seeded_by=doc["id"])
        protocol = doc.get("protocol")
        question = f"{protocol}\n\n{doc['question']}" if protocol else doc["question"]
        more = {"abstain_idx": choices.index(ABSTAIN), **clustered(protocol)}
        return self.choice_instance(question, choices, gold, id=doc["id"], metadata=more)


class LabBenchBits(LabBench):
    """The right answer to a practical question of biology research, in bits per byte."""

    formatter = cloze()
    metrics = BITS_PER_BYTE
    num_fewshot = 3
    fewshot_seed = 1234


for _set, _subset in LAB_BENCH_SETS.items():
    _name = f"lab_bench_{_set}"
    _source = DataSource(path="futurehouse/lab-bench", subset=_subset, split="train")
    one_of(LabBench, _name, data_source=_source)
    one_of(LabBenchBits, f"{_name}:bpb", data_source=_source)
    declare(
        _name,
        {"mc": SCORED["mc"], "olmo3base": Asked("text", by="per_char", shots=True)},
        shots=drawn(3),
    )
    declare(f"{_name}:bpb", {"olmo3base": Asked()})
