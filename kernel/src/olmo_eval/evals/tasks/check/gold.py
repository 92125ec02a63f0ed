"""Check of the right answers: there is one, among distinct choices, in no telling place."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

import attrs

from olmo_eval.common.text import LABELS
from olmo_eval.common.types import Instance
from olmo_eval.evals.tasks.check.answers import Answers
from olmo_eval.evals.tasks.check.report import Finding, error, note, shown, warning
from olmo_eval.evals.tasks.check.subject import Item, Subject, gold_of

#: what is this improbable by chance is no chance
_NEVER = 1e-6
#: made-up gold answers, one of which any scorer that compares with the gold answer accepts
_PROBES = ("olmo", "7", "A", "yes")


def check_gold(subject: Subject) -> Iterator[Finding]:
    """``gold``: there is a right answer, it is among distinct choices, its place tells nothing."""
    yield from _missing(subject)
    for item in subject.items:
        problem = _contradiction(item.instance)
        if problem:
            yield error("gold", problem, instance_id=item.name, hint="look at metadata['gold_idx']")
            break
    yield from _same_choices(subject)
    yield from _places(subject)


def _missing(subject: Subject) -> Iterator[Finding]:
    silent = [item for item in subject.items if _blank(item.instance)]
    if not silent:
        return
    answers = Answers(subject)
    scored = [item for item in silent if _scored_by_gold(answers, item)]
    hint = "leave such rows out (return None from process_doc), or score them without gold"
    if scored:
        yield error(
            "gold",
            f"{len(scored)} of {len(subject.items)} instances have no gold answer and are scored "
            "against it: they will have no score",
            instance_id=scored[0].name,
            hint=hint,
        )
    elif len(silent) < len(subject.items):
        yield warning(
            "gold",
            f"{len(silent)} of {len(subject.items)} instances have no gold answer",
            instance_id=silent[0].name,
            hint=hint,
        )


def _blank(instance: Instance) -> bool:
    accepted = instance.metadata.get("all_answers") or ()
    listed = accepted if isinstance(accepted, list | tuple) else (accepted,)
    return not any(str(text).strip() for text in (gold_of(instance), *listed))


def _scored_by_gold(answers: Answers, item: Item) -> bool:
    """Whether another gold answer would change what some answer scores.

    Where choices are compared by their likelihood it always would.
    """
    subject = answers.subject
    if subject.scored_by_likelihood:
        return bool(subject.request(item).continuations)
    if answers.task.oracle(item.instance) is not None:
        return False
    for probe in _PROBES:
        golden = Item(item.name, attrs.evolve(item.instance, gold_answer=probe))
        for metric in answers.accuracies:
            with_gold = answers.value(metric, answers.written(golden, probe))
            without = answers.value(metric, answers.written(item, probe))
            if (with_gold or 0.0) > (without or 0.0):
                return True
    return False


def _contradiction(instance: Instance) -> str | None:
    """Where ``gold_idx`` is not an index, or ``gold_answer`` names another choice."""
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
    right = [i for i in with_choices if _repeats(i.instance)]
    if right:
        say = error if len(right) > max(2, len(with_choices) // 20) else warning
        yield say(
            "gold",
            f"in {len(right)} of {len(with_choices)} instances the right choice stands there twice",
            instance_id=right[0].name,
            hint="either of the two counts as right; see whether the data means that",
        )
    wrong = [i for i in with_choices if i not in right and _repeated(i.instance)]
    if not wrong:
        return
    text = _repeated(wrong[0].instance)
    message = (
        f"in {len(wrong)} of {len(with_choices)} instances a wrong choice stands there twice, "
        f"such as {shown(text)} in {wrong[0].name}"
    )
    if len(wrong) < max(2, len(with_choices) // 20):
        yield note("gold", message)
        return
    yield warning(
        "gold",
        message,
        instance_id=wrong[0].name,
        hint="guessing is right more often than the number of choices says",
    )


def _repeated(instance: Instance) -> str | None:
    """A choice that stands there twice."""
    counts = Counter(choice.strip() for choice in instance.choices or ())
    return next((text for text, count in counts.items() if count > 1), None)


def _repeats(instance: Instance) -> bool:
    """Whether another choice has the same text as the right one."""
    texts, index = [str(c).strip() for c in instance.choices or ()], instance.gold_index
    return index is not None and 0 <= index < len(texts) and texts.count(texts[index]) > 1


def _places(subject: Subject) -> Iterator[Finding]:
    """Where in the list the right choice stands: anywhere, or the place gives it away."""
    golds = [(i.instance.gold_index, len(i.instance.choices or ())) for i in subject.items]
    known = [(gold, n) for gold, n in golds if gold is not None and n > 1]
    if not known:
        return
    places = Counter(gold for gold, _ in known)
    place, most = places.most_common(1)[0]
    if most == len(known) and math.prod(1 / n for _, n in known) < _NEVER:
        yield error(
            "gold",
            f"the right choice is number {place} (counted from 0) in all {most} instances",
            hint="shuffle the choices, seeded by the question, or look at metadata['gold_idx']",
        )
        return
    for candidate in range(min(n for _, n in known)):
        never = math.prod(1 - 1 / n for _, n in known)
        if candidate not in places and never < _NEVER:
            yield warning(
                "gold",
                f"choice number {candidate} (counted from 0) is never right in {len(known)} "
                "instances",
                hint="counted from 1 instead of 0? look at metadata['gold_idx']",
            )
