"""AlpacaEval 2: 805 instructions, answers compared with those of a reference model by a judge.

- Data: ``tatsu-lab/alpaca_eval``, subset alpaca_eval_gpt4_baseline, split eval, whose answers are
  those of ``gpt4_1106_preview``; ``v1`` compares with ``text_davinci_003`` (subset alpaca_eval).
- Prompt: the instruction as one user message.
- Shots: none.
- Extraction: none.
- Metric: the win rate. The harness's judge compares the answer with the reference's in both orders;
  a tie, or a verdict that changes with the order, counts half. How often the judge says the same in
  both orders, and how much it favours what it reads first, stand beside it. The published annotator
  weighs its verdict by the log-probability of one token of a GPT-4 model in one random order, and
  corrects for the length of the answers with a model fitted on a whole leaderboard: its win rates
  are comparable with these in rank, not in size, and no length-controlled win rate is given here.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.formatters import ChatFormatter
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Task, register, register_variant
from olmo_eval.evals.tasks.common.card import Card
from olmo_eval_tasks.scorers.win_rate import PositionBias, PositionConsistency, WinRateMetric

SOURCE = "tatsu-lab/alpaca_eval"


@register("alpaca_eval")
class AlpacaEval(Task):
    """Open instructions, the answers compared with a reference model's by a judge."""

    data_source = DataSource(path=SOURCE, subset="alpaca_eval_gpt4_baseline", split="eval")
    expected_instances = 805
    formatter = ChatFormatter()
    sampling_params = SamplingParams(max_tokens=2048)
    metrics = (WinRateMetric(), PositionConsistency(), PositionBias())
    primary_metric = "win_rate"
    lenient_extraction = False
    card = Card(
        citation="Li et al. 2023, AlpacaEval: An Automatic Evaluator of Instruction-Following "
        "Models",
        url="https://github.com/tatsu-lab/alpaca_eval",
        licence="CC-BY-NC-4.0",
        defects=("Judges prefer long answers, whatever they are asked to prefer.",),
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        return Instance(
            question=doc["instruction"],
            gold_answer=doc["output"],
            metadata={key: doc[key] for key in ("dataset", "generator") if key in doc},
        )


register_variant(
    "alpaca_eval", "v1", data_source=DataSource(path=SOURCE, subset="alpaca_eval", split="eval")
)
