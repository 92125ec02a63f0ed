"""One question: what was asked, and both answers side by side; or that of one run alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from olmo_eval.errors import UnknownNameError, UsageError
from olmo_eval.results import Run
from olmo_eval.results.naming import paired_names
from olmo_eval.results.pairing import primary_metric
from olmo_eval.results.tracking.histories import Histories
from olmo_eval.results.transcripts import Transcript
from olmo_eval_viewer.answers import (
    TEXT,
    answer_text,
    choice_cards,
    content_of,
    prompt_card,
    sample_number,
    samples_at,
    samples_of,
    side_card,
)
from olmo_eval_viewer.cards import pair_cards, run_card
from olmo_eval_viewer.desk import Desk, plain_task
from olmo_eval_viewer.noted import filters_of, note_card
from olmo_eval_viewer.page import Here, Page, Params, href
from olmo_eval_viewer.pages.compare import back
from olmo_eval_viewer.questions import Neighbours
from olmo_eval_viewer.texts import tail_of
from olmo_eval_viewer.timeline import aligned
from olmo_eval_viewer.worddiff import Diff, word_diff


def page(desk: Desk, params: Params, here: Here) -> Page:
    if params.get("run"):
        return _alone(desk, params, here)
    a, b, task, task_b, instance_id = _asked(desk, params)
    pair = desk.pair(a, b, task, task_b)
    row = pair.row(instance_id)
    if row is None:
        raise UnknownNameError(f"neither run has the question {instance_id[:200]!r} in {task}")
    filters = filters_of(desk, params, a, task)
    sides = [
        samples_at(run, name, row[place])
        for run, name, place in ((a, task, "row_a"), (b, task_b, "row_b"))
    ]
    card_a, card_b = pair_cards(a, b)
    values = (row["value_a"], row["value_b"])
    data = {
        "a": card_a,
        "b": card_b,
        "columns": _columns((card_a, task), (card_b, task_b)),
        "standing": row["standing"],
        "noise": bool(row["noise"]),
        "steady_a": row["steady_a"],
        "steady_b": row["steady_b"],
        "metric": {k: pair.standings.metric[k] for k in ("metric", "higher_is_better")},
        **_told(desk, params, a, task, instance_id, sides, values),
        "history": _history(desk, a, b, task, task_b, instance_id),
        "place": _place(pair.neighbours(row, filters), here),
        "back": back(here),
    }
    return Page("question.html", f"{instance_id} · {task}", data)


def _alone(desk: Desk, params: Params, here: Here) -> Page:
    """The question in one run, without anything to compare it with."""
    missing = [name for name in ("task", "id") if not params.get(name)]
    if missing:
        raise UsageError(f"the address lacks {', '.join(missing)}")
    run, instance_id = desk.run(params["run"]), params["id"]
    task = run.task_record(params["task"])["name"]
    samples = samples_of(run, task, instance_id)
    if not samples:
        raise UnknownNameError(f"the run has no question {instance_id[:200]!r} in {task}")
    metric = primary_metric(run, task)
    card = {**run_card(run), "label": tail_of(run.model)}
    value = samples[0].values.get(str(metric["key"]))
    found = desk.histories(run, task)
    strips = [] if found is None or len(found.places) < 2 else [(found, task, instance_id)]
    data = {
        "a": card,
        "b": None,
        "columns": _columns((card, task)),
        "standing": None,
        "noise": False,
        "steady_a": None,
        "steady_b": None,
        "metric": {k: metric[k] for k in ("metric", "higher_is_better")},
        **_told(desk, params, run, task, instance_id, [samples], (value,)),
        "history": [_strip(*strip, {"here": run}) for strip in strips],
        "place": None,
        "back": here.to("/task", id=None, sample=None, whole=None, diff=None),
    }
    return Page("question.html", f"{instance_id} · {task}", data)


def _told(
    desk: Desk,
    params: Params,
    run: Run,
    task: str,
    instance_id: str,
    sides: Sequence[Sequence[Transcript]],
    values: Sequence[float | None],
) -> dict[str, Any]:
    """What the page says of a question, whether of one run or of two."""
    most = max(map(len, sides))
    sample = sample_number(params, most)
    shown = [side[min(sample, len(side) - 1)] if side else None for side in sides]
    whole = params.get("whole") == "1"
    first = next(one for one in shown if one is not None)
    cards = [
        side_card(one, value, len(side))
        for one, value, side in zip(shown, values, sides, strict=True)
    ]
    episodes = any(one is not None and one.episode for one in shown)
    return {
        "task": task,
        "id": instance_id,
        "question": first.question[:TEXT],
        "gold": first.gold,
        "metadata": {str(k): str(v)[:TEXT] for k, v in first.metadata.items()},
        "prompt": prompt_card(shown),
        "sides": cards,
        "choices": choice_cards(shown),
        "diff": _diff_card(_diff(shown, fold=not whole)),
        "trajectory": aligned(*shown) if episodes else None,
        "samples": most,
        "sample": sample,
        "sample_scores": [[_mean(one.scores) for one in side] for side in sides],
        "whole": whole,
        "show_diff": params.get("diff") != "0",
        "note": note_card(desk.notes_of(run, task).get(instance_id)),
        "noted": {"task": plain_task(run, task), "id": instance_id},
    }


def _columns(*sides: tuple[Mapping[str, Any], str]) -> list[dict[str, str]]:
    """The runs that are shown: how a side is called, and where its number is from."""
    return [
        {"name": name, "label": card["label"], "run_id": card["run_id"], "task": task}
        for name, (card, task) in zip("AB", sides, strict=False)
    ]


def whole_text(desk: Desk, params: Params) -> str:
    """One text of a question whole: ``of`` is the prompt, or the answer of a ``sample``.

    Raises:
        OlmoEvalError: the address names no such text.
    """
    run = desk.run(params.get("run", ""))
    found = samples_of(run, params.get("task", ""), params.get("id", ""))
    if not found:
        raise UnknownNameError("the run has no such question")
    one = found[min(sample_number(params, len(found)), len(found) - 1)]
    if params.get("of") == "prompt":
        return "\n\n".join(f"[{m['role']}]\n{content_of(m)}" for m in one.messages)
    return one.text or answer_text(one)


def _asked(desk: Desk, params: Params) -> tuple[Run, Run, str, str, str]:
    missing = [name for name in ("a", "b", "task", "id") if not params.get(name)]
    if missing:
        raise UsageError(f"the address lacks {', '.join(missing)}")
    a, b, task = desk.run(params["a"]), desk.run(params["b"]), params["task"]
    other = paired_names(a.task_names, b.task_names).get(task)
    if other is None:
        raise UnknownNameError(f"the runs do not share a task {task[:200]!r}")
    return a, b, task, other, params["id"]


def _diff(shown: Sequence[Transcript | None], *, fold: bool) -> Diff | None:
    known = [answer_text(one)[:TEXT] for one in shown if one is not None]
    if len(known) < 2:
        return None
    left, right = known
    return word_diff(left, right, fold=fold)


def _diff_card(found: Diff | None) -> dict[str, Any] | None:
    if found is None:
        return None
    sides = {
        name: [{"kind": p.kind, "text": p.text} for p in parts]
        for name, parts in (("a", found.a), ("b", found.b))
    }
    return {"equal": found.equal, "unit": found.unit, **sides}


def _mean(scores: Mapping[str, float]) -> float | None:
    values = list(scores.values())
    return values[0] if values else None


def _history(
    desk: Desk, a: Run, b: Run, task: str, task_b: str, instance_id: str
) -> list[dict[str, Any]]:
    """The question over the checkpoints of both runs' groups, a strip a group; each checkpoint
    leads to its comparison with the one before."""
    strips = []
    for run, name in dict(((r.facts.group, (r, n)) for r, n in ((a, task), (b, task_b)))).values():
        found = desk.histories(run, name)
        if found is not None and len(found.places) > 1:
            strips.append(_strip(found, name, instance_id, {"A": a, "B": b}))
    return strips


def _strip(
    found: Histories, task: str, instance_id: str, marks: Mapping[str, Run]
) -> dict[str, Any]:
    scores = found.of(instance_id)
    cells = []
    for i, (place, run, score) in enumerate(zip(found.places, found.runs, scores, strict=True)):
        link = None
        if i:
            before = found.runs[i - 1].run_id
            link = href(
                "/question", {"a": before, "b": run.run_id, "task": task, "id": instance_id}
            )
        sides = "".join(side for side, one in marks.items() if one == run)
        cells.append({"at": place, "value": score, "side": sides, "href": link})
    return {"group": found.group, "cells": cells}


def _place(found: Neighbours, here: Here) -> dict[str, Any]:
    def to(name: str | None) -> str | None:
        return None if name is None else here.to(id=name, sample=None, whole=None)

    return {
        "number": found.number,
        "total": found.total,
        "before": to(found.before),
        "after": to(found.after),
        "flip_before": to(found.flip_before),
        "flip_after": to(found.flip_after),
    }
