"""The runs of a store: how they stand, what they scored, and which two to compare."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from olmo_eval.results import Run
from olmo_eval.results.anchored_rows import ANCHORED, anchored_label
from olmo_eval.results.baseline import Choice, previous_of
from olmo_eval.results.folder import RunFolder
from olmo_eval_viewer.cards import run_card
from olmo_eval_viewer.desk import Desk
from olmo_eval_viewer.filters import page_number
from olmo_eval_viewer.page import Goto, Here, Page, Params, href
from olmo_eval_viewer.pages.against import choice
from olmo_eval_viewer.pages.why import href_of

#: runs on a page
PAGE = 40
#: primary scores of a run that are shown
_SCORES = 6
_FILTERS = ("model", "group", "task", "status")
#: groups that can be picked from a list
_LISTED = 200


def page(desk: Desk, params: Params, here: Here) -> Page | Goto:
    wanted = {name: params[name] for name in _FILTERS if params.get(name)}
    exact = {k: v for k, v in wanted.items() if k in ("group", "status")}
    listing = desk.store.listing(exact)
    found = [run for run in listing.runs if _matches(run, wanted)]
    found.reverse()
    pages = max(1, -(-len(found) // PAGE))
    number = min(page_number(params.get("page", "1")), pages)
    shown = found[(number - 1) * PAGE : number * PAGE]
    pinned = desk.run(params["baseline"]) if params.get("baseline") else None
    how = choice(params.get("against", ""))
    scores = desk.store.primary_scores(shown)
    everything = listing.runs if not exact else desk.store.runs()
    of_group: defaultdict[str, list[Run]] = defaultdict(list)
    for run in everything:
        of_group[run.facts.group].append(run)
    rows = [
        {
            **run_card(run),
            "tasks": run.task_names,
            "scores": [_score(one, run.run_id) for one in own[:_SCORES]],
            "more_scores": max(0, len(own) - _SCORES),
            "compare": _compare(run, pinned, how, of_group[run.facts.group]),
            "progress": _progress(run),
        }
        for run, own in zip(shown, scores, strict=True)
    ]
    data: dict[str, Any] = {
        "filters": {name: params.get(name, "") for name in _FILTERS},
        "against": how,
        "baseline": None if pinned is None else run_card(pinned),
        "runs": rows,
        "total": len(found),
        "number": number,
        "pages": pages,
        "groups": sorted({r.facts.group for r in everything if r.facts.group})[:_LISTED],
        "unreadable": [error.message for error in listing.unreadable],
    }
    return Page("runs.html", "Runs", data)


def chosen(runs: Sequence[str]) -> str:
    """Where the runs that were ticked are compared, the oldest as baseline: the page lists the
    newest first."""
    ordered = list(dict.fromkeys(reversed(runs)))
    if len(ordered) == 2:
        return href("/compare", {"a": ordered[0], "b": ordered[1]})
    if len(ordered) > 2:
        return href("/matrix", [("run", run) for run in ordered])
    return href("/", {"baseline": ordered[0]} if ordered else {})


def _matches(run: Run, wanted: dict[str, str]) -> bool:
    model, task = wanted.get("model", "").casefold(), wanted.get("task", "")
    named = not task or any(task in name for name in run.task_names)
    return named and model in run.model.casefold()


def _score(score: Any, run_id: str) -> dict[str, Any]:
    listed = score.kind in ("suite", ANCHORED)  # made of other rows
    return {
        "why": href_of(run_id, score.name),
        "task": None if listed else href("/task", {"run": run_id, "task": score.name}),
        "name": anchored_label(score.name) if score.kind == ANCHORED else score.name,
        "kind": score.kind,
        "metric": score.metric,
        "value": score.value,
        "ci_low": score.ci_low,
        "ci_high": score.ci_high,
    }


def _compare(
    run: Run, pinned: Run | None, how: Choice, runs: list[Run]
) -> dict[str, str | None] | None:
    """What the run is compared with in one click: the pinned baseline, or the one that was chosen,
    which is found when it is asked for unless it is the one before."""
    if run.facts.status not in ("complete", "incomplete"):
        return None
    if pinned is None and how != "previous":
        return {"with": None, "href": href("/against", {"run": run.run_id, "how": how})}
    before = pinned or previous_of(run, runs)
    if before is None or before == run:
        return None
    return {"with": before.run_id, "href": href("/compare", {"a": before.run_id, "b": run.run_id})}


def _progress(run: Run) -> dict[str, float] | None:
    """Of a run that is being made on a disk: the bytes of its journal, and how long ago the last
    of them was written."""
    if run.status != "running" or "://" in run.location:
        return None
    folder = RunFolder(Path(run.location))
    told = [path.stat() for path in {folder.journal, *folder.shard_journals} if path.is_file()]
    if not told:
        return None
    last = max(one.st_mtime for one in told)
    return {"bytes": sum(one.st_size for one in told), "seconds_ago": max(0, time.time() - last)}
