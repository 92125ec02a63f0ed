"""What ``requires`` of a tool, a scaffold, a task or a scorer may name.

A sandbox capability (``bash``, ``python``, ``sandbox:NAME``), a judge (``judge``, ``judge:NAME``),
another model of the harness (``model:NAME``), a tool that it offers (``tool:NAME``, or
``tool:ONE|OTHER`` where either will do), or ``agent``: a scaffold, whichever.
"""

from __future__ import annotations

from collections.abc import Iterable

from olmo_eval.common.sequences import items

#: what needs a model that acts, whatever the scaffold
AGENT = "agent"


def names_agent(need: str) -> bool:
    return need == AGENT


def names_judge(need: str) -> bool:
    return need == "judge" or need.startswith("judge:")


def names_model(need: str) -> bool:
    return need.startswith("model:")


def names_tool(need: str) -> bool:
    return need.startswith("tool:")


def of_models(needs: Iterable[str] | str | None) -> frozenset[str]:
    """The names of the models among ``needs``."""
    return frozenset(n.partition(":")[2] for n in items(needs) if names_model(n))


def of_sandboxes(needs: Iterable[str] | str | None) -> frozenset[str]:
    """The sandbox capabilities among ``needs``."""
    others = (names_agent, names_judge, names_model, names_tool)
    return frozenset(n for n in items(needs) if not any(named(n) for named in others))
