"""Checks of the data: how much there is, who is who, and which answer is right."""

from __future__ import annotations

import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from olmo_eval.common.convert import to_json
from olmo_eval.common.text import LABELS
from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.check.report import Finding, error, note, shown, warning
from olmo_eval.evals.tasks.check.subject import Subject, fresh, gold_of, question_key
from olmo_eval.evals.tasks.common import Task
from olmo_eval.evals.tasks.common.task import instance_id

#: rows that are read a second and a third time, in both orders
_ROWS = 1000
#: instances from which on a share of them says something
_ENOUGH = 20


def check_instances(subject: Subject) -> Iterator[Finding]:
    """``instances``: there are some, and as many as the task says its published data has."""
    if subject.total == 0:
        yield error("instances", "there are none", hint="look at the data source and process_doc")
    expected = _expected(subject.task)
    if expected is not None and expected != subject.total:
        yield error(
            "instances",
            f"{subject.total:,} instances, but the published data has {expected:,}",
            hint="rows are lost or added: look at process_doc, the split and the data's copy",
        )


def _expected(task: Task) -> int | None:
    """The documented number, where the data is the task's own."""
    said, config = task.expected_instances, task.config
    if said is None or config.data_source is None:
        return None
    own = type(task).default_config(config.name)
    if own.data_source is None or config.data_source != own.data_source:
        return None
    split = config.get_data_source().split
    if isinstance(said, int):
        return said if split == own.get_data_source().split else None
    return said.get(split)


def check_ids(subject: Subject) -> Iterator[Finding]:
    """``ids``: unique, made of the data and not of a row's place in it."""
    repeated = [name for name, count in subject.given.items() if count > 1]
    if repeated:
        yield error(
            "ids",
            f"{len(repeated):,} ids stand for several instances",
            instance_id=repeated[0],
            hint="give metadata['id'] something unique, or leave it out",
        )
    copies = sum(count - 1 for count in subject.made.values())
    if copies:
        yield note("ids", f"{copies:,} questions are exact copies of another one")
    yield from _order(subject)


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
    return question_key(instance)[:20] if given is None else instance_id(instance)


def _content(instances: list[Instance]) -> list[str]:
    return sorted(repr((i.choices, i.gold_answer, i.gold_index)) for i in instances)


def check_gold(subject: Subject) -> Iterator[Finding]:
    """``gold``: there is a right answer, it is among distinct choices, its place tells nothing."""
    silent = [i for i in subject.items if not gold_of(i.instance).strip()]
    if silent and len(silent) < len(subject.items):
        yield warning(
            "gold",
            f"{len(silent)} of {len(subject.items)} instances have no gold answer",
            instance_id=silent[0].name,
            hint="leave such rows out (return None from process_doc), or score them without gold",
        )
    for item in subject.items:
        problem = _contradiction(item.instance)
        if problem:
            yield error("gold", problem, instance_id=item.name, hint="look at metadata['gold_idx']")
            break
    yield from _same_choices(subject)
    yield from _places(subject)


def _contradiction(instance: Instance) -> str | None:
    """Where ``gold_idx`` is no index, or ``gold_answer`` names another choice."""
    choices, index = instance.choices, instance.metadata.get("gold_idx")
    if not choices or index is None:
        return None
    if not 0 <= int(index) < len(choices):
        return f"the right choice is number {index} of {len(choices)} (counted from 0)"
    index = int(index)
    gold = str(instance.gold_answer if instance.gold_answer is not None else "").strip()
    texts = [str(choice).strip() for choice in choices]
    if gold in ("", texts[index], str(index), str(index + 1), LABELS[index]):
        return None
    if gold in texts:
        return f"the gold answer {shown(gold)} is choice {texts.index(gold)}, gold_idx is {index}"
    if gold in LABELS[: len(choices)]:
        return f"the gold answer is {gold}, gold_idx is {index} ({LABELS[index]})"
    if gold.isdecimal() and len(gold) < 3 and int(gold) <= len(choices):
        return f"the gold answer is number {gold}, gold_idx is {index}"
    return None


def _same_choices(subject: Subject) -> Iterator[Finding]:
    with_choices = [i for i in subject.items if i.instance.choices]
    same = [i for i in with_choices if _repeats(i.instance)]
    if not same:
        return
    say = error if len(same) > max(2, len(with_choices) // 20) else warning
    yield say(
        "gold",
        f"in {len(same)} of {len(with_choices)} instances the right choice stands there twice",
        instance_id=same[0].name,
        hint="choices must differ, or the right one cannot be told",
    )


def _repeats(instance: Instance) -> bool:
    """Whether another choice has the same text as the right one."""
    texts, index = [str(c).strip() for c in instance.choices or ()], instance.gold_index
    return index is not None and 0 <= index < len(texts) and texts.count(texts[index]) > 1


def _places(subject: Subject) -> Iterator[Finding]:
    """Where in the list the right choice stands: anywhere, or the place gives it away."""
    golds = [(i.instance.gold_index, len(i.instance.choices or ())) for i in subject.items]
    known = [(gold, n) for gold, n in golds if gold is not None and n > 1]
    if len(known) < _ENOUGH:
        return
    places = Counter(gold for gold, _ in known)
    place, most = places.most_common(1)[0]
    if most == len(known):
        yield error(
            "gold",
            f"the right choice is number {place} (counted from 0) in all {most} instances",
            hint="shuffle the choices, seeded by the question, or look at metadata['gold_idx']",
        )
        return
    for candidate in range(min(n for _, n in known)):
        never = 1.0
        for _, n in known:
            never *= 1 - 1 / n
        if candidate not in places and never < 1e-6:
            yield warning(
                "gold",
                f"choice number {candidate} (counted from 0) is never right in {len(known)} "
                "instances",
                hint="counted from 1 instead of 0? look at metadata['gold_idx']",
            )
