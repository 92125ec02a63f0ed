"""Names of tasks in a run: ``gsm8k[num_fewshot=4]`` is a spec, and what was overridden."""

from __future__ import annotations

from collections.abc import Sequence


def spec_of(name: str) -> str:
    """The spec in a task's name."""
    return name.partition("[")[0]


def same_task(names: Sequence[str], name: str) -> str | None:
    """Which of ``names`` is the task called ``name``: the very name, else the only one of its
    spec; None where there is none, or where several could be meant."""
    if name in names:
        return name
    alike = [other for other in names if spec_of(other) == spec_of(name)]
    return alike[0] if len(alike) == 1 else None


def paired_names(a: Sequence[str], b: Sequence[str]) -> dict[str, str]:
    """The tasks of one run, each with the same task of another: those of one name, then those of
    one spec that are left, where neither run has two of them."""
    found = {name: name for name in a if name in b}
    left_a, left_b = ([n for n in names if n not in found] for names in (a, b))
    for name in left_a:
        mine = [n for n in left_a if spec_of(n) == spec_of(name)]
        theirs = [n for n in left_b if spec_of(n) == spec_of(name)]
        if len(mine) == len(theirs) == 1:
            found[name] = theirs[0]
    return {name: found[name] for name in a if name in found}
