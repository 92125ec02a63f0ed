"""Several runs, every pair compared."""

from __future__ import annotations

from typing import Any

from olmo_eval.errors import OlmoEvalError, UsageError
from olmo_eval.results import Run, TaskComparison
from olmo_eval_viewer.cards import measured, run_card, verdict_card
from olmo_eval_viewer.desk import Desk
from olmo_eval_viewer.page import Here, Page, Params, href
from olmo_eval_viewer.texts import short_names

#: runs that are compared with each other
_MOST = 12


def page(desk: Desk, params: Params, here: Here) -> Page:
    names = [value for key, value in here.params if key == "run" and value]
    if not 2 <= len(names) <= _MOST:
        raise UsageError(f"a matrix is of 2 to {_MOST} runs", hint="tick them on the page Runs")
    runs = [desk.run(name) for name in dict.fromkeys(names)]
    comparable, refusals = _why_not(desk, runs)
    labels = short_names([run.model for run in runs])
    tasks: list[dict[str, Any]] = []
    if not refusals:
        found = desk.matrix(runs)
        tasks = [
            {
                "name": name,
                "metric": next(
                    measured(r)
                    for c in found.comparisons.values()
                    for r in c.rows
                    if r.name == name
                ),
                "rows": [
                    [
                        _cell(found.row(name, i, j), runs[i], runs[j]) if j > i else None
                        for j in range(1, len(runs))
                    ]
                    for i in range(len(runs) - 1)
                ],
            }
            for name in found.names()
        ]
    data = {
        "runs": [{**run_card(r), "label": label} for r, label in zip(runs, labels, strict=True)],
        "tasks": tasks,
        "refusals": refusals,
        "pairs": comparable,
    }
    return Page("matrix.html", "Matrix", data)


def _why_not(desk: Desk, runs: list[Run]) -> tuple[int, list[dict[str, str]]]:
    """How many pairs can be compared, and why each of the others cannot."""
    refusals, n = [], 0
    for i, a in enumerate(runs):
        for b in runs[i + 1 :]:
            try:
                desk.comparison(a, b)
                n += 1
            except OlmoEvalError as error:
                refusals.append({"a": a.run_id, "b": b.run_id, "why": error.message})
    return n, refusals


def _cell(row: TaskComparison | None, a: Run, b: Run) -> dict[str, Any] | None:
    if row is None:
        return None
    task = row.name if row.kind == "task" else None
    return {
        "verdict": verdict_card(row.verdict),
        "href": href("/compare", {"a": a.run_id, "b": b.run_id, "task": task}),
    }
