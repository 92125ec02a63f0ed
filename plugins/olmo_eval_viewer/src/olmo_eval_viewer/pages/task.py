"""One task over several runs: how hard its questions are, and for which kinds of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from olmo_eval.errors import UnknownNameError, UsageError
from olmo_eval.results import Run
from olmo_eval.results.difficulty import SOLVED, Difficulty
from olmo_eval.results.naming import same_task
from olmo_eval_viewer.cards import primary_scores, run_card
from olmo_eval_viewer.charts import Bar, histogram
from olmo_eval_viewer.desk import Desk
from olmo_eval_viewer.filters import page_number
from olmo_eval_viewer.page import Here, Page, Params, Table, href
from olmo_eval_viewer.pages.why import href_of
from olmo_eval_viewer.texts import short_names

#: questions on a page; runs that are looked at together, the newest of all
PAGE, _RUNS = 50, 24
_BINS = 12
_SORTS = ("hardest", "easiest", "data")
IntArray = npt.NDArray[np.int64]


def page(desk: Desk, params: Params, here: Here) -> Page:
    runs, task, left_out = _asked(desk, params, here)
    found = desk.difficulty(runs, task)
    shown = _one_of("solved", params.get("solved") or "all", ("all", *SOLVED))
    sort = _one_of("sort", params.get("sort") or "hardest", _SORTS)
    order = _ordered(found, _chosen(desk, found, params, shown), sort)
    pages = max(1, -(-len(order) // PAGE))
    number = min(page_number(params.get("page") or "1"), pages)
    cards = _runs(found)
    last, name = found.runs[-1]
    notes = list(found.notes)
    if left_out:
        notes.append(f"the newest {_RUNS} runs; {left_out:,} older ones are left out")
    data = {
        "task": task,
        "group": params.get("group", ""),
        "metric": {k: found.metric[k] for k in ("metric", "key", "higher_is_better")},
        "binary": found.binary,
        "runs": cards,
        "counts": dict(found.counts()),
        "solved": shown,
        "sort": sort,
        "sorts": list(_SORTS),
        "where": params.get("where", ""),
        "range": params.get("score", ""),
        "parts": _parts(desk, found, params),
        "questions": _questions(found, order[(number - 1) * PAGE : number * PAGE], here),
        "total": len(order),
        "number": number,
        "pages": pages,
        "notes": notes,
        "groups": _groups(desk, task),
    }
    charts = {"chart": _chart(found, here, params), "spread": _spread(found)}
    return Page("task.html", f"Task · {task}", data, charts, _table(found, order, last, name))


def _asked(desk: Desk, params: Params, here: Here) -> tuple[list[Run], str, int]:
    """The runs to look at, oldest first, the task, and how many runs are left out."""
    named = [value for key, value in here.params if key == "run" and value]
    task = params.get("task", "")
    if not task:
        raise UsageError("the address lacks a task", hint="the page Runs leads to each")
    if named:
        return [desk.run(one) for one in dict.fromkeys(named)][:_RUNS], task, 0
    group = params.get("group", "")
    runs = desk.store.select({"group": group} if group else {})
    with_task = [
        run
        for run in runs
        if run.facts.kind != "rescore" and same_task(run.task_names, task) is not None
    ]
    if not with_task:
        raise UnknownNameError(f"no run has a task {task[:200]!r}", hint="the page Runs lists them")
    with_task.sort(key=lambda r: (r.facts.group, r.facts.step or 0, r.facts.started))
    return with_task[-_RUNS:], task, max(0, len(with_task) - _RUNS)


def _groups(desk: Desk, task: str) -> list[str]:
    found = [r.facts.group for r in desk.store.runs() if same_task(r.task_names, task) is not None]
    return sorted({group for group in found if group})[:200]


def _one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise UsageError(f"{name}: expected one of {', '.join(known)}, got {value[:40]!r}")
    return value


def _chosen(desk: Desk, found: Difficulty, params: Params, shown: str) -> npt.NDArray[np.bool_]:
    """Which questions the filters leave."""
    chosen = np.ones(len(found.ids), bool)
    if shown != "all":
        chosen &= found.solved() == SOLVED.index(shown)
    if params.get("where"):
        key, _, value = params["where"].partition(":")
        chosen &= desk.part(found, key, value)
    if params.get("score"):
        low, high = _range(params["score"])
        with np.errstate(invalid="ignore"):
            chosen &= (found.means >= low) & (found.means <= high)
    return chosen


def _range(text: str) -> tuple[float, float]:
    low, _, high = text.partition("..")
    try:
        return float(low), float(high)
    except ValueError:
        raise UsageError(f"score: expected a range such as 0..0.5, got {text[:40]!r}") from None


def _ordered(found: Difficulty, chosen: npt.NDArray[np.bool_], sort: str) -> IntArray:
    if sort == "data":
        return np.flatnonzero(chosen)
    order = found.hardest()
    known = order[chosen[order]]
    if sort == "hardest":
        return known
    scored = ~np.isnan(found.means[known])
    return np.concatenate([known[scored][::-1], known[~scored]])


def _runs(found: Difficulty) -> list[dict[str, Any]]:
    labels = short_names([run.model for run, _ in found.runs])
    cards = []
    for (run, name), label in zip(found.runs, labels, strict=True):
        score = primary_scores(run).get(name)
        cards.append(
            {
                **run_card(run),
                "label": label,
                "value": None if score is None else score.value,
                "ci_low": None if score is None else score.ci_low,
                "ci_high": None if score is None else score.ci_high,
                "n_scored": None if score is None else score.n_scored,
                "n_expected": None if score is None else score.n_expected,
                "why": href_of(run.run_id, name),
            }
        )
    return cards


def _questions(found: Difficulty, places: IntArray, here: Here) -> list[dict[str, Any]]:
    """The questions of a page with their texts, and how each run scored on them."""
    run, name = found.runs[-1]
    order = np.sort(places)
    texts = dict(
        zip(
            order.tolist(),
            run.rows_at(name, order.tolist(), ("question", "gold", "text", "answer", "outcome")),
            strict=True,
        )
    )
    means, solved = found.means, found.solved()
    cards = []
    for place in places.tolist():
        row = texts[place]
        told = row["text"] if row.get("text") is not None else row.get("answer")
        instance_id = found.ids[place].as_py()
        params = {"run": run.run_id, "task": name, "id": instance_id}
        cards.append(
            {
                "id": instance_id,
                "question": _cut(row.get("question")),
                "gold": _cut(row.get("gold")),
                "answer": _cut(told),
                "outcome": row.get("outcome"),
                "mean": _known(means[place]),
                "solved": SOLVED[int(solved[place])],
                "scores": [_known(value) for value in found.scores[place]],
                "href": href("/question", params),
            }
        )
    return cards


def _cut(text: Any) -> str | None:
    return None if text is None else str(text)[:2_000]


def _known(value: float) -> float | None:
    return None if value != value else float(value)


def _parts(desk: Desk, found: Difficulty, params: Params) -> dict[str, Any]:
    keys = desk.part_keys(found)
    key = params.get("by", "") or (keys[0] if len(keys) == 1 else "")
    if key and key not in keys:
        known = f"by {', '.join(keys)}" if keys else "their metadata says nothing that could"
        raise UnknownNameError(f"the questions cannot be divided by {key[:80]!r}", hint=known)
    rows = [
        {
            "value": part.value,
            "n": part.n,
            "mean": part.mean,
            "newest": part.newest,
            "counts": dict(part.counts),
        }
        for part in (desk.parts(found, key) if key else ())
    ]
    return {"keys": keys, "by": key, "rows": rows}


def _chart(found: Difficulty, here: Here, params: Params) -> Any:
    """How many questions have which mean score; each bar filters."""
    means = found.means
    known = means[~np.isnan(means)]
    if not known.size or (found.binary and len(found.runs) == 1):
        return histogram((), "")  # what is right and wrong is counted already
    low, high = (0.0, 1.0) if found.binary else (float(known.min()), float(known.max()))
    bins = len(found.runs) + 1 if found.binary and len(found.runs) < _BINS else _BINS
    if high == low:
        high = low + 1
    step = (high - low) / (bins - 1 if found.binary else bins)
    start = low - step / 2 if found.binary else low
    counts, edges = np.histogram(known, bins=bins, range=(start, start + bins * step))
    bars = []
    for i, n in enumerate(counts.tolist()):
        span = f"{edges[i]:.6g}..{edges[i + 1]:.6g}"
        on = params.get("score") == span
        if found.binary and bins == len(found.runs) + 1:
            words = f"solved by {i} of {len(found.runs)} runs: {n:,} questions"
        else:
            words = f"mean score {max(low, edges[i]):.3g} to {min(high, edges[i + 1]):.3g}: {n:,}"
        bars.append(Bar(n, words, here.to(score=None if on else span), on))
    return histogram(bars, "questions by mean score", 560, 120, counted=True)


def _spread(found: Difficulty) -> list[Any]:
    """Of scores that are more than right or wrong, how they are spread in each run."""
    if found.binary:
        return []
    known = found.scores[~np.isnan(found.scores)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    drawn = []
    for column in found.scores.T:
        own = column[~np.isnan(column)]
        counts, edges = np.histogram(own, bins=_BINS, range=(low, high if high > low else low + 1))
        bars = [
            Bar(n, f"{edges[i]:.3g} to {edges[i + 1]:.3g}: {n:,}", "#runs")
            for i, n in enumerate(counts.tolist())
        ]
        drawn.append(histogram(bars, "scores of single questions"))
    return drawn


def _table(found: Difficulty, order: IntArray, last: Run, name: str) -> Table:
    """All questions that the filters leave, with each run's score."""
    labels = [run.run_id for run, _ in found.runs]
    text, real = pa.string(), pa.float64()
    schema = pa.schema(
        [("id", text), ("question", text), ("gold", text), ("solved", text), ("mean", real)]
        + [(label, real) for label in labels]
    )

    def batches() -> Iterator[pa.RecordBatch]:
        means, solved = found.means, found.solved()
        for start in range(0, len(order), 1_000):
            places = order[start : start + 1_000]
            ascending = np.sort(places).tolist()
            rows = last.rows_at(name, ascending, ("question", "gold"))
            texts = dict(zip(ascending, rows, strict=True))
            yield pa.RecordBatch.from_pylist(
                [
                    {
                        "id": found.ids[p].as_py(),
                        "question": _cut(texts[p].get("question")),
                        "gold": _cut(texts[p].get("gold")),
                        "solved": SOLVED[int(solved[p])],
                        "mean": _known(means[p]),
                        **dict(zip(labels, map(_known, found.scores[p]), strict=True)),
                    }
                    for p in places.tolist()
                ],
                schema=schema,
            )

    return Table(schema, batches)
