"""Checks of what the model reads: the same every time, well joined, without the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from olmo_eval.common.text import LABELS
from olmo_eval.common.types import LMRequest
from olmo_eval.evals.tasks.check.report import Finding, error, shown, warning
from olmo_eval.evals.tasks.check.subject import (
    Item,
    Subject,
    fresh,
    gold_of,
    neighbours,
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


def check_leak(subject: Subject) -> Iterator[Finding]:
    """``leak``: the right answer does not stand in the question's own text.

    Short answers stand there by accident; so the rate of the right answer is held against that
    of wrong ones: the other choices, or the answers of other questions. Choices that are shown
    count as shown once.
    """
    if subject.task.answer_in_context:
        return
    right = right_end = wrong_end = asked = 0
    wrong = 0.0
    found: list[str] = []
    ended: list[str] = []
    for item, others in neighbours(subject.items, 4):
        text = words_in(subject.own_text(item))
        stands, ends = _look_for(item, others, text)
        if not stands:
            continue
        asked += 1
        right, wrong = right + stands[0], wrong + sum(stands[1:]) / max(1, len(stands) - 1)
        right_end, wrong_end = right_end + ends[0], wrong_end + any(ends[1:])
        found += [item.name] if stands[0] else []
        ended += [item.name] if ends[0] else []
    if right_end >= max(3, asked // 20) and right_end > 3 * wrong_end:
        yield _leak(error, "ends with", right_end, asked, ended[0])
    elif asked and right / asked >= 0.5 and wrong <= right / 3 and right >= 3:
        yield _leak(error, "contains", right, asked, found[0])
    elif asked and right / asked >= 0.25 and wrong <= right / 5 and right >= 3:
        yield _leak(warning, "contains", right, asked, found[0])


def _leak(say: Callable[..., Finding], how: str, count: float, asked: int, example: str) -> Finding:
    return say(
        "leak",
        f"the prompt {how} the right answer in {count:.0f} of {asked} instances, far more often "
        "than wrong answers",
        instance_id=example,
        hint="look at the template and the metadata it names; where the answer belongs there "
        "(reading comprehension), say answer_in_context = True",
    )


def _look_for(item: Item, others: list[Item], text: str) -> tuple[list[bool], list[bool]]:
    """Whether the right answer stands in ``text``, then each wrong one; and whether it ends it."""
    choices, index = item.instance.choices, item.instance.gold_index
    if choices and index is not None and 0 <= index < len(choices):
        answers = [choices[index], *(c for i, c in enumerate(choices) if i != index)]
    else:
        answers = [gold_of(item.instance), *(gold_of(other.instance) for other in others)]
    needles = [words_in(str(answer)) for answer in answers]
    if len(needles) < 2 or not needles[0].strip():
        return [], []
    counts = [text.count(needle) if needle.strip() else 0 for needle in needles]
    displayed = bool(choices) and all(counts)
    stands = [count > displayed for count in counts]
    ends = [bool(n.strip()) and text.endswith(n) and not displayed for n in needles]
    return stands, ends


def check_fewshot(subject: Subject) -> Iterator[Finding]:
    """``fewshot``: exactly as many examples as asked for, all shown, never the question itself."""
    asked = subject.task.config.num_fewshot
    if asked == 0:
        return
    for item in (*subject.asked_as_shots[:200], *subject.items):
        shots = subject.task.fewshot_for(item.instance)
        if len(shots) != asked:
            yield error(
                "fewshot",
                f"{len(shots)} examples where num_fewshot is {asked}",
                instance_id=item.name,
                hint="the number of examples never shrinks in silence: raise DataError instead",
            )
            return
        if any(subject.same_question(item.instance, shot) for shot in shots):
            yield error(
                "fewshot",
                "a question is among its own few-shot examples",
                instance_id=item.name,
                hint="draw examples from another split, or leave the evaluated question out",
            )
            return
    yield from _rendered_shots(subject, asked)


def _rendered_shots(subject: Subject, asked: int) -> Iterator[Finding]:
    for item in subject.items[:20]:
        shots = subject.task.fewshot_for(item.instance)
        text = request_text(subject.request(item))
        bare = request_text(subject.bare.request_for(item.instance))
        if text == bare:
            yield warning(
                "fewshot",
                f"num_fewshot is {asked}, but the prompt shows no example",
                instance_id=item.name,
                hint="the task has no formatter, or its formatter leaves the examples out",
            )
            return
        seen = [words_in(shot.question) in words_in(text) for shot in shots]
        repeated = len({(question_key(s), s.choices, gold_of(s)) for s in shots}) < len(shots)
        if any(seen) and not all(seen):
            yield error(
                "fewshot",
                f"{sum(seen)} of {asked} examples stand in the prompt",
                instance_id=item.name,
                hint="the formatter leaves some out",
            )
            return
        if repeated:
            yield warning("fewshot", "an example is shown twice", instance_id=item.name)
            return
