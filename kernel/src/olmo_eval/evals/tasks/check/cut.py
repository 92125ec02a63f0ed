"""Checks of what cuts an answer off before it is given: stop sequences and ``max_tokens``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from olmo_eval.common.stopping import cut_at_stop
from olmo_eval.common.types import LMOutput
from olmo_eval.evals.tasks.check.answers import Answers
from olmo_eval.evals.tasks.check.report import Finding, StopCut, error, note, shown, warning
from olmo_eval.evals.tasks.check.subject import Item, Subject, gold_of

#: more characters than a token of any usual vocabulary stands for, on the average of a word
_LETTERS = 12
#: tasks whose answers are cut in a larger share of the questions measure the cut
_SHARE = 0.1


def check_stop(subject: Subject) -> Iterator[Finding]:
    """``stop``: no stop sequence cuts the right answer before it is given."""
    if not subject.generated:
        return
    answers = Answers(subject)
    hits: list[tuple[Item, str]] = []
    asked = 0
    for item in subject.items:
        stops = subject.task.get_sampling_params(item.instance).stop_sequences or ()
        text = subject.task.oracle(item.instance)
        if text is None:
            continue
        asked += 1
        at = {text.find(stop): stop for stop in reversed(stops) if stop in text}
        if at and _lost(answers, item, text, min(at), at[min(at)]):
            hits.append((item, at[min(at)]))
    if not hits:
        return
    item, stop = hits[0]
    share = f"in {len(hits)} of {asked} instances ({len(hits) / asked:.0%})"
    if not any(_taught(subject, item, stop) for item, stop in hits):
        yield note(
            "stop",
            f"the stop sequence {shown(stop)} cuts the data's own worked answers before their end "
            f"{share}, such as {item.name}; the few-shot examples show answers without it",
        )
        return
    say = error if len(hits) > max(1, _SHARE * asked) else warning
    yield say(
        "stop",
        f"the stop sequence {shown(stop)} cuts the right answer off {share}",
        instance_id=item.name,
        hint="stop at what follows an answer, never at what stands inside one",
    )


def stop_cut(subject: Subject) -> StopCut | None:
    """How many gold solutions the task's own stop sequences cut, whether or not the answer is lost;
    None where there are no stop sequences, or no solutions. One that ends with a stop sequence, as
    a fenced block does, is whole without it."""
    if not subject.generated:
        return None
    cut = asked = 0
    for item in subject.items:
        stops = subject.task.get_sampling_params(item.instance).stop_sequences or ()
        text = subject.task.oracle(item.instance) if stops else None
        if text is not None:
            asked += 1
            kept, found = cut_at_stop(text.strip(), stops)
            rest = text.strip()[len(kept) :].strip()
            ends = rest in map(str.strip, stops) and _same_answer(subject, text, kept)
            cut += found and bool(rest) and not ends
    return StopCut(cut, asked) if asked else None


def _same_answer(subject: Subject, *texts: str) -> bool:
    found = {str(subject.task.extracted(LMOutput(t)).extracted_answer).strip() for t in texts}
    return len(found) == 1


def check_length(subject: Subject) -> Iterator[Finding]:
    """``length``: ``max_tokens`` leaves room for the right answer, as the data writes it.

    Tokens are counted with care: every word is one, a long one more. So what is said to be cut
    is cut by any tokenizer, and more may be.
    """
    if not subject.generated:
        return
    answers = Answers(subject)
    written = [(i, text) for i in subject.items if (text := subject.task.oracle(i.instance))]
    hits: list[tuple[Item, int, int]] = []
    for item, text in written:
        limit = subject.task.get_sampling_params(item.instance).max_tokens
        end = None if limit is None else _end_of(text, limit)
        if end is not None and limit is not None and _lost(answers, item, text, end, ""):
            hits.append((item, limit, _least_tokens(text)))
    if hits:
        item, limit, needed = hits[0]
        say = error if len(hits) > _SHARE * len(written) else warning
        yield say(
            "length",
            f"max_tokens={limit} cuts the right answer off in {len(hits)} of {len(written)} "
            f"instances ({len(hits) / len(written):.0%}); this one needs at least {needed} tokens",
            instance_id=item.name,
            hint="raise max_tokens in sampling_params",
        )
        return
    yield from _shots_too_long(subject)


def _shots_too_long(subject: Subject) -> Iterator[Finding]:
    """A model that answers as the examples do runs out of tokens where they are longer."""
    for item in subject.items[:1]:
        limit = subject.task.get_sampling_params(item.instance).max_tokens
        shots = subject.task.fewshot_for(item.instance)
        needed = [_least_tokens(subject.task.oracle(shot) or "") for shot in shots]
        long = [count for count in needed if limit is not None and count > limit]
        if long:
            say = error if 2 * len(long) > len(shots) else warning
            yield say(
                "length",
                f"max_tokens={limit}, but {len(long)} of {len(shots)} few-shot examples show "
                f"answers of at least {min(long)} tokens",
                instance_id=item.name,
                hint="raise max_tokens in sampling_params",
            )


def _words(text: str) -> Iterator[tuple[int, int]]:
    """Every word's end and the fewest tokens that it may be."""
    for word in re.finditer(r"\S+", text):
        yield word.end(), -(-len(word[0]) // _LETTERS)


def _least_tokens(text: str) -> int:
    return sum(count for _, count in _words(text))


def _end_of(text: str, limit: int) -> int | None:
    """Where ``limit`` tokens end at the latest; None where all of ``text`` fits."""
    used, kept = 0, 0
    for end, count in _words(text):
        used += count
        if used > limit:
            return kept
        kept = end
    return None


def _lost(answers: Answers, item: Item, text: str, at: int, stop: str) -> bool:
    """Whether cutting ``text`` at ``at`` loses the answer, and not only what follows it."""
    if not text[at:].strip():
        return False
    if not answers.accuracies:
        return bool(text[at:].removeprefix(stop).strip())
    whole, cut = answers.written(item, text), answers.written(item, text[:at])
    return any(
        (answers.value(m, cut) or 0.0) < (answers.value(m, whole) or 0.0)
        for m in answers.accuracies
    )


def _taught(subject: Subject, item: Item, stop: str) -> bool:
    """Whether a model would write ``stop`` before its answer is complete.

    It would where the gold answer itself holds it, or an example of the prompt does; without
    examples nothing tells it not to. Solutions of the data that no prompt shows teach nothing.
    """
    shots = subject.task.fewshot_for(item.instance)
    shown_answers = [subject.task.oracle(shot) or "" for shot in shots]
    return not shots or stop in gold_of(item.instance) or any(stop in a for a in shown_answers)
