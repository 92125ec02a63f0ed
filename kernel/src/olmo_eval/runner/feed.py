"""Which instances are evaluated, in which order, and which are already done."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Collection, Iterator

from attrs import frozen

from olmo_eval.common.types import Instance
from olmo_eval.errors import DataError
from olmo_eval.evals.tasks.common import Task
from olmo_eval.evals.tasks.common.task import instance_id
from olmo_eval.runner.plan import PlannedTask
from olmo_eval.runner.shard import Shard

#: instances read ahead so that progress knows the total of all but huge tasks
_LOOK_AHEAD = 20_000


@frozen
class Work:
    """One instance to evaluate; ``position`` is its place in the task's table."""

    planned: PlannedTask
    instance: Instance
    instance_id: str
    position: int


def selected(task: Task) -> Iterator[tuple[str, Instance]]:
    """The evaluated instances with their ids, in the order of the data.

    ``limit`` chooses the instances whose ids have the smallest keyed hashes: a subset that is
    random, the same on every machine and in every order of the data, and contained in the subset
    of any larger limit with the same seed.

    Raises:
        DataError: two instances have the same id.
    """
    config = task.config
    pairs = _identified(task)
    if config.limit is None:
        yield from pairs
        return
    key = str(config.seed).encode()

    def rank(name: str) -> bytes:
        return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), key=key[:64]).digest()

    ranked = ((rank(name), i, name, instance) for i, (name, instance) in enumerate(pairs))
    chosen = heapq.nsmallest(config.limit, ranked, key=lambda item: item[:2])
    for _, _, name, instance in sorted(chosen, key=lambda item: item[1]):
        yield name, instance


def _identified(task: Task) -> Iterator[tuple[str, Instance]]:
    """Every instance with an id of its own.

    Ids that the data gives must be unique. Where ids are made from the content, exact copies of
    a question are told apart by counting them.
    """
    seen: set[int] = set()
    copies: dict[str, int] = {}
    for instance in task.instances:
        name = instance_id(instance)
        key = hash(name)
        if key in seen:
            if instance.metadata.get("id") is not None:
                raise DataError(
                    f"{task.config.name}: two instances have the id {name!r}",
                    hint="give metadata['id'] something unique, or leave it out",
                )
            copies[name] = copies.get(name, 1) + 1
            name = f"{name}-{copies[name]}"
        seen.add(key)
        yield name, instance


class Feed:
    """The work of one task: reads ahead a little, skips what is done, counts what there is.

    ``expected`` is the number of instances of the table, known once the data has been read to
    its end, which for most tasks is at once; ``exhausted`` says that all work was handed out. With
    a ``shard`` only its instances are work.
    """

    def __init__(
        self, planned: PlannedTask, done: Collection[str] = (), shard: Shard | None = None
    ) -> None:
        self.planned = planned
        self.shard = shard
        self.expected: int | None = None
        self.read = 0
        self._done = done
        self._source = selected(planned.task)
        self._ahead: list[tuple[str, Instance]] = []
        self.exhausted = False

    @property
    def share(self) -> int | None:
        """How many instances are this process's to see to, done ones included, where known."""
        if self.expected is None or self.shard is None:
            return self.expected
        return self.shard.share(self.expected)

    def prepare(self) -> None:
        """Read ahead and load the few-shot examples. May take a while; safe in a thread."""
        self.planned.task.get_fewshot()
        for pair in self._source:
            self._ahead.append(pair)
            if len(self._ahead) >= _LOOK_AHEAD:
                return
        self.expected = len(self._ahead)

    @property
    def has_room(self) -> bool:
        """Whether more may be asked by now."""
        return True

    def pairs(self) -> Iterator[tuple[str, Instance]]:
        """Every instance of the table with its id, in the order of the data; once."""
        ahead, self._ahead = self._ahead, []
        yield from ahead
        yield from self._source

    def __iter__(self) -> Iterator[Work]:
        for name, instance in self.pairs():
            position = self.read
            self.read += 1
            if name not in self._done and (self.shard is None or position in self.shard):
                yield Work(self.planned, instance, name, position)
        self.expected = self.read
        self.exhausted = True
