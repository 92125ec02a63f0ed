"""Checks of what the model reads: the same every time, complete, well joined."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from olmo_eval.common.suggest import closest, did_you_mean
from olmo_eval.common.text import LABELS
from olmo_eval.common.types import LMRequest
from olmo_eval.evals.tasks.check.readings import digest
from olmo_eval.evals.tasks.check.report import Finding, error, listed, shown, warning
from olmo_eval.evals.tasks.check.subject import (
    Item,
    Subject,
    fresh,
    question_key,
    request_text,
    words_in,
)


def check_requests(subject: Subject) -> Iterator[Finding]:
    """``requests``: the same instance is asked the same way, whenever and in whatever order."""
    again = fresh(subject.task)
    for item in reversed(subject.items):
        first, second = subject.request(item), again.request_for(item.instance)
        if first != second:
            yield error(
                "requests",
                f"the request differs when it is made again: {_difference(first, second)}",
                instance_id=item.name,
                hint="a formatter may use the instance and the few-shot examples alone: "
                "no clock, no unseeded random numbers, no counter",
            )
            return
    yield from _same_prompts(subject)
    yield from _unfilled(subject)


def _same_prompts(subject: Subject) -> Iterator[Finding]:
    """Different questions are asked in different words."""
    asked: dict[str, list[Item]] = defaultdict(list)
    for item in subject.items:
        asked[_what_is_read(subject, item)].append(item)
    if len(asked) == len(subject.items):
        yield from _not_asked(subject)
    same = [items for items in asked.values() if len({question_key(i.instance) for i in items}) > 1]
    count = sum(len(items) for items in same)
    if not same:
        return
    whole = count == len(subject.items)
    say = error if count > max(2, len(subject.items) // 20) else warning
    yield say(
        "requests",
        f"the prompt is the same for different questions in {count} of {len(subject.items)} "
        f"instances: {listed([item.name for item in same[0]])}",
        instance_id=same[0][0].name,
        hint="the question is not in it: look at the template's {fields}"
        if whole
        else "what tells these questions apart is not in the prompt: look at the template",
    )


def _not_asked(subject: Subject) -> Iterator[Finding]:
    """Most words of a question stand in what is asked, in whatever form."""
    looked_at = subject.items[:_A_FEW]
    missing = []
    for item in looked_at:
        request = subject.request(item)
        parts = dict.fromkeys((request_text(request), *request.contexts(), *request.continuations))
        wanted = set(words_in(item.instance.question).split())
        there = set(words_in("\n".join(parts)).split())
        if len(wanted) >= 3 and 2 * len(wanted & there) < len(wanted):
            missing.append(item)
    if len(missing) > len(looked_at) // 2:
        yield warning(
            "requests",
            f"the question is not in the prompt in {len(missing)} of {len(looked_at)} instances",
            instance_id=missing[0].name,
            hint="name {question} in the template",
        )


def _what_is_read(subject: Subject, item: Item) -> str:
    """Everything before the answer, and the scored text where it is the end of the question."""
    request = subject.request(item)
    contexts = request.contexts()[: len(item.instance.choices or request.continuations)]
    if len(set(contexts)) > 1:
        return digest(contexts, request.continuations)
    return digest(subject.own_text(item))


#: instances that tell what is the same in all
_A_FEW = 20
#: a template's field; LaTeX (``\text{x}``, ``x^{n}``), code (``f{x}``, ``${x}``) and JSON are none
_FIELD = re.compile(r"(?<![\w\\^$}\]{])\{([A-Za-z_]\w*)\}(?!\})")


def _unfilled(subject: Subject) -> Iterator[Finding]:
    """No ``{field}`` of a template is left: one that is in every prompt and not in the data."""
    left: Counter[str] = Counter()
    for item in subject.items:
        instance = item.instance
        given = repr((instance.question, instance.choices, instance.gold_answer, instance.metadata))
        left.update({f for f in _FIELD.findall(subject.own_text(item)) if f"{{{f}}}" not in given})
    for field, count in left.items():
        known = ("question", "answer", "choices", *subject.items[0].instance.metadata)
        if count == len(subject.items):
            meant = did_you_mean(field, known, otherwise=f"templates know {', '.join(known)}")
            close = bool(closest(field, known))
            yield (error if close else warning)(
                "requests",
                f"the prompt shows {{{field}}} as it stands in all {count} instances",
                instance_id=subject.items[0].name,
                hint=meant,
            )


def _difference(first: LMRequest, second: LMRequest) -> str:
    one, other = request_text(first), request_text(second)
    if one == other:
        return f"{shown(first.continuations)} / {shown(second.continuations)}"
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    start = max(0, at - 20)
    return f"{shown(one[start : at + 20])} / {shown(other[start : at + 20])}"


def check_continuations(subject: Subject) -> Iterator[Finding]:
    """``continuations``: non-empty, distinct, in the order of the choices, well joined."""
    if subject.generated:
        yield from _blank_prompts(subject)
        return
    asked = [item for item in subject.items if subject.request(item).continuations]
    for found, say, message, hint in (
        (_empty, error, "a continuation is empty", "its log-likelihood is 0 whatever the model"),
        (_double_space, error, "two spaces meet where prompt and continuation join", _SPACE),
        (_glued, warning, "no space stands between prompt and continuation", _SPACE),
        (_same_twice, error, "the right continuation stands there twice", _SAME),
        (_misplaced, error, "the continuations do not stand in the order of the choices", _ORDER),
    ):
        hits = [item for item in asked if found(item, subject.request(item))]
        if len(hits) <= (len(asked) // 20 if found is _same_twice else 0):
            say = warning
        if hits and not (found is _glued and len(hits) < len(asked)):
            yield say(
                "continuations",
                f"{message}, in {len(hits)} of {len(asked)} instances",
                instance_id=hits[0].name,
                hint=hint,
            )


_SPACE = "one space belongs to the continuation (answer_prefix), none to the end of the prompt"
_SAME = "choices must differ, or the score depends on their order"
_ORDER = "continuation i is scored as choice i"


def _empty(item: Item, request: LMRequest) -> bool:
    return any(not text.strip() for text in request.continuations)


def _joins(request: LMRequest) -> list[tuple[str, str]]:
    return [
        (context[-1:], text[:1])
        for context, text in zip(request.contexts(), request.continuations, strict=True)
    ]


def _double_space(item: Item, request: LMRequest) -> bool:
    return any(before == " " and after == " " for before, after in _joins(request))


def _glued(item: Item, request: LMRequest) -> bool:
    return all(before.isprintable() and before.strip() and after.isalnum()
               for before, after in _joins(request))  # fmt: skip


def _same_twice(item: Item, request: LMRequest) -> bool:
    """Whether another continuation is the same as the right one; wrong ones may repeat.

    Where the choices themselves repeat, ``gold`` says so.
    """
    if item.instance.choices and len(set(item.instance.choices)) < len(item.instance.choices):
        return False
    pairs = list(zip(request.contexts(), request.continuations, strict=True))
    index = item.instance.gold_index
    pairs = pairs[: len(item.instance.choices or pairs)]
    if index is None or not 0 <= index < len(pairs):
        return len(set(pairs)) < len(pairs)
    return pairs.count(pairs[index]) > 1


def _misplaced(item: Item, request: LMRequest) -> bool:
    """Whether the continuation in the right choice's place is another choice's text."""
    choices, index = item.instance.choices, item.instance.gold_index
    texts = [text.strip() for text in request.continuations]
    if not choices or index is None or not 0 <= index < len(texts) or len(texts) == 1:
        return False
    if texts[: len(choices)] == list(LABELS[: len(choices)]):
        return False
    named = [str(choice).strip() for choice in choices]
    return texts[index] != named[index] and texts[index] in named


def _blank_prompts(subject: Subject) -> Iterator[Finding]:
    for item in subject.items:
        text = subject.own_text(item)
        if not text.strip():
            yield error(
                "requests",
                "the prompt is empty",
                instance_id=item.name,
                hint="look at the formatter's template and the question",
            )
            return
    prompts = [subject.request(i).prompt for i in subject.items]
    spaced = sum(prompt.endswith(" ") for prompt in prompts)
    if spaced:
        yield warning(
            "requests",
            f"the prompt ends with a space in {spaced} of {len(prompts)} instances",
            hint="most tokenizers put the space before a word into the word's own token",
        )
