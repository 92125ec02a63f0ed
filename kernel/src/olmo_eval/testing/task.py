"""Can a task be trusted? One line in a task pack's tests::

    from olmo_eval.testing.task import task_contract

    test_contract = task_contract("acme_riddles", "acme_riddles:3shot")

Each spec is checked as ``olmo-eval task check`` does, without a model; every check is a test of
its own. ``warnings=True`` lets warnings fail too, ``allow`` names checks whose findings the
benchmark means to have. A Task class that is registered nowhere may stand in a spec's place. Data
that is not there skips the tests.
"""

from __future__ import annotations

import atexit
from collections.abc import Collection
from functools import cache
from typing import Any

from olmo_eval.evals.tasks.check import (
    CHECKS,
    CheckReport,
    Finding,
    OtherProcess,
    Severity,
    check_task,
    missing_data,
)
from olmo_eval.evals.tasks.common import Task, build_task

#: every check, by the name that its findings carry
NAMES = tuple(check.__name__.removeprefix("check_") for check in CHECKS)


def make(task: str | type[Task] | Task) -> Task:
    """The task of a spec or of a class."""
    if isinstance(task, str):
        return build_task(task)
    if isinstance(task, Task):
        return task
    return task(task.default_config(task.__name__))


def describe(findings: Collection[Finding]) -> str:
    """Findings as lines, each with its way out."""
    lines = []
    for finding in findings:
        lines.append(str(finding))
        lines += [f"    {finding.hint}"] if finding.hint else []
    return "\n".join(lines)


def task_contract(
    *tasks: str | type[Task] | Task,
    sample: int | None = None,
    warnings: bool = False,
    allow: Collection[str] = (),
) -> Any:
    """A pytest test that holds every task against every check."""
    import pytest

    unknown = set(allow) - set(NAMES)
    if unknown:
        raise ValueError(f"allow: no check is called {sorted(unknown)[0]!r}; {', '.join(NAMES)}")

    other = OtherProcess()
    atexit.register(other.close)

    @cache
    def report(index: int) -> CheckReport | str:
        named = tasks[index]
        task = make(named)
        reason = missing_data(task)
        if reason is not None:
            return reason.message
        elsewhere = other.reading(named) if isinstance(named, str) else None
        return check_task(task, sample=sample, elsewhere=elsewhere)

    def label(index: int) -> str:
        task = tasks[index]
        return task if isinstance(task, str) else getattr(task, "__name__", type(task).__name__)

    @pytest.mark.parametrize("check", [name for name in NAMES if name not in allow])
    @pytest.mark.parametrize("index", range(len(tasks)), ids=label)
    def test_task_contract(index: int, check: str) -> None:
        found = report(index)
        if isinstance(found, str):
            pytest.skip(f"data missing: {found}")
        wanted = found.problems if warnings else found.of(Severity.ERROR)
        mine = [finding for finding in wanted if finding.check == check]
        assert not mine, "\n" + describe(mine)

    return test_task_contract
