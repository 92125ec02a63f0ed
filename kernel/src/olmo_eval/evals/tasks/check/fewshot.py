"""Check of the few-shot examples: all there, all shown, never the question itself."""

from __future__ import annotations

from collections.abc import Iterator

from olmo_eval.evals.tasks.check.report import Finding, error, listed, warning
from olmo_eval.evals.tasks.check.subject import (
    Subject,
    common_start,
    fresh,
    gold_of,
    question_key,
    request_text,
    words_in,
)

#: words before every question that may hold examples, characters of a question that is told
#: from common words
_PREAMBLE, _QUESTION = 8, 16


def check_fewshot(subject: Subject) -> Iterator[Finding]:
    """``fewshot``: exactly as many examples as asked for, all shown, never the question itself."""
    yield from _in_the_preamble(subject)
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


def _in_the_preamble(subject: Subject) -> Iterator[Finding]:
    """Examples that a template or a description holds are questions of the data themselves."""
    texts = {subject.own_text(item) for item in subject.items}
    start = words_in(common_start([*texts]))
    if len(texts) < 2 or len(start.split()) < _PREAMBLE:
        return
    found: dict[str, list[str]] = {}  # by words: the ids of different questions that have them
    for instance in fresh(subject.task).instances:
        if len(words := words_in(instance.question)) > _QUESTION and words in start:
            found.setdefault(words, []).append(instance.id)
    # Words that several questions share do not make one: brackets or signs tell those apart.
    known = [ids[0] for ids in found.values() if len(set(ids)) == 1]
    if known:
        yield error(
            "fewshot",
            f"the text before every question holds {len(known)} of the {subject.total:,} "
            f"questions themselves: {listed(known)}",
            instance_id=known[0],
            hint="take the examples in the template or description from another split",
        )


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
        read = words_in(text)
        seen = [words_in(shot.question) in read for shot in shots]
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
