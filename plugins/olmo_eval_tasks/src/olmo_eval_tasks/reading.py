"""Reading and open questions: what the families share.

Each is asked in free text, and again as multiple choice over the choices that AI2 collected for it
(``allenai/squad_mc`` and the like): ``NAME:rc`` scores the choices' texts, ``NAME:mc`` their
letters, ``NAME:bpb`` the right one alone. These are tasks of their own, since their data is
another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve

from olmo_eval.common.formatters import Formatter, TextFormatter
from olmo_eval.common.types import Instance
from olmo_eval.evals.tasks.common import logprob_accuracies, register_variant
from olmo_eval_tasks.choices import (
    BITS_PER_BYTE,
    WHOLE,
    LabelledChoices,
    cloze,
    gold_text,
    lettered,
    one_of,
)

NONE: Mapping[str, Mapping[str, Any]] = {}


def several_ways(
    family: type[LabelledChoices],
    name: str,
    *,
    question: str = WHOLE,
    description: str = "",
    gold_alone: bool = False,
    settings: Mapping[str, Mapping[str, Any]] = NONE,
    olmo3base: Mapping[str, Mapping[str, Any]] = NONE,
) -> None:
    """Register ``name:rc``, ``name:mc`` and ``name:bpb`` of a family, each with ``olmo3base``.

    ``gold_alone`` says that the published ``bpb`` scores the right choice alone; else it scores
    all choices and counts the right one. ``settings`` and ``olmo3base`` give what is
    particular to a way of asking, and to its variant.
    """
    ways: dict[str, tuple[Formatter, Any]] = {
        "rc": (cloze(question), logprob_accuracies("per_char")),
        "mc": (lettered(question), logprob_accuracies("raw")),
        "bpb": (gold_text(question) if gold_alone else cloze(question), BITS_PER_BYTE),
    }
    for way, (formatter, metrics) in ways.items():
        if description and isinstance(formatter, TextFormatter):
            formatter = evolve(formatter, description=description)
        own = settings.get(way, {})
        one_of(family, f"{name}:{way}", formatter=formatter, metrics=metrics, **own)
        register_variant(f"{name}:{way}", "olmo3base", **olmo3base.get(way, {}))


def open_question(question: str, accepted: Sequence[str], **metadata: Any) -> Instance:
    """A question in free text and its ``accepted`` answers, the first of which examples show."""
    return Instance(question, accepted[0], metadata={**metadata, "all_answers": accepted})


def answers_of(accepted: Any) -> list[str]:
    """The accepted answers, each once, in the data's order; an empty one is none."""
    return list(dict.fromkeys(text for answer in accepted if (text := str(answer)).strip()))
