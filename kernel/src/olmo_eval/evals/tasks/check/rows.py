"""What a check of one spec says, as JSON-like data that may come from another process."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from attrs import asdict

from olmo_eval.common.overrides import parse_override
from olmo_eval.errors import OlmoEvalError
from olmo_eval.evals.tasks.check import check_task, missing_data
from olmo_eval.evals.tasks.check.process import OtherProcess
from olmo_eval.evals.tasks.check.report import CheckReport, Finding, Severity
from olmo_eval.evals.tasks.common import build_task

Row = dict[str, Any]


def check_row(spec: str, sample: int, other: OtherProcess, overrides: Sequence[str] = ()) -> Row:
    """What a check of ``spec`` finds, with ``overrides``: its ``verdict`` is ``ok``, ``warning``,
    ``error`` or ``data missing``."""
    try:
        task = build_task(spec, map(parse_override, overrides))
        reason = missing_data(task)
        if reason is not None:
            return failed(spec, "data missing", reason.message, reason.hint)
        return _row(spec, check_task(task, sample=sample, elsewhere=other.reading(spec, overrides)))
    except OlmoEvalError as error:
        return failed(spec, "error", error.message, error.hint)


def failed(spec: str, verdict: str, reason: str, hint: str | None = None) -> Row:
    """The row of a spec that could not be looked at."""
    empty: Row = {"looked_at": 0, "total": 0, "stop_cut": None, "findings": []}
    return {"task": spec, "verdict": verdict, **empty, "reason": reason, "hint": hint}


def with_findings(row: Row, more: Sequence[Finding], without: Collection[str] = ()) -> Row:
    """``row`` with findings that were made elsewhere, and without those whose message is one of
    ``without``."""
    kept = [f for f in row["findings"] if f["message"] not in without]
    told = [*kept, *map(_finding, more)]
    rank = {severity.value: number for number, severity in enumerate(Severity)}
    told.sort(key=lambda f: rank[f["severity"]])
    worst = told[0]["severity"] if told and told[0]["severity"] != Severity.NOTE else "ok"
    return {**row, "findings": told, "verdict": worst}


def _row(spec: str, report: CheckReport) -> Row:
    cut = report.stop_cut
    return {
        "task": spec,
        "verdict": report.problems[0].severity.value if report.problems else "ok",
        "looked_at": report.looked_at,
        "total": report.total,
        "stop_cut": None if cut is None else {**asdict(cut), "share": cut.share},
        "findings": [_finding(f) for f in (*report.problems, *report.notes)],
    }


def _finding(finding: Finding) -> Row:
    return {**asdict(finding), "severity": finding.severity.value}
