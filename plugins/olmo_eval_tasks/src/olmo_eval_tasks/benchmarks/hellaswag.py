"""HellaSwag: which of four endings continues a situation.

- Data: ``Rowan/hellaswag``, validation split, 10,042 situations; the test split has no answers. The
  markers that WikiHow's page structure left in the text (``[title]``, ``[step]``, ...) are taken
  out. Copies of the data that hold the finished context in ``ctx`` alone are read too.
- Prompt: the activity, a colon and the context, with nothing around them; ``mc`` adds a line
  ``Choose the best continuation:`` and lettered endings.
- Shots: none, or the first five of the fixed OLMES set.
- Metric: log-likelihood accuracy, raw; per character in ``rc``.
- Questions from one WikiHow article or one video are a cluster, where the data says so
  (``source_id``).
"""

from __future__ import annotations

import re
from typing import Any

from attrs import evolve

from olmo_eval.common.formatters import ClozeFormatter, LetteredFormatter
from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, MultipleChoiceTask, register
from olmo_eval_tasks.choices import BITS, Asked, declare, fixed

_TITLE = re.compile(r"\.? \[title\]")
_MARKER = re.compile(r"\[.*?\]")


def plain_text(text: str) -> str:
    """``text`` without WikiHow's markers: a title ends the sentence before it."""
    text = _TITLE.sub(". ", text.strip())
    return _MARKER.sub("", text).replace("  ", " ")


def context(doc: dict[str, Any]) -> str:
    """The situation up to where the endings begin; the last, begun sentence is capitalised."""
    if "ctx_a" not in doc:
        return str(doc["ctx"])
    return f"{doc['ctx_a']} {doc['ctx_b'].capitalize()}"


@register("hellaswag")
class HellaSwag(MultipleChoiceTask):
    """Four endings, of which one is the original and three are a model's, chosen to fool models."""

    data_source = DataSource(path="Rowan/hellaswag", split="validation")
    expected_instances = 10_042
    fewshot_split = "train"
    formatter = ClozeFormatter(template="{question}")
    card = Card(
        citation="Zellers et al. 2019, HellaSwag: Can a Machine Really Finish Your Sentence?",
        url="https://arxiv.org/abs/1905.07830",
        licence="MIT",
        defects=(
            "olmo3base and xlarge are published with a limit of 10,000 that added the train split; "
            "here a limit is a subset of the validation split.",
        ),
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        gold, source = int(doc["label"]), doc.get("source_id")
        instance = self.choice_instance(
            plain_text(f"{doc['activity_label']}: {context(doc)}"),
            [plain_text(ending) for ending in doc["endings"]],
            gold,
            # Numbers run anew for each origin, so that a number alone does not identify a row.
            id=doc.get("ind") if source is None else f"{source}/{doc['ind']}",
            metadata={} if source is None else {"cluster": source},
        )
        return evolve(instance, gold_answer=str(gold))


declare(
    "hellaswag",
    {
        "rc": Asked(by="per_char"),
        "mc": Asked("letters"),
        "bpb": Asked(by=BITS),
        "olmo3base": Asked(shots=True, limit=10_000),
        "xlarge": Asked(shots=True, limit=10_000),
    },
    letters=LetteredFormatter(
        template="{question}\nChoose the best continuation:\n{choices}\nAnswer:"
    ),
    shots=fixed("olmes_hellaswag_fixed"),
)
