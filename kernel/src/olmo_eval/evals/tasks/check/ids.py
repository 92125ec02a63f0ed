"""Check of ids: unique, made of the data, the same in every reading and every order of it."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from olmo_eval.common.convert import to_json
from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.check.readings import NotRead, Sighting, sightings
from olmo_eval.evals.tasks.check.report import Finding, error, note, shown
from olmo_eval.evals.tasks.check.subject import Subject, fresh, question_key
from olmo_eval.evals.tasks.common import Task

#: rows that are read in both orders
_ROWS = 1000
#: what data sets call the field that identifies a row
_ID_FIELDS = (
    "id", "_id", "uid", "uuid", "guid", "qid", "question_id", "example_id", "problem_id",
    "task_id", "item_id", "instance_id", "sample_id",
)  # fmt: skip


def check_ids(subject: Subject) -> Iterator[Finding]:
    """``ids``: unique, made of the data and not of a row's place in it or of chance."""
    repeated = [name for name, count in subject.given.items() if count > 1]
    if repeated:
        yield error(
            "ids",
            f"{len(repeated):,} ids stand for several instances",
            instance_id=repeated[0],
            hint="give metadata['id'] something unique, or leave it out",
        )
    changing = list(_readings(subject))
    yield from changing
    if not any(finding.severity == "error" for finding in changing):
        yield from _order(subject)
    yield from _unused(subject)


def _readings(subject: Subject) -> Iterator[Finding]:
    """Reading the data once more, here and in another process, shows the same instances."""
    here = tuple(sightings(fresh(subject.task), subject.bare))
    found = list(
        _changes(
            subject.sightings,
            here,
            "when the data is read again",
            "no clock, counter, uuid or unseeded random number may decide it",
        )
    )
    yield from found
    if found:
        return
    try:
        if subject.elsewhere is None:
            raise NotRead("the task has no spec that one could load")
        there = subject.elsewhere()
    except NotRead as reason:
        yield note("ids", f"not checked in another process (ids made by hash(), say): {reason}")
        return
    yield from _changes(
        subject.sightings,
        there,
        "in another Python process",
        "hash() and the order of a set differ from process to process; take hashlib and sorted()",
    )


def _changes(
    one: Sequence[Sighting], other: Sequence[Sighting], when: str, why: str
) -> Iterator[Finding]:
    """What two readings do not agree on, the worst of it first and alone."""
    if [s.question for s in one] != [s.question for s in other]:
        same = sorted(s.question for s in one) == sorted(s.question for s in other)
        what = "the order of the instances changes" if same else "other questions come"
        yield error("ids", f"{what} {when}", instance_id=one[0].id if one else None, hint=why)
        return
    pairs = list(zip(one, other, strict=True))
    for what, aspect in (("answers or choices", "answer"), ("ids", "id"), ("prompts", "prompt")):
        moved = [(a, b) for a, b in pairs if getattr(a, aspect) != getattr(b, aspect)]
        if moved:
            first, second = moved[0]
            change = f" ({shown(first.id)} -> {shown(second.id)})" if aspect == "id" else ""
            yield error(
                "ids",
                f"{len(moved):,} of {len(pairs):,} {what} change {when}{change}",
                instance_id=first.id,
                hint=f"take the id from the row, or leave metadata['id'] out; {why}"
                if aspect == "id"
                else why,
            )
            return


def _unused(subject: Subject) -> Iterator[Finding]:
    """Ids made of the content where the rows have ids: a corrected typo gives another id."""
    if not subject.made or subject.given:
        return
    rows = _rows(subject.task) or []
    for name in _ID_FIELDS:
        values = [row.get(name) for row in rows]
        usable = all(isinstance(v, int | str) and v != "" for v in values)
        if len(values) > 1 and usable and len(set(values)) == len(values):
            yield note(
                "ids",
                f"ids are made of the question's text, though every row has a unique {name!r} "
                f"(metadata={{'id': doc[{name!r}]}} keeps an id where a text is corrected)",
            )
            return


def _order(subject: Subject) -> Iterator[Finding]:
    rows = _rows(subject.task)
    if rows is None:
        if subject.total > 1 and subject.at_position == subject.total:
            yield note("ids", "order not checked: the ids look like positions in the data")
        return
    forward, backward = (_by_question(subject.task, order) for order in (rows, rows[::-1]))
    moved = [key for key in forward if _ids(forward[key]) != _ids(backward.get(key, []))]
    if moved:
        before, after = _ids(forward[moved[0]]), _ids(backward.get(moved[0], []))
        yield error(
            "ids",
            f"{len(moved):,} of {len(forward):,} questions change their id when the rows come in "
            f"another order ({', '.join(before)} -> {', '.join(after) or 'none'})",
            instance_id=before[0],
            hint="take the id from the row, or leave metadata['id'] out: "
            "it is then made of the question",
        )
        return
    changed = [key for key in forward if _content(forward[key]) != _content(backward[key])]
    if changed:
        yield error(
            "ids",
            f"{len(changed):,} questions change their choices or answer with the order of the rows",
            instance_id=_ids(forward[changed[0]])[0],
            hint="seed what is drawn with the row's content, not with its place",
        )


def _rows(task: Task) -> list[dict[str, Any]] | None:
    if task.config.data_source is None:
        return None
    return list(islice(task._rows(task.config.get_data_source()), _ROWS))


def _by_question(task: Task, rows: list[dict[str, Any]]) -> dict[str, list[Instance]]:
    """The instances of ``rows``, whichever way the task reads its data."""
    found: dict[str, list[Instance]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="olmo-eval-check-") as folder:
        again = fresh(task)
        if type(task).instances is Task.instances:
            again._rows = lambda source: iter(rows)  # type: ignore[method-assign]
        else:
            path = Path(folder, "rows.jsonl")
            path.write_text("".join(json.dumps(row, default=to_json) + "\n" for row in rows))
            again = fresh(task, data_source=DataSource(path=str(path)), split=None)
        for instance in again.instances:
            found[question_key(instance)].append(instance)
    return found


def _ids(instances: list[Instance]) -> list[str]:
    return sorted(_given_or_question(instance) for instance in instances)


def _given_or_question(instance: Instance) -> str:
    """An id as the data gives it; made ones follow the content, which is compared by itself."""
    given = instance.metadata.get("id")
    return question_key(instance)[:20] if given is None else instance.id


def _content(instances: list[Instance]) -> list[str]:
    return sorted(repr((i.choices, i.gold_answer, i.gold_index)) for i in instances)
