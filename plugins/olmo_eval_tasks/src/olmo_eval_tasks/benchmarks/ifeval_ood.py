"""IFBench's test set: instructions of 58 kinds that models have not been trained on.

- Data: ``allenai/IFBench_test2``, split train (there is no other).
- Prompt: the data's prompt as one user message.
- Shots: none.
- Extraction: none; the whole answer is checked.
- Metric: as for IFEval: the share of prompts all of whose instructions are followed and the share
  of all instructions that are followed, each strict and loose. The instructions are checked by the
  package ``nvidia-ifbench`` (``pip install 'olmo-eval-tasks[ifbench]'``), which needs data of NLTK.
"""

from __future__ import annotations

from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import register
from olmo_eval.evals.tasks.common.card import Card
from olmo_eval_tasks.benchmarks.ifeval import METRICS, InstructionFollowing
from olmo_eval_tasks.scorers.ifeval.ifbench import IFBenchScorer

CARD = Card(
    citation="Pyatkin et al. 2025, Generalizing Verifiable Instruction Following",
    url="https://arxiv.org/abs/2507.02833",
    licence="ODC-BY-1.0",
)


class IFBench(InstructionFollowing):
    """Prompts with instructions that ``nvidia-ifbench`` checks."""

    metrics = tuple(type(metric)(scorer=IFBenchScorer()) for metric in METRICS)
    primary_metric = "prompt_level_loose_acc"
    card = CARD


@register("ifeval_ood")
class IFEvalOutOfDistribution(IFBench):
    """Prompts with instructions of 58 kinds that are new to models, checked by programs."""

    data_source = DataSource(path="allenai/IFBench_test2", split="train")
