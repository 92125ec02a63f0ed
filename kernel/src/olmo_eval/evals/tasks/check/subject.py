"""The task under check: its data read once, a sample of its instances, requests made when asked."""

from __future__ import annotations

import hashlib
import heapq
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import attrs
from attrs import frozen

from olmo_eval.common.types import Instance, LMRequest
from olmo_eval.evals.tasks.check.readings import COUNT, Reading, Sighting, digest, sighting
from olmo_eval.evals.tasks.common import Task
from olmo_eval.evals.tasks.common.task import instance_id

#: letters and digits of any script
_WORD = re.compile(r"[^\W_]+")


@frozen
class Item:
    """One sampled instance and its identifier."""

    name: str
    instance: Instance


def fresh(task: Task, **changes: Any) -> Task:
    """The same task anew, nothing read or kept yet, with some settings changed."""
    return type(task)(attrs.evolve(task.config, **changes))


def question_key(instance: Instance) -> str:
    """The question's text whatever its spacing and case."""
    return " ".join(instance.question.casefold().split())


def asked_key(instance: Instance) -> str:
    """A digest of the question and its choices in any order, letter by letter."""
    return digest(instance.question.strip(), sorted(c.strip() for c in instance.choices or ()))


def words_in(text: str) -> str:
    """``text`` as words between single spaces, in lower case, one space around."""
    return f" {' '.join(_WORD.findall(text.casefold()))} "


def request_text(request: LMRequest) -> str:
    """Everything the model reads before the right continuation or its own answer, tools too."""
    parts = [request.system_prompt or "", request.prompt]
    parts += [str(message.get("content") or "") for message in request.messages]
    parts += [json.dumps(tool.to_openai(), sort_keys=True) for tool in request.tools]
    return "\n".join(part for part in parts if part)


class Subject:
    """A task, everything that one pass over its data tells, and ``sample`` of its instances.

    The sample is the instances whose ids have the smallest hashes: any part of the data, the
    same on every machine. ``elsewhere`` gives what another process reads, where there is one.
    """

    def __init__(self, task: Task, sample: int, elsewhere: Reading | None = None) -> None:
        self.task = task
        self.elsewhere = elsewhere
        self.shots: tuple[Instance, ...] = task.get_fewshot()
        self.total = 0
        self.given: Counter[str] = Counter()
        self.made: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.first: list[Instance] = []
        self.at_position = 0
        self.asked_as_shots: list[Item] = []
        keys = {question_key(shot) for shot in self.shots}
        ranked = heapq.nsmallest(sample, self._ranked(keys), key=lambda entry: entry[:2])
        ranked.sort(key=lambda entry: entry[1])
        self.items: tuple[Item, ...] = tuple(Item(name, i) for _, _, name, i in ranked)
        self._requests: dict[int, LMRequest] = {}
        self._own_texts: dict[int, str] = {}

    def _ranked(self, shots: set[str]) -> Iterator[tuple[bytes, int, str, Instance]]:
        for position, instance in enumerate(self.task.instances):
            name = instance_id(instance)
            given = instance.metadata.get("id") is not None
            (self.given if given else self.made)[name] += 1
            self.asked[asked_key(instance)] += 1
            if position < COUNT:
                self.first.append(instance)
            self.at_position += given and _ends_with_number(name, position)
            if shots and question_key(instance) in shots:
                self.asked_as_shots.append(Item(name, instance))
            self.total += 1
            rank = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            yield rank, position, name, instance

    @cached_property
    def bare(self) -> Task:
        """The task without few-shot examples."""
        return fresh(self.task, num_fewshot=0)

    def request(self, item: Item) -> LMRequest:
        key = id(item.instance)  # several instances may have one name: that is a finding
        if key not in self._requests:
            self._requests[key] = self.task.request_for(item.instance)
        return self._requests[key]

    @cached_property
    def sightings(self) -> tuple[Sighting, ...]:
        """The start of the data as this process reads it."""
        return tuple(sighting(i, self.bare.request_for(i)) for i in self.first)

    def own_text(self, item: Item) -> str:
        """What the model reads of this question alone, whichever choice is scored.

        No few-shot examples; where every choice stands in a context of its own, what comes
        before it.
        """
        key = id(item.instance)
        if key not in self._own_texts:
            self._own_texts[key] = self.text_of(item.instance)
        return self._own_texts[key]

    def text_of(self, instance: Instance) -> str:
        """``own_text`` of an instance that is not kept."""
        request = self.bare.request_for(instance)
        if not request.continuations:
            return request_text(request)
        return common_start(request.contexts()[: len(instance.choices or (0,))])

    def same_question(self, one: Instance, other: Instance) -> bool:
        """Whether the model reads the same words, in whatever order the choices stand.

        The question's text alone does not tell: many passages may be asked one question.
        """
        if question_key(one) != question_key(other):
            return False
        texts = (self.text_of(instance) for instance in (one, other))
        first, second = (sorted(words_in(text).split()) for text in texts)
        return first == second

    @property
    def scored_by_likelihood(self) -> bool:
        """Whether the model is asked for log-likelihoods instead of text."""
        kinds = {self.request(item).request_type for item in self.items[:1]}
        return any(kind.scored for kind in kinds)

    @property
    def generated(self) -> bool:
        return bool(self.items) and not self.scored_by_likelihood


def common_start(texts: Sequence[str]) -> str:
    """What all texts start with."""
    first, last = min(texts, default=""), max(texts, default="")
    if first == last:
        return first
    length = next((i for i, c in enumerate(first) if c != last[i : i + 1]), len(first))
    return first[:length]


def _ends_with_number(name: str, position: int) -> bool:
    """Whether an id is a word and the row's position, counted from 0 or from 1."""
    digits = name[len(name.rstrip("0123456789")) :]
    return bool(digits) and int(digits[-18:]) in (position, position + 1)


def gold_of(instance: Instance) -> str:
    """The gold answer as text, the first of several; a gold index out of range names none."""
    gold, index = instance.gold_answer, instance.gold_index
    if instance.choices and index is not None and not 0 <= index < len(instance.choices):
        return "" if gold is None else str(gold)
    if isinstance(gold, list | tuple):
        return str(gold[0]) if gold else ""
    return instance.gold_text


def neighbours(items: Sequence[Item], count: int) -> Iterator[tuple[Item, list[Item]]]:
    """Each item with ``count`` others of another gold answer, the same others every time."""
    for position, item in enumerate(items):
        mine = gold_of(item.instance).strip().casefold()
        others: list[Item] = []
        for step in range(1, len(items)):
            other = items[(position + step * 7 + 3) % len(items)]
            if gold_of(other.instance).strip().casefold() not in ("", mine):
                others.append(other)
            if len(others) == count or step > 4 * count + 4:
                break
        yield item, others
