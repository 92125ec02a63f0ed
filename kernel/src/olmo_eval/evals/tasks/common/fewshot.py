"""Choosing few-shot examples: seeded, complete, never the evaluated item."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve

from olmo_eval.common.types import Instance, LMRequest
from olmo_eval.data import DataLoader, DataSource, SourceKind, load_fewshot_set
from olmo_eval.errors import DataError, OlmoEvalError, UsageError
from olmo_eval.evals.tasks.common import hooks

if TYPE_CHECKING:
    from olmo_eval.evals.tasks.common.task import Task


def _identity(instance: Instance) -> Any:
    """Two instances with one identity are the same question, whatever their ids say."""
    return (instance.question, instance.choices)


class FewShot:
    """The examples of a task, and what takes their place.

    Where the evaluated item is itself among the ``shots``, spares stand in for it, as often as it
    stands there: examples in the order of ``spares``, each another question than all that are
    shown. Most items are not among them, and share one tuple of shots.
    """

    def __init__(self, shots: Iterable[Instance], spares: Iterable[Instance]) -> None:
        self.shots = tuple(shots)
        self._times_shown = Counter(map(_identity, self.shots))
        most = max(self._times_shown.values(), default=0)
        self._spares = tuple(islice(_others(spares, self._times_shown), most))

    @classmethod
    def load(cls, task: Task) -> FewShot:
        """The examples that the task builds itself, else those that ``drawn`` chooses.

        Raises:
            DataError: there are fewer examples than asked for; the count never shrinks silently.
        """
        if not hooks.overrides(task, "_build_fewshot"):
            return cls.drawn(task)
        built, wanted = tuple(task._build_fewshot()), task.config.num_fewshot
        if len(built) < wanted:
            raise DataError(
                f"{task.config.name} asks for {wanted} few-shot examples, but its _build_fewshot "
                f"gives {len(built)}",
                hint=f"lower it with -o num_fewshot={len(built)}",
            )
        return cls(built, ())

    @classmethod
    def drawn(cls, task: Task) -> FewShot:
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
            return cls(*_draw(pool, k, config.fewshot_seed))
        return cls(pool[:k], pool[k:])

    def shots_for(self, instance: Instance) -> tuple[Instance, ...]:
        """As many examples as ``shots``, none of them ``instance``.

        Raises:
            DataError: the instance is among the examples and too few others are left.
        """
        mine = _identity(instance)
        missing = self._times_shown[mine]
        if not missing:
            return self.shots
        if len(self._spares) < missing:
            raise DataError(
                f"the question {instance.question[:60]!r} is one of its own {len(self.shots)} "
                "few-shot examples and there is no spare one",
                hint="use fewer shots or another fewshot_source",
            )
        kept = (shot for shot in self.shots if _identity(shot) != mine)
        return (*kept, *self._spares[:missing])


def _others(candidates: Iterable[Instance], shown: Iterable[Any]) -> Iterator[Instance]:
    """Each question among ``candidates`` once, but for those ``shown``."""
    seen = set(shown)
    for candidate in candidates:
        if _identity(candidate) not in seen:
            seen.add(_identity(candidate))
            yield candidate


def _draw(pool: list[Instance], k: int, seed: int) -> tuple[list[Instance], Iterator[Instance]]:
    """``random.Random(seed).sample(pool, k)``, as published settings draw, and spares.

    The first spare is what drawing k + 1 adds; the others follow in the order of drawing all.
    """
    chosen = random.Random(seed).sample(pool, k)

    def spares() -> Iterator[Instance]:
        for n in dict.fromkeys((min(k + 1, len(pool)), len(pool))):
            yield from random.Random(seed).sample(pool, n)

    return chosen, spares()


def refuse_unshown(task: Task, instance: Instance, request: LMRequest) -> None:
    """Refuse a task whose ``request`` for ``instance`` is the same as without its examples.

    Raises:
        UsageError: ``num_fewshot`` would be recorded, and nothing of it asked.
    """
    config = task.config
    if config.num_fewshot == 0 or hooks.overrides(task, "get_fewshot"):
        return
    try:
        bare = type(task)(evolve(config, num_fewshot=0)).request_for(instance)
    except Exception:  # an author's code that cannot do without examples does show them
        return
    if bare != request:
        return
    raise UsageError(
        f"task {config.name!r} asks for {config.num_fewshot} few-shot examples, but its requests "
        "are the same without them",
        hint=f"{_who_ignores(task)}: set -o num_fewshot=0, or a formatter that shows them",
    )


def _who_ignores(task: Task) -> str:
    from olmo_eval.evals.tasks.common.task import Task

    if type(task).format_request is not Task.format_request:
        return f"{type(task).__name__}.format_request does not show them"
    if task.config.formatter is None:
        return "without a formatter the question is all that is asked"
    return f"{type(task.config.formatter).__name__} does not show them"


def shots_source(task: Task) -> DataSource | str | None:
    """Where the examples of ``task`` come from: a data source, or the name of a fixed few-shot set;
    None where it shows none, or draws them from the evaluated data itself, as no other split of it
    is there.
    """
    config = task.config
    if config.num_fewshot == 0:
        return None
    if config.fewshot_source is None and config.data_source is not None:
        split = task.fewshot_split or _other_split(config.get_data_source())
        return None if split is None else evolve(config.data_source, split=split)
    return config.fewshot_source


#: where shots come from when nobody says, the first that is there and is not evaluated
_USUAL_SPLITS = ("dev", "validation", "train")


def _other_split(evaluated: DataSource) -> str | None:
    """The split of the evaluated data's own source to draw shots from; None where there is none."""
    evaluated_splits = evaluated.split.split("+")
    usual = [split for split in _USUAL_SPLITS if split not in evaluated_splits]
    if evaluated.kind is SourceKind.LOCAL and Path(evaluated.path).is_dir():
        return next((split for split in usual if _is_there(evaluated, split)), None)
    if evaluated.kind is not SourceKind.HUB or "all" in evaluated_splits:
        return None
    try:
        there = DataLoader().splits(evaluated)
    except OlmoEvalError:  # nobody can say without reading it
        return None
    return next((split for split in usual if split in there), None)


def _is_there(source: DataSource, split: str) -> bool:
    try:
        return bool(DataLoader().locate(evolve(source, split=split)))
    except OlmoEvalError:
        return False


def _candidates(task: Task) -> tuple[list[Instance], str]:
    """Every possible example, and a name for where they come from."""
    source = shots_source(task)
    if source is None:
        return list(task.instances), f"{task.config.data_source} (the evaluated data)"
    if isinstance(source, str):
        name = f"the few-shot set {source!r}"
        return _instances(task, load_fewshot_set(source), name), name
    return _instances(task, task._rows(source), str(source)), str(source)


def _instances(task: Task, rows: Any, source: str) -> list[Instance]:
    made = (task._guarded(task.process_fewshot_doc, row, i, source) for i, row in enumerate(rows))
    return [instance for instance in made if instance is not None]
