"""ARC: grade-school science questions with mostly four choices.

- Data: ``allenai/ai2_arc``, subsets ARC-Easy and ARC-Challenge, test split. Most rows letter their
  choices A-D, some number them 1-4; both are treated as letters.
- Prompt: ``Question: ...\\nAnswer:``.
- Shots: none, or the first five of the fixed OLMES sets (``olmes``, ``olmo3base``).
- Metric: log-likelihood accuracy. ARC-Easy per character, ARC-Challenge relative to the choice's
  probability without its question, as OLMES recommends for each (Gu et al. 2024,
  https://arxiv.org/abs/2406.08446).
"""

from __future__ import annotations

from attrs import evolve

from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, register
from olmo_eval_tasks.choices import BITS, Asked, LabelledChoices, cloze, declare, fixed

CARD = Card(
    citation="Clark et al. 2018, Think you have Solved Question Answering? Try ARC, the AI2 "
    "Reasoning Challenge",
    url="https://arxiv.org/abs/1803.05457",
    licence="CC-BY-SA-4.0",
)


@register("arc_easy")
class ArcEasy(LabelledChoices):
    """ARC-Easy: 2,376 test questions."""

    data_source = DataSource(path="allenai/ai2_arc", subset="ARC-Easy", split="test")
    expected_instances = 2_376
    fewshot_split = "train"
    formatter = cloze()
    card = CARD


@register("arc_challenge")
class ArcChallenge(ArcEasy):
    """ARC-Challenge: 1,172 test questions that retrieval and word co-occurrence got wrong."""

    data_source = DataSource(path="allenai/ai2_arc", subset="ARC-Challenge", split="test")
    expected_instances = 1_172
    card = evolve(
        CARD,
        defects=(
            "mc_olmo3base is published with every split, the train questions that the shots come "
            "from included.",
        ),
    )


for _task, _by in (("arc_easy", "per_char"), ("arc_challenge", "uncond")):
    declare(
        _task,
        {
            "rc": Asked(by=_by),
            "mc": Asked("letters", by="raw"),
            "bpb": Asked("gold", by=BITS),
            "olmo3base": Asked(by=_by, shots=True),
            "olmes": Asked(shots=True),
            "full": Asked(),
        },
        shots=fixed(f"olmes_{_task}_fixed"),
    )
declare(
    "arc_challenge",
    {"mc_olmo3base": Asked("letters", shots=True, split="all")},
    shots=fixed("olmes_arc_challenge_fixed"),
)
