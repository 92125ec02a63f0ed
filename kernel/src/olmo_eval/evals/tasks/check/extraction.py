r"""Check of what is read out of an answer: a number in ``\boxed{}``, behind ``$``, in prose."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from attrs import frozen

from olmo_eval.common.numbers import normalize_number
from olmo_eval.evals.tasks.check.answers import Answers
from olmo_eval.evals.tasks.check.report import Finding, error, shown
from olmo_eval.evals.tasks.check.subject import Item, Subject, gold_of

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_MOST = 50


@frozen
class Mutation:
    """One more way to write a number; ``write`` gives None where it does not apply."""

    name: str
    write: Callable[[str], str | None]


def _grouped(number: str) -> str | None:
    whole, point, fraction = number.partition(".")
    return f"{int(whole):,}{point}{fraction}" if abs(int(whole)) >= 1000 else None


def _with_grouping(number: str) -> str | None:
    grouped = _grouped(number)
    return None if grouped is None else f"The answer is {grouped}."


def _dollars(number: str) -> str | None:
    whole = number.lstrip("-").isdecimal() and not number.startswith("-")
    return f"The answer is ${number}.00" if whole else None


MUTATIONS = (
    Mutation("$29.00", _dollars),
    Mutation("1,000", _with_grouping),
    Mutation(r"\boxed{29}", lambda number: rf"The answer is $\boxed{{{number}}}$."),
    Mutation("**29**", lambda number: f"The answer is **{number}**."),
    Mutation("trailing prose", lambda number: f"The answer is {number}. I hope this helps!"),
    Mutation("white space", lambda number: f"\n\n  The answer is {number}.  \n"),
)


def check_extraction(subject: Subject) -> Iterator[Finding]:
    """``extraction``: where it is meant to find a number in prose, it finds it however written."""
    answers = Answers(subject)
    lenient = subject.task.lenient_extraction
    if not subject.generated or not answers.accuracies or lenient is False:
        return
    yield from _outer_space(subject, answers)
    items = [i for i in subject.items if _number_of(i) is not None]
    if not items or len(items) < 0.9 * len(subject.items):
        return
    plain = sum(_right(answers, i, f"The answer is {_number_of(i)}.") for i in items[:_MOST])
    if lenient is None and plain < 0.9 * len(items[:_MOST]):
        return
    for mutation in MUTATIONS:
        yield from _broken(answers, items, mutation)


def _broken(answers: Answers, items: list[Item], mutation: Mutation) -> Iterator[Finding]:
    written = [(i, text) for i in items if (text := mutation.write(_number_of(i) or ""))][:_MOST]
    lost = [(item, text) for item, text in written if not _right(answers, item, text)]
    if len(lost) * 10 <= len(written):
        return
    item, text = lost[0]
    found = answers.written(item, text).outputs[0].extracted_answer
    yield error(
        "extraction",
        f"an answer written as {mutation.name} is lost in {len(lost)} of {len(written)} instances: "
        f"{shown(text)} is read as {shown(found)}",
        instance_id=item.name,
        hint="olmo_eval.evals.extract.numbers reads all of these; where only one form is to count, "
        "say lenient_extraction = False",
    )


def _outer_space(subject: Subject, answers: Answers) -> Iterator[Finding]:
    """White space around a short answer never decides."""
    short = [(i, t) for i in subject.items[:_MOST] if (t := subject.task.oracle(i.instance))]
    short = [(i, t) for i, t in short if len(t) <= 40 and "\n" not in t.strip()]
    right = [(i, t) for i, t in short if _right(answers, i, t)]
    lost = [i for i, t in right if not _right(answers, i, f" {t.strip()}  \n")]
    if lost:
        yield error(
            "extraction",
            f"white space around the answer makes it wrong in {len(lost)} of {len(right)} "
            "instances",
            instance_id=lost[0].name,
            hint="strip the answer in extract_answer",
        )


def _right(answers: Answers, item: Item, text: str) -> bool:
    response = answers.written(item, text)
    metric = next((m for m in answers.accuracies if answers.is_primary(m)), answers.accuracies[0])
    return (answers.value(metric, response) or 0.0) >= float(metric.bounds[1] or 1.0) - 1e-9


def _number_of(item: Item) -> str | None:
    """The gold answer where it is a number, without signs of currency and of thousands."""
    number = normalize_number(gold_of(item.instance))
    return number if _NUMBER.fullmatch(number) else None
