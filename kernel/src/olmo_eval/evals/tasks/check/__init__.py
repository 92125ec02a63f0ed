"""Whether a task can be trusted, found out without a model.

``check_task`` reads the task's data, makes up right, wrong and empty answers, and says what does
not come out as it must: the right answer below 1, the answer in the prompt, ids that change from
process to process, few-shot examples that leak, numbers that extraction loses. Every check is a
function from a ``Subject`` to findings, named after the check, in ``CHECKS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

from olmo_eval import plugins
from olmo_eval.errors import OlmoEvalError
from olmo_eval.evals.tasks.check.cut import check_length, check_stop, stop_cut
from olmo_eval.evals.tasks.check.duplicates import check_duplicates
from olmo_eval.evals.tasks.check.extraction import check_extraction
from olmo_eval.evals.tasks.check.fewshot import check_fewshot
from olmo_eval.evals.tasks.check.gold import check_gold
from olmo_eval.evals.tasks.check.ids import check_ids
from olmo_eval.evals.tasks.check.instances import check_instances
from olmo_eval.evals.tasks.check.leak import check_leak
from olmo_eval.evals.tasks.check.missing import missing_data
from olmo_eval.evals.tasks.check.process import OtherProcess
from olmo_eval.evals.tasks.check.prompts import check_continuations, check_requests
from olmo_eval.evals.tasks.check.readings import Reading
from olmo_eval.evals.tasks.check.report import CheckReport, Finding, Severity, StopCut, error
from olmo_eval.evals.tasks.check.scores import (
    check_empty,
    check_metrics,
    check_oracle,
    check_scorers,
    check_shuffled,
)
from olmo_eval.evals.tasks.check.subject import Subject
from olmo_eval.evals.tasks.common import Task
from olmo_eval.faults import locations, reason

Check = Callable[[Subject], Iterator[Finding]]

#: every check, in the order in which findings are reported
CHECKS: tuple[Check, ...] = (
    check_metrics,
    check_instances,
    check_ids,
    check_duplicates,
    check_gold,
    check_fewshot,
    check_requests,
    check_continuations,
    check_leak,
    check_oracle,
    check_empty,
    check_shuffled,
    check_stop,
    check_length,
    check_extraction,
    check_scorers,
)
SAMPLE = 200

__all__ = [
    "CHECKS",
    "SAMPLE",
    "CheckReport",
    "Finding",
    "OtherProcess",
    "Severity",
    "StopCut",
    "check_task",
    "missing_data",
]


def check_task(
    task: Task, *, sample: int | None = None, elsewhere: Reading | None = None
) -> CheckReport:
    """Look at ``sample`` instances of ``task`` (200) from every side, and at all of their ids.

    What the task's own code raises is a finding, not an error of the check. ``elsewhere`` is how
    another process reads the same task (``OtherProcess.reading``); without it, a note says that
    ids were not compared with another process's.

    Raises:
        DataError: the task's data is not there (``missing_data`` says so beforehand).
    """
    name = task.config.name
    reason = missing_data(task)
    if reason is not None:
        raise reason
    try:
        subject = Subject(task, SAMPLE if sample is None else sample, elsewhere)
    except (Exception, SystemExit) as problem:
        return CheckReport(name, 0, 0, (_raised(task, "instances", problem),))
    findings: list[Finding] = []
    for check in CHECKS:
        try:
            findings += check(subject)
        except (Exception, SystemExit) as problem:
            findings.append(_raised(task, check.__name__.removeprefix("check_"), problem))
    cut = None
    with suppress(Exception, SystemExit):  # the checks have said what fails
        cut = stop_cut(subject)
    return CheckReport(name, len(subject.items), subject.total, tuple(findings), cut)


def _raised(task: Task, check: str, problem: BaseException) -> Finding:
    """A failure of the task's code as a finding."""
    if isinstance(problem, OlmoEvalError):
        return error(check, " ".join(problem.message.split()), hint=problem.hint)
    where = plugins.manager().culprit(problem, type(task).__module__)
    if where is not None:
        message = f"the task's code failed: {reason(problem)[:300]}"
        return error(check, message, hint=f"at {where.text}")
    *_, last = locations(problem)
    return error(check, f"the check failed: {reason(problem)[:300]}", hint=f"at {last.text}")
