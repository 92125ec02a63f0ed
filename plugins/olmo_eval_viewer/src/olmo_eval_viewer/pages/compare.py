"""Two runs, compared: the verdict, where they differ, and the questions behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from olmo_eval.errors import OlmoEvalError, UnknownNameError, UsageError
from olmo_eval.results import Comparison, Run, TaskComparison
from olmo_eval.results.differences import differing_inputs
from olmo_eval.results.naming import paired_names
from olmo_eval.results.notes import Note
from olmo_eval.results.standings import STANDINGS
from olmo_eval_viewer.cards import (
    bounds_card,
    pair_cards,
    primary_scores,
    tally,
    task_card,
    verdict_card,
)  # fmt: skip
from olmo_eval_viewer.charts import Bar, histogram, interval_bar
from olmo_eval_viewer.desk import Desk
from olmo_eval_viewer.filters import RANGES, Filters, range_text
from olmo_eval_viewer.noted import filters_of, note_card, tag_counts
from olmo_eval_viewer.page import Goto, Here, Page, Params, Table, href
from olmo_eval_viewer.questions import Pair, Row
from olmo_eval_viewer.texts import seconds

#: in which order a task is looked at that the address does not name
_URGENT = {"worse": 0, "better": 1, "undecided": 2, "equivalent": 3}
_METHODS = ("holm", "benjamini-hochberg")
_ANSWERS = ("answer", "text")
_TEXTS = ("question", "gold", *_ANSWERS)
#: texts of a question in the table, in characters
_HEAD = 2_000


def page(desk: Desk, params: Params, here: Here) -> Page | Goto:
    if not params.get("a") or not params.get("b"):
        raise UsageError("compare needs two runs, a and b", hint="choose them on the page Runs")
    a, b = desk.run(params["a"]), desk.run(params["b"])
    card_a, card_b = pair_cards(a, b)
    title = f"{card_a['label']} → {card_b['label']}"
    head = {"a": card_a, "b": card_b, "differences": differences(a, b)}
    allow = tuple(part for part in params.get("allow", "").split(",") if part)
    try:
        found = desk.comparison(a, b, allow)
    except UsageError as error:
        return _refused(title, head, error, allow)
    row = _chosen(found, params.get("task"))
    filters = filters_of(desk, params, a, row.name)
    notes = desk.notes_of(a, row.name)
    pair = desk.pair(a, b, row.name, row.name_b or row.name)
    data = {
        **head,
        "verdict": found.kind,
        "tally": tally(r.verdict.kind for r in found.tasks),
        "tasks": [task_card(r) for r in found.tasks],
        "suites": [task_card(r) for r in found.suites],
        "notes": list(found.notes),
        "allowed": list(allow),
        "task": _task(row, a, b),
        "filters": filters.to_dict(),
        "counts": _counts(pair),
        "binary": pair.standings.binary,
        "outcomes": pair.outcomes,
        "noisy": pair.noisy,
        "part": _part(pair, filters),
        **_questions(pair, filters, here, notes),
        "tags": tag_counts(notes),
        "noted": len(notes),
        "bounded": bounded(pair),
        "slices": _slices(pair, params),
    }
    return Page(
        "compare.html",
        title,
        data,
        _charts(found, pair, here, filters),
        _table(pair, filters, notes),
    )


def _refused(
    title: str, head: Mapping[str, Any], error: OlmoEvalError, allow: tuple[str, ...]
) -> Page:
    """Why the runs are not compared; and, where inputs differ, the address that compares anyway."""
    fields = dict.fromkeys(d["field"] for d in head["differences"] if d["forbids"])
    wanted = ",".join([*allow, *(f for f in fields if f not in allow)])
    data = {**head, "error": error.message, "hint": error.hint, "allow": wanted if fields else ""}
    return Page("refused.html", title, data)


def differences(a: Run, b: Run) -> list[dict[str, Any]]:
    """What differs between what the runs were made of, in words, each with the tasks it is of."""
    found: dict[tuple[str, bool, str], list[str]] = {}
    for name, other in paired_names(a.task_names, b.task_names).items():
        for one in differing_inputs(a.record, b.record, name, other):
            found.setdefault((one.field, one.forbids, one.sentence()), []).append(name)
    return [
        {"field": field, "forbids": forbids, "sentence": sentence, "tasks": tasks}
        for (field, forbids, sentence), tasks in found.items()
    ]


def _chosen(found: Comparison, name: str | None) -> TaskComparison:
    """The task to look at: the one named, else the most urgent."""
    if name:
        row = next((r for r in found.tasks if r.name == name), None)
        if row is None:
            known = ", ".join(r.name for r in found.tasks)
            raise UnknownNameError(f"no task {name!r} is compared", hint=f"there are {known}")
        return row
    return min(found.tasks, key=lambda r: (_URGENT[r.verdict.kind], r.verdict.p_value))


def _task(row: TaskComparison, a: Run, b: Run) -> dict[str, Any]:
    scores_a, scores_b = primary_scores(a), primary_scores(b)
    return {
        **task_card(row),
        "bounds_a": bounds_card(scores_a.get(row.name)),
        "bounds_b": bounds_card(scores_b.get(row.name_b or row.name)),
    }


def _counts(pair: Pair) -> dict[str, int]:
    """The counters of a page: those kinds of standing that the metric can have."""
    without = ("tied",) if pair.standings.binary else ("both_right", "both_wrong")
    return {name: pair.counts[name] for name in STANDINGS if name not in without}


def _part(pair: Pair, filters: Filters) -> dict[str, Any] | None:
    """The verdict on the questions that a filter leaves, or why there is none."""
    if not filters.active:
        return None
    if filters.by_result:
        return {
            "verdict": None,
            "why": "no test on these: they were chosen by how they were answered or scored"
            if not filters.q
            else "no test on these: a search looks into answers, too",
        }
    verdict = pair.verdict(filters)
    if verdict is None:
        return {"verdict": None, "why": "no question of this part has both scores"}
    return {"verdict": verdict_card(verdict), "why": ""}


def bounded(pair: Pair) -> list[str]:
    """Those of ``RANGES`` in which the questions differ."""
    return [
        name
        for name in RANGES
        if pair.histogram(name) and (name != "gain" or not pair.standings.binary)
    ]


def _questions(
    pair: Pair, filters: Filters, here: Here, notes: Mapping[str, Note]
) -> dict[str, Any]:
    found = pair.page(filters)
    rows = _cards(pair, found.rows, notes)
    for row in rows:
        row["href"] = here.to("/question", id=row["id"], task=pair.standings.task)
    pages = {"total": found.total, "pages": found.pages, "number": min(filters.page, found.pages)}
    return {"questions": rows, **pages, "searched": None if found.read >= 1 else found.read}


def _cards(pair: Pair, rows: list[Row], notes: Mapping[str, Note]) -> list[dict[str, Any]]:
    """Rows of the index with their texts, which are read for these alone."""
    # the question and its gold answer are those of A, unless B alone has it
    of_b_alone = any(row["row_a"] is None for row in rows)
    of_a = _texts(pair.a, pair.standings.task, [row["row_a"] for row in rows], _TEXTS)
    of_b = _texts(
        pair.b, pair.standings.task_b, [row["row_b"] for row in rows],
        _TEXTS if of_b_alone else _ANSWERS,
    )  # fmt: skip
    return [
        {
            **question_card(row, of_a.get(row["row_a"]), of_b.get(row["row_b"])),
            "note": note_card(notes.get(row["instance_id"])),
        }
        for row in rows
    ]


def _texts(
    run: Run, task: str, places: list[int | None], columns: Sequence[str]
) -> dict[int | None, Row]:
    numbers = sorted(place for place in places if place is not None)
    if not numbers:
        return {}
    return dict(zip(numbers, run.rows_at(task, numbers, columns), strict=True))


def question_card(row: Row, of_a: Row | None, of_b: Row | None) -> dict[str, Any]:
    """A question of the table with both answers, all texts shortened."""
    known = of_a or of_b or {}
    return {
        "id": row["instance_id"],
        "standing": row["standing"],
        "value_a": row["value_a"],
        "value_b": row["value_b"],
        "outcome_a": row["outcome_a"],
        "outcome_b": row["outcome_b"],
        "tokens_b": row["completion_tokens_b"],
        "seconds_b": row["latency_b"],
        "cost_b": row["cost_usd_b"],
        "gain": row["gain"],
        "noise": bool(row["noise"]),
        "steady_a": row["steady_a"],
        "steady_b": row["steady_b"],
        "question": _cut(known.get("question")),
        "gold": _cut(known.get("gold")),
        "answer_a": _answer(of_a),
        "answer_b": _answer(of_b),
    }


def _answer(row: Row | None) -> str | None:
    if row is None:
        return None
    return _cut(row.get("text") if row.get("text") is not None else row.get("answer"))


def _cut(text: Any) -> str | None:
    return None if text is None else str(text)[:_HEAD]


def _slices(pair: Pair, params: Params) -> dict[str, Any]:
    """The part verdicts by a key of the metadata, where the address asks for one."""
    key = params.get("by", "")
    method = params.get("adjust") or "holm"
    if method not in _METHODS:
        raise UsageError(f"adjust: expected one of {', '.join(_METHODS)}")
    keys = pair.slice_keys()
    if key and key not in keys:
        raise UnknownNameError(
            f"the questions cannot be divided by {key[:80]!r}",
            hint=f"by {', '.join(keys)}" if keys else "their metadata says nothing that could",
        )
    rows = []
    for one in pair.slices(key, method) if key else ():
        verdict = None if one.verdict is None else verdict_card(one.verdict)
        rows.append({"value": one.value, "n": one.n, "verdict": verdict})
    return {"keys": keys, "by": key, "adjust": method, "rows": rows}


def _charts(found: Comparison, pair: Pair, here: Here, filters: Filters) -> dict[str, Any]:
    bars: dict[str, Any] = {}
    for row in found.rows:
        verdict = row.verdict
        ends = (verdict.difference, verdict.ci_low or 0.0, verdict.ci_high or 0.0)
        reach = max(abs(end) for end in ends)
        bars[row.name] = interval_bar(
            verdict.difference, verdict.ci_low, verdict.ci_high, max(reach, _reach(found)),
            verdict.kind,
        )  # fmt: skip
    heads = {name: _head(pair, name, here, filters) for name in bounded(pair)}
    return {"bars": bars, "heads": {k: v for k, v in heads.items() if v}}


def _reach(found: Comparison) -> float:
    """How far the axis of differences goes: the same one for all tasks of unbounded scores."""
    ends = [
        abs(end)
        for row in found.rows
        for end in (row.verdict.difference, row.verdict.ci_low, row.verdict.ci_high)
        if end is not None
    ]
    return max((end for end in ends if end <= 1), default=1.0)


def _head(pair: Pair, name: str, here: Here, filters: Filters) -> Any:
    """The small distribution above a column, whose bars filter."""
    bars = []
    for low, high, n in pair.histogram(name):
        chosen = filters.ranges.get(name)
        ends = range_text(low, high)
        unit = (
            f"{seconds(low)} to {seconds(high)}"
            if name == "seconds"
            else f"{low:.4g} to {high:.4g}"
        )
        slack = (high - low) * 1e-4
        on = chosen is not None and chosen[0] <= low + slack and high <= chosen[1] + slack
        link = here.to(**{name: None if on else ends})
        bars.append(Bar(n, f"{unit}: {n:,} questions", link, on))
    what = "how much better B is" if name == "gain" else f"{name} in B"
    return histogram(bars, f"distribution of {what}")


def _table(pair: Pair, filters: Filters, notes: Mapping[str, Note]) -> Table:
    """All questions that the filters leave, with their texts."""
    text, real = pa.string(), pa.float64()
    schema = pa.schema(
        [
            ("id", text), ("standing", text), ("value_a", real), ("value_b", real),
            ("outcome_a", text), ("outcome_b", text), ("tokens_b", pa.int64()),
            ("seconds_b", real), ("cost_b", real), ("noise", pa.bool_()),
            ("steady_a", pa.int64()), ("steady_b", pa.int64()), ("question", text),
            ("gold", text), ("answer_a", text), ("answer_b", text),
            ("tags", text), ("note", text),
        ]
    )  # fmt: skip

    def batches() -> Iterator[pa.RecordBatch]:
        for rows in pair.every(filters):
            cards = [{**card, **_said(card["note"])} for card in _cards(pair, rows, notes)]
            yield pa.RecordBatch.from_pylist(cards, schema=schema)

    return Table(schema, batches)


def _said(note: Mapping[str, Any] | None) -> dict[str, str | None]:
    if note is None:
        return {"note": None, "tags": None}
    return {"note": note["text"] or None, "tags": ", ".join(note["tags"]) or None}


def back(here: Here) -> str:
    """The table of questions that a question's address was reached from."""
    kept = [(k, v) for k, v in here.params if k not in ("id", "sample", "whole", "format", "diff")]
    return href("/compare", kept)
