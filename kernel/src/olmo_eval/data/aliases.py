"""Data sets that the Hugging Face hub has under two names.

Most data sets of the hub's first years had no owner in their name (``gsm8k``); they have moved to
their authors since (``openai/gsm8k``), and the hub redirects. A mirror cannot redirect, so the same
data is looked for under every name it is known by. Copies whose rows have other fields are other
data sets and do not stand here.
"""

from __future__ import annotations

#: older name -> today's name
ALIASES: dict[str, str] = {
    "ai2_arc": "allenai/ai2_arc",
    "allenai/hellaswag": "Rowan/hellaswag",
    "aqua_rat": "deepmind/aqua_rat",
    "boolq": "google/boolq",
    "c4": "allenai/c4",
    "commonsense_qa": "tau/commonsense_qa",
    "gsm8k": "openai/gsm8k",
    "hellaswag": "Rowan/hellaswag",
    "math_qa": "allenai/math_qa",
    "mbpp": "google-research-datasets/mbpp",
    "medmcqa": "openlifescienceai/medmcqa",
    "mgsm": "juletxara/mgsm",
    "nq_open": "google-research-datasets/nq_open",
    "openai_humaneval": "openai/openai_humaneval",
    "openbookqa": "allenai/openbookqa",
    "piqa": "ybisk/piqa",
    "qasc": "allenai/qasc",
    "sciq": "allenai/sciq",
    "social_i_qa": "allenai/social_i_qa",
    "allenai/squad": "rajpurkar/squad",
    "squad": "rajpurkar/squad",
    "super_glue": "aps/super_glue",
    "trivia_qa": "mandarjoshi/trivia_qa",
    "truthful_qa": "truthfulqa/truthful_qa",
    "wikitext": "Salesforce/wikitext",
    "winogrande": "allenai/winogrande",
}


def current_name(path: str) -> str:
    """The name that a hub data set has today."""
    return ALIASES.get(path, path)


def names_of(path: str) -> tuple[str, ...]:
    """Every name of a hub data set: ``path`` itself, today's, then older ones."""
    today = current_name(path)
    older = (old for old, new in ALIASES.items() if new == today)
    return tuple(dict.fromkeys((path, today, *older)))
