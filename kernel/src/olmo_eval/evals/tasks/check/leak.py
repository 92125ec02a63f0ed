"""Check that the right answer does not stand in the question's own text."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence

import attrs
from attrs import Factory, define, frozen

from olmo_eval.evals.tasks.check.report import Finding, error, listed, shown, warning
from olmo_eval.evals.tasks.check.subject import Item, Subject, gold_of, words_in

#: an answer is distinctive where at most this share of the texts of questions with other
#: answers holds it
_DISTINCTIVE = 0.02
#: an answer that stands in a text more often than this stands everywhere
_MOST_PLACES = 20


@frozen
class _Asked:
    """One question: the words of its text and of its answers, the right one first.

    ``displayed``: every choice stands in the text, so that standing there once means nothing.
    """

    item: Item
    text: str
    answers: tuple[str, ...]
    displayed: bool

    @property
    def right(self) -> bool:
        return self._stands(self.answers[0])

    @property
    def wrong(self) -> float:
        """The share of the other choices that stand there."""
        others = self.answers[1:]
        return sum(map(self._stands, others)) / max(1, len(others))

    def _stands(self, answer: str) -> bool:
        return answer.strip() != "" and self.text.count(answer) > self.displayed


@frozen
class _Count:
    """How often right answers stand in their own question, and how often chance puts them there."""

    asked: Sequence[_Asked]
    right: Sequence[_Asked]
    chance: float

    @property
    def share(self) -> float:
        return len(self.right) / max(1, len(self.asked))

    @property
    def beyond_chance(self) -> bool:
        return len(self.right) >= 3 and len(self.right) >= 3 * self.chance


def check_leak(subject: Subject) -> Iterator[Finding]:
    """``leak``: the right answer does not stand in the question's own text.

    Short answers stand there by accident, and numbers more than others. So the rate of the right
    answer is held against chance: how often the other choices stand there, and how often the
    texts of other questions hold this answer. A leak in a few questions shows in the distinctive
    answers, which hardly any other text holds, or in the place where the answer always stands.
    """
    if subject.task.answer_in_context:
        return
    asked = list(_asked(subject))
    texts = _Texts(asked)
    rates = [texts.rate(one) for one in asked]
    distinctive = [i for i, rate in enumerate(rates) if rate <= _DISTINCTIVE]
    rare = _count([asked[i] for i in distinctive], [rates[i] for i in distinctive])
    finding = (
        _by_share(_count(asked, rates), error_from=0.5, warning_from=0.25)
        or _at_one_place(asked, texts)
        or _at_one_place(rare.asked, _Texts(rare.asked))
        or _by_share(rare, error_from=0.25, warning_from=0.07)
    )
    if finding is not None:
        yield finding


def _by_share(count: _Count, *, error_from: float, warning_from: float) -> Finding | None:
    if not count.beyond_chance or count.share < warning_from:
        return None
    examples = [one.item for one in count.right]
    say = error if count.share >= error_from else warning
    how_often = f"in {len(examples)} of {len(count.asked)} instances ({count.share:.0%})"
    return _leak(say, examples, f"{how_often}, where chance gives {count.chance:.1f}")


def _leak(say: Callable[..., Finding], examples: Sequence[Item], how_often: str) -> Finding:
    answer = gold_of(examples[0].instance).strip()
    names = listed([item.name for item in examples])
    return say(
        "leak",
        f"the prompt contains the right answer {how_often}: {names} ({shown(answer, 30)})",
        instance_id=examples[0].name,
        hint="look at the template and the metadata it names; where the answer belongs there "
        "(reading comprehension), say answer_in_context = True",
    )


def _asked(subject: Subject) -> Iterator[_Asked]:
    for item in subject.items:
        answers = tuple(words_in(answer) for answer in _answers(item))
        text = words_in(subject.own_text(item))
        displayed = _displays(text, answers)
        if displayed:
            text = words_in(_without_list(subject, item))
            displayed = _displays(text, answers)
        if answers[0].strip():
            yield _Asked(item, text, answers, displayed)


def _displays(text: str, answers: Sequence[str]) -> bool:
    return len(answers) > 1 and all(answer in text for answer in answers if answer.strip())


def _without_list(subject: Subject, item: Item) -> str:
    """The question's own text without the list of choices, but with what else names a choice.

    It is asked with made-up choices: each stands once in the list, and elsewhere where the
    template gives the answer away. A task that shows its choices from somewhere else, or refuses
    made-up ones, keeps its text.
    """
    choices = item.instance.choices or ()
    names = [f"olmochoice{number}x" for number in range(len(choices))]
    try:
        text = subject.text_of(attrs.evolve(item.instance, choices=tuple(names)))
    except Exception:
        return subject.own_text(item)
    for name, choice in zip(names, choices, strict=True):
        before, _, after = text.rpartition(name)
        text = (before + after).replace(name, choice)
    return text


def _answers(item: Item) -> list[str]:
    """The right answer, then the wrong choices if there are any."""
    choices, index = item.instance.choices, item.instance.gold_index
    if choices and index is not None and 0 <= index < len(choices):
        return [choices[index], *(c for i, c in enumerate(choices) if i != index)]
    return [gold_of(item.instance)]


class _Texts:
    """The texts of all questions, to be asked how many hold an answer."""

    def __init__(self, asked: Sequence[_Asked]) -> None:
        self._asked = asked
        self._holding: dict[str, set[int]] = defaultdict(set)
        self._known: dict[str, list[int]] = {}
        for position, one in enumerate(asked):
            for word in set(one.text.split()):
                self._holding[word].add(position)

    def rate(self, one: _Asked) -> float:
        """The share of the questions with other answers whose text holds this one's.

        Texts that display choices hold them for that reason; there the other choices tell.
        """
        if one.displayed:
            return 0.0
        answer = one.answers[0]
        others = sum(other.answers[0] != answer for other in self._asked)
        holding = (self._asked[position] for position in self.holding(answer))
        return sum(other.answers[0] != answer for other in holding) / max(1, others)

    def holding(self, answer: str) -> list[int]:
        """The questions whose text holds ``answer``."""
        if answer not in self._known:
            self._known[answer] = self._search(answer)
        return self._known[answer]

    def _search(self, answer: str) -> list[int]:
        places = [self._holding.get(word, set()) for word in answer.split()]
        found = set.intersection(*places) if places else set()
        return sorted(position for position in found if answer in self._asked[position].text)


def _count(asked: Sequence[_Asked], rates: Sequence[float]) -> _Count:
    chance = sum(max(rate, one.wrong) for one, rate in zip(asked, rates, strict=True))
    return _Count(asked, [one for one in asked if one.right], chance)


@define
class _Place:
    """One place of the prompt: the questions with an answer there, and those with their own."""

    held: set[int] = Factory(set)
    right: list[_Asked] = Factory(list)
    chance: float = 0.0

    @property
    def telling(self) -> bool:
        """Whether what stands there is nearly always right, and more often than by chance."""
        return len(self.right) >= max(0.75 * len(self.held), 1.5 * self.chance)


def _at_one_place(asked: Sequence[_Asked], texts: _Texts) -> Finding | None:
    """The finding that a twentieth of the right answers stand at one place of their prompts.

    Any answer may stand there, as in a template that names them all; only where it is the right
    one wherever there is one does the place tell.
    """
    plain = sum(not one.displayed for one in asked)
    places: dict[str, _Place] = defaultdict(_Place)
    for answer, count in Counter(one.answers[0] for one in asked).items():
        for position in texts.holding(answer):
            _stand(places, asked, position, answer, count / len(asked))
    for position, one in enumerate(asked):
        for answer in one.answers[1:]:
            if answer in one.text:
                _stand(places, asked, position, answer, 0.0)
    telling = {name: place for name, place in places.items() if place.telling}
    name = max(telling, key=lambda name: len(telling[name].right), default="")
    found = telling[name].right if telling else []
    if len(found) < max(3, plain // 20):
        return None
    share = f"{len(found)} of {plain} instances ({len(found) / plain:.0%})"
    return _leak(error, [one.item for one in found], f"{name}, in {share}")


def _stand(
    places: dict[str, _Place], asked: Sequence[_Asked], position: int, answer: str, chance: float
) -> None:
    """Count one answer in the text of one question at all of its places."""
    one = asked[position]
    for name in () if one.displayed else dict.fromkeys(_places(one.text, answer)):
        place = places[name]
        place.held.add(position)
        place.chance += chance
        if answer == one.answers[0]:
            place.right.append(one)


def _places(text: str, answer: str) -> Iterator[str]:
    """Where an answer stands: counted from the end, from the start, by the words before it.

    What stands everywhere in a text has no place.
    """
    if not 1 <= text.count(answer) <= _MOST_PLACES:
        return
    total, words = text.count(" ") - 1, answer.count(" ") - 1
    at = text.find(answer)
    while at >= 0:
        before = text.count(" ", 0, at)
        after = total - before - words
        yield f"before the last {after} words" if after else "at its end"
        yield f"after the first {before} words" if before else "at its start"
        if before > 1:
            yield f"after {' '.join(text[:at].rsplit(maxsplit=2)[-2:])!r}"
        at = text.find(answer, at + 1)
