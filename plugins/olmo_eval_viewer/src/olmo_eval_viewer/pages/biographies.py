"""What became of each question over the checkpoints of a group."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from olmo_eval.errors import UnknownNameError, UsageError
from olmo_eval.results import Biography, TaskBiographies
from olmo_eval.results.statistics.biographies import KINDS
from olmo_eval_viewer.desk import Desk
from olmo_eval_viewer.filters import page_number
from olmo_eval_viewer.page import Here, Page, Params, Table, href
from olmo_eval_viewer.pages.track import axis, groups

PAGE = 50
_SORTS = ("story", "change", "certainty", "flips", "id")


def page(desk: Desk, params: Params, here: Here) -> Page:
    known = groups(desk)
    group = params.get("group") or (known[-1] if known else "")
    if not group:
        raise UsageError("no run is in a group", hint="`olmo-eval run --group NAME`")
    found, notes = desk.biographies(group, axis(params))
    names = [one.task for one in found]
    task = params.get("task") or names[0]
    if task not in names:
        raise UnknownNameError(f"no biographies of {task[:200]!r}", hint=f"of {', '.join(names)}")
    one = found[names.index(task)]
    kind, sort = params.get("kind", ""), params.get("sort") or "story"
    if kind and kind not in KINDS:
        raise UsageError(f"kind: expected one of {', '.join(KINDS)}, got {kind[:40]!r}")
    if sort not in _SORTS:
        raise UsageError(f"sort: expected one of {', '.join(_SORTS)}, got {sort[:40]!r}")
    chosen = [q for q in one.questions if not kind or q.kind == kind]
    chosen = _sorted(chosen, sort)
    pages = max(1, -(-len(chosen) // PAGE))
    n = min(page_number(params.get("page", "1")), pages)
    runs = desk.checkpoints(group, task)
    data = {
        "groups": known,
        "group": group,
        "tasks": names,
        "task": task,
        "metric": one.metric,
        "places": list(one.places),
        "counts": dict(one.counts()),
        "kind": kind,
        "sort": sort,
        "sorts": list(_SORTS),
        "flip_rate": one.flip_rate,
        "measured": None if one.noise_floor is None else one.noise_floor.flip_rate,
        "questions": [_card(one, q, runs) for q in chosen[(n - 1) * PAGE : n * PAGE]],
        "total": len(chosen),
        "number": n,
        "pages": pages,
        "notes": notes,
    }
    table = one.to_arrow()
    return Page(
        "biographies.html", f"Biographies · {task}", data,
        table=Table(table.schema, lambda: iter(table.to_batches())),
    )  # fmt: skip


def _sorted(questions: list[Biography], sort: str) -> list[Biography]:
    if sort == "change":
        return sorted(questions, key=lambda q: (q.at is None, q.at or 0))
    if sort == "certainty":
        return sorted(questions, key=lambda q: -q.certainty)
    if sort == "flips":
        return sorted(questions, key=lambda q: -_flips(q.history))
    if sort == "id":
        return sorted(questions, key=lambda q: q.instance_id)
    return questions  # by story, surest changes first, as they come


def _flips(history: str) -> int:
    known = history.replace(".", "")
    return sum(left != right for left, right in pairwise(known))


def _card(one: TaskBiographies, q: Biography, runs: dict[int, str]) -> dict[str, Any]:
    """A question, leading to the pair of checkpoints between which it changed."""
    places = list(one.places)
    at = places.index(q.at) if q.at in places else len(places) - 1
    a, b = runs.get(places[max(0, at - 1)]), runs.get(places[at])
    link = None
    if a and b:
        link = href("/question", {"a": a, "b": b, "task": one.task, "id": q.instance_id})
    return {**q.to_dict(), "flips": _flips(q.history), "href": link}
