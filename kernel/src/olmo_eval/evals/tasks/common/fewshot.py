"""Choosing few-shot examples: seeded, complete, never the evaluated item."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from attrs import evolve

from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource, load_fewshot_set
from olmo_eval.errors import DataError

if TYPE_CHECKING:
    from olmo_eval.evals.tasks.common.task import Task


def _identity(instance: Instance) -> Any:
    """Two instances with one identity are the same question, whatever their ids say."""
    return (instance.question, instance.choices)


class FewShot:
    """The candidates of a task and the choice made among them.

    One spare example is chosen beyond the ``k`` shown: it takes the place of the evaluated item
    where that is itself among the examples. Most items are not, and share one tuple of shots.
    """

    def __init__(self, chosen: list[Instance], k: int) -> None:
        self._chosen = chosen
        self._k = k
        self._identities = {_identity(shot) for shot in chosen}
        self.shots = tuple(chosen[:k])

    @classmethod
    def load(cls, task: Task) -> FewShot:
        """Load the candidates and choose.

        Raises:
            DataError: there are fewer examples than asked for; the count never shrinks silently.
        """
        config = task.config
        pool, where = _candidates(task)
        k = config.num_fewshot
        if len(pool) < k:
            raise DataError(
                f"{config.name} asks for {k} few-shot examples, but {where} has {len(pool)}",
                hint=f"lower it with -o num_fewshot={len(pool)}, or set -o fewshot_source=...",
            )
        if config.fewshot_sample and not isinstance(config.fewshot_source, str):
            return cls(_draw(pool, k, config.fewshot_seed), k)
        return cls(pool[: k + 1], k)

    def shots_for(self, instance: Instance) -> tuple[Instance, ...]:
        """``k`` examples, none of them ``instance``.

        Raises:
            DataError: the instance is among the examples and there is no spare one.
        """
        if _identity(instance) not in self._identities:
            return self.shots
        mine = _identity(instance)
        others = [shot for shot in self._chosen if _identity(shot) != mine][: self._k]
        if len(others) < self._k:
            raise DataError(
                f"the question {instance.question[:60]!r} is one of its own {self._k} few-shot "
                "examples and there is no spare one",
                hint="use fewer shots or another fewshot_source",
            )
        return tuple(others)


def _draw(pool: list[Instance], k: int, seed: int) -> list[Instance]:
    """``random.Random(seed).sample(pool, k)``, as published settings draw, and one spare."""
    chosen = random.Random(seed).sample(pool, k)
    if len(pool) > k:
        taken = {id(shot) for shot in chosen}
        longer = random.Random(seed).sample(pool, k + 1)
        chosen.append(next(shot for shot in longer if id(shot) not in taken))
    return chosen


def _candidates(task: Task) -> tuple[list[Instance], str]:
    """Every possible example, and a name for where they come from."""
    config = task.config
    source = config.fewshot_source
    if isinstance(source, str):
        name = f"the few-shot set {source!r}"
        return _instances(task, load_fewshot_set(source), name), name
    if source is None and task.fewshot_split is not None and config.data_source is not None:
        source = evolve(config.data_source, split=task.fewshot_split)
    if isinstance(source, DataSource):
        return _instances(task, task._rows(source), str(source)), str(source)
    return list(task.instances), f"{config.data_source} (the evaluated data)"


def _instances(task: Task, rows: Any, source: str) -> list[Instance]:
    made = (task._guarded(task.process_fewshot_doc, row, i, source) for i, row in enumerate(rows))
    return [instance for instance in made if instance is not None]
