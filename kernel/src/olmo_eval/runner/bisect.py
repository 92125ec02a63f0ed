"""At which checkpoint a task changed: halving, each midpoint asked until its side is clear."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
from attrs import evolve, frozen

from olmo_eval.checkpoints.progress import Progress, training_progress
from olmo_eval.errors import OlmoEvalError, UsageError
from olmo_eval.results.compare import TaskComparison, compare
from olmo_eval.results.run import Run
from olmo_eval.runner.spec import RunSpec

#: makes the run of a spec
Make = Callable[[RunSpec], Run]


@frozen
class Midpoint:
    """A checkpoint that was set between the first and the last: ``like`` is ``first`` or ``last``,
    ``certain`` whether the test decided it; otherwise it is the side its score is on."""

    model: str
    step: int | None
    run_id: str
    like: str
    certain: bool
    asked: int
    questions: int


@frozen
class Bisection:
    """Between which two neighbouring checkpoints a task changed.

    ``certain`` says that every midpoint on the way was decided by its test. ``between`` compares
    the first checkpoint with the last.
    """

    before: str
    after: str
    certain: bool
    checkpoints: int
    between: TaskComparison
    midpoints: tuple[Midpoint, ...]

    @property
    def evaluated(self) -> int:
        """Checkpoints that were asked anything: the midpoints and both ends."""
        return len(self.midpoints) + 2

    def to_dict(self) -> dict[str, Any]:
        return {
            "before": self.before,
            "after": self.after,
            "certain": self.certain,
            "checkpoints": self.checkpoints,
            "evaluated": self.evaluated,
            "between": self.between.to_dict(),
            "midpoints": [attrs.asdict(one) for one in self.midpoints],
        }


def halve(count: int, like_last: Callable[[int], bool]) -> int:
    """The first of the places 1 .. ``count`` - 1 that is like the last, where those before it are
    like the place 0: at most ceil(log2(count - 1)) are looked at."""
    low, high = 0, count - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if like_last(middle) else (middle, high)
    return high


def bisect(spec: RunSpec, models: Sequence[str], make: Make) -> Bisection:
    """The change of the spec's only task over ``models``, which are in order of training.

    Both ends are evaluated on every question; a midpoint is asked in random order until a
    confidence sequence says on which side of the middle between both its score lies.

    Raises:
        UsageError: fewer than two checkpoints or not one task. OlmoEvalError: the last checkpoint
            is neither better nor worse than the first.
    """
    if len(models) < 2:
        raise UsageError(
            f"bisect needs two checkpoints or more, and there {'is' if models else 'are'} "
            f"{len(models)}",
            hint="name them, or the folder that they are in",
        )
    first, last = (make(evolve(spec, model=models[i])) for i in (0, -1))
    compared = compare(first, last, results=spec.results)
    if len(compared.tasks) != 1:
        names = ", ".join(row.name for row in compared.tasks)
        raise UsageError(f"bisect follows one task, and these are several: {names}")
    (between,) = compared.tasks
    if between.verdict.kind not in ("better", "worse"):
        raise OlmoEvalError(
            f"{between.name}: {models[-1]} is neither better nor worse than {models[0]}: "
            f"{between.verdict.sentence()}",
            hint="there is no change to find; more questions may show a smaller one",
        )
    midpoints: list[Midpoint] = []

    def like_last(place: int) -> bool:
        run = make(evolve(spec, model=models[place], against=(first.location, last.location)))
        midpoints.append(_midpoint(models[place], run, between.name))
        return midpoints[-1].like == "last"

    place = halve(len(models), like_last)
    certain = all(one.certain for one in midpoints)
    return Bisection(
        models[place - 1], models[place], certain, len(models), between, tuple(midpoints)
    )


def _midpoint(model: str, run: Run, task: str) -> Midpoint:
    told = run.record["decided"][task]
    like = "last" if told["leaning"] > 0 else "first"
    step = run.record["model"].get("step")
    certain = told["verdict"] != "undecided"
    return Midpoint(model, step, run.run_id, like, certain, told["asked"], told["questions"])


def most_evaluated(checkpoints: int) -> int:
    """How many of so many checkpoints are evaluated at most, both ends included."""
    return 2 + (math.ceil(math.log2(checkpoints - 1)) if checkpoints > 2 else 0)


def in_order(places: Sequence[str]) -> list[str]:
    """Checkpoints in the order of their steps; a folder that is none stands for those in it.

    Raises:
        UsageError: one whose name does not say its step, or two of one step.
    """
    found: dict[int, str] = {}
    for model in dict.fromkeys(m for place in places for m in _expanded(place)):
        told = training_progress(model)
        progress = told.tokens if told.step is None else told.step
        if progress is None:
            raise UsageError(
                f"{model} does not say its training step",
                hint="a name such as step1000 or checkpoint-500 does",
            )
        if progress in found:
            raise UsageError(f"{found[progress]} and {model} are of the same step")
        found[progress] = model
    return [found[progress] for progress in sorted(found)]


def _expanded(place: str) -> list[str]:
    folder = Path(place)
    if not folder.is_dir() or (folder / "config.json").is_file():
        return [place]
    inside = sorted(child for child in folder.iterdir() if child.is_dir())
    return [str(child) for child in inside if training_progress(str(child)) != Progress()]
