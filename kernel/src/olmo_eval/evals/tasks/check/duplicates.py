"""Check of questions that stand in the data several times, and of what their answers are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice

from attrs import Factory, define

from olmo_eval.common.types import Instance
from olmo_eval.evals.tasks.check.answers import Answers
from olmo_eval.evals.tasks.check.readings import digest
from olmo_eval.evals.tasks.check.report import Finding, by_share, listed, note, shown, warning
from olmo_eval.evals.tasks.check.subject import Item, Subject, asked_key, fresh, gold_of

#: repeated questions that are looked at
_MOST = 5000
#: copies are worth a look from this share of the instances
_SHARE = 0.005


@define
class _Asked:
    """One question as the model reads it: the first instance of each of its answers, copies."""

    by_answer: dict[str, Item] = Factory(dict)
    copies: list[str] = Factory(list)


def check_duplicates(subject: Subject) -> Iterator[Finding]:
    """``duplicates``: no question stands there twice, and never with two right answers.

    Two questions are one where the model reads the same letters, except that choices may stand
    in another order. Two answers are one where each scores as the other.
    """
    repeated = {key for key, count in subject.asked.items() if count > 1}
    if not repeated:
        return
    asked = _group(subject, repeated)
    yield from _contradictions(subject, asked)
    yield from _one_id(asked)
    copies = [name for one in asked for name in one.copies]
    if not copies:
        return
    message = (
        f"{len(copies):,} of {subject.total:,} instances ({len(copies) / subject.total:.1%}) are "
        f"exact copies of another one, such as {listed(copies)}"
    )
    if len(copies) < _SHARE * subject.total:
        yield note("duplicates", message)
        return
    yield warning(
        "duplicates",
        message,
        instance_id=copies[0],
        hint="copies count several times and make errors look smaller: leave them out "
        "(return None from process_doc), unless the published benchmark counts them",
    )


def _group(subject: Subject, repeated: set[str]) -> list[_Asked]:
    """The questions that are asked several times, from a second pass over the data."""
    found: dict[str, _Asked] = {}
    wanted = (i for i in fresh(subject.task).instances if asked_key(i) in repeated)
    for instance in islice(wanted, _MOST):
        key = digest(asked_key(instance), _without_choices(subject.text_of(instance), instance))
        one = found.setdefault(key, _Asked())
        item = Item(instance.id, instance)
        answer = digest(gold_of(instance).strip(), instance.metadata.get("all_answers"))
        if one.by_answer.setdefault(answer, item) is not item:
            one.copies.append(item.name)
    return list(found.values())


def _one_id(asked: list[_Asked]) -> Iterator[Finding]:
    """An id made of question and answer where something else, a passage say, is asked about."""
    names = [item.name for one in asked for item in one.by_answer.values() if not _given(item)]
    shared = [name for name, count in Counter(names).items() if count > 1]
    if shared:
        yield warning(
            "duplicates",
            f"{len(shared):,} questions that differ in their prompt alone share one id, and are "
            f"told apart by their order: {listed(shared)}",
            instance_id=shared[0],
            hint="give metadata['id'] what identifies the row: an id of its own, or the passage's",
        )


def _given(item: Item) -> bool:
    return item.instance.metadata.get("id") is not None


def _without_choices(text: str, instance: Instance) -> str:
    """``text`` without the choices, which may stand in any order."""
    for choice in sorted(instance.choices or (), key=len, reverse=True):
        text = text.replace(choice, "")
    return text


def _contradictions(subject: Subject, asked: list[_Asked]) -> Iterator[Finding]:
    answers = Answers(subject)
    if not answers.accuracies:
        return  # several texts may follow one prompt: nothing says that they exclude each other
    pairs = [
        (first, other)
        for one in asked
        for first, *others in [list(one.by_answer.values())]
        for other in others
        if not _agree(answers, first, other)
    ]
    if not pairs:
        return
    first, other = pairs[0]
    golds = f"{shown(gold_of(first.instance))} and {shown(gold_of(other.instance))}"
    known = len(pairs) <= subject.task.contradictions
    say = warning if known else by_share(2 * len(pairs), subject.total)
    names = listed([f"{a.name}/{b.name}" for a, b in pairs])
    yield say(
        "duplicates",
        f"{len(pairs):,} questions stand there twice with different right answers, such as "
        f"{names}: {golds}",
        instance_id=other.name,
        hint="one of the two is wrong whatever the model says: correct or leave out such rows; "
        "published ones are counted in the class attribute contradictions",
    )


def _agree(answers: Answers, one: Item, other: Item) -> bool:
    """Whether the right answer of each is right for the other, or nobody can say."""
    golds = [gold_of(item.instance).strip() for item in (one, other)]
    if not all(golds):
        return True
    if answers.subject.scored_by_likelihood:
        return golds[0] == golds[1]
    metric = next((m for m in answers.accuracies if answers.is_primary(m)), answers.accuracies[0])
    top = float(metric.bounds[1] or 1.0) - 1e-9
    for asked, known in ((one, other), (other, one)):
        text = answers.task.oracle(known.instance)
        own = answers.oracle(asked)
        if text is None or own is None or (metric.value(own) or 0.0) < top:
            return True
        if (metric.value(answers.written(asked, text)) or 0.0) < top:
            return False
    return True
