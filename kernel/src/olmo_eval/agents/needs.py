"""What ``requires`` of a tool, a scaffold, a task or a scorer may name.

A sandbox capability (``bash``, ``python``, ``sandbox:NAME``), a judge (``judge``, ``judge:NAME``)
or another model of the harness (``model:NAME``).
"""

from __future__ import annotations

from collections.abc import Iterable

from olmo_eval.common.sequences import items


def names_judge(need: str) -> bool:
    return need == "judge" or need.startswith("judge:")


def names_model(need: str) -> bool:
    return need.startswith("model:")


def of_models(needs: Iterable[str] | str | None) -> frozenset[str]:
    """The names of the models among ``needs``."""
    return frozenset(n.partition(":")[2] for n in items(needs) if names_model(n))


def of_sandboxes(needs: Iterable[str] | str | None) -> frozenset[str]:
    """The sandbox capabilities among ``needs``."""
    return frozenset(n for n in items(needs) if not names_judge(n) and not names_model(n))
