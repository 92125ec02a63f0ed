"""The noise floor: how much a task's answers differ between repeats of one and the same model.

Kept in the store, below ``RESULTS/noise``: the repeats are runs of a store of their own, so that no
query of other runs finds them, and each floor is a JSON file.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import attrs
import numpy as np
import orjson
from attrs import frozen

from olmo_eval.common.filesystem import open_filesystem, way_out
from olmo_eval.errors import DataError, UsageError
from olmo_eval.results.run import Run
from olmo_eval.results.statistics import answer_flip_rate, estimate
from olmo_eval.results.tracking.lineage import TaskRuns, primary_entry
from olmo_eval.results.tracking.questions import questions_of

_VERSION = 1


@frozen
class NoiseFloor:
    """What repeats of one model on one task say.

    - ``flip_rate``: the share of questions whose score differs between two repeats, averaged over
      pairs of repeats, with its 95% interval over questions;
    - ``score_sd``: the standard deviation that this gives the task's score;
    - ``flipped``: the questions that differed in some pair;
    - ``settings``: what was set otherwise in each repeat.
    """

    task: str
    metric: str
    model: str
    fingerprint: str
    request: str
    repeats: int
    n: int
    flip_rate: float
    ci_low: float | None
    ci_high: float | None
    score_sd: float
    flipped: tuple[str, ...]
    settings: tuple[str, ...]

    @property
    def answer_flip_rate(self) -> float:
        """How often a single answer goes against what the model mostly answers."""
        return answer_flip_rate(self.flip_rate)

    def is_of(self, run: Run) -> bool:
        """Whether the model of ``run`` is the one that was repeated."""
        return bool(self.fingerprint) and run.facts.fingerprint == self.fingerprint

    def to_dict(self) -> dict[str, Any]:
        return {"version": _VERSION, **attrs.asdict(self)}


def measure_noise(runs: Sequence[Run], task: str, settings: Sequence[str]) -> NoiseFloor:
    """The noise floor of ``task`` from repeats of one model, 2 or more.

    Raises:
        UsageError: fewer repeats, a task without scores of its questions, or runs that share none.
    """
    if len(runs) < 2:
        raise UsageError("a noise floor needs 2 repeats or more")
    entry = primary_entry(runs[0], task)
    if entry is None or entry.get("computed"):
        raise UsageError(f"{task} has no score for each question, so that repeats cannot be paired")
    asked = TaskRuns(task, tuple((i, run, task) for i, run in enumerate(runs)), ())
    questions = questions_of(asked, str(entry["key"]))
    scores = questions.scores[~np.isnan(questions.scores).any(axis=1)]
    if not len(scores):
        raise UsageError(f"{task}: the repeats share no scored question")
    pairs = list(combinations(range(len(runs)), 2))
    differing = np.mean([scores[:, i] != scores[:, j] for i, j in pairs], axis=0)
    found = estimate(differing, binary=False)
    ids = [i for i, row in zip(questions.ids, questions.scores, strict=True) if _differs(row)]
    return NoiseFloor(
        task=task,
        metric=str(entry["key"]),
        model=runs[0].model,
        fingerprint=runs[0].facts.fingerprint,
        request=_request(runs[0], task),
        repeats=len(runs),
        n=len(scores),
        flip_rate=found.value,
        ci_low=None if found.ci_low is None else max(0.0, found.ci_low),
        ci_high=_rule_of_three(len(scores)) if found.ci_high is None else min(1.0, found.ci_high),
        score_sd=math.sqrt(float(scores.var(axis=1, ddof=1).mean()) / len(scores)),
        flipped=tuple(ids),
        settings=tuple(settings),
    )


class NoiseFloors:
    """The noise floors that a store keeps."""

    def __init__(self, results: str) -> None:
        self.location = f"{results.rstrip('/')}/noise"
        self._known: list[NoiseFloor] | None = None

    @classmethod
    def beside(cls, run: Run) -> NoiseFloors:
        """Those of the store that ``run`` is in."""
        return cls(run.location.rpartition("/runs/")[0] or ".")

    def keep(self, floor: NoiseFloor) -> None:
        """Keep ``floor`` in place of an earlier one of the same model and task.

        Raises:
            DataError: the store cannot be written to.
        """
        key = f"{floor.fingerprint}\0{floor.task}\0{floor.request}".encode()
        name = hashlib.blake2b(key, digest_size=12).hexdigest()
        filesystem, path = open_filesystem(f"{self.location}/floors")
        try:
            filesystem.create_dir(path, recursive=True)
            with filesystem.open_output_stream(f"{path}/{name}.json") as stream:
                stream.write(orjson.dumps(floor.to_dict(), option=orjson.OPT_INDENT_2))
        except OSError as error:
            raise DataError(
                f"cannot keep a noise floor in {self.location}: {error}", hint=way_out(error)
            ) from error
        self._known = None

    def all(self) -> list[NoiseFloor]:
        """Every noise floor of the store.

        Raises:
            DataError: one of them cannot be read.
        """
        if self._known is None:
            self._known = self._read()
        return self._known

    def of(self, task: str, *runs: Run) -> NoiseFloor | None:
        """The floor of what ``runs`` were asked as ``task``: of one of their models where that was
        repeated, else the largest of any model; None where nobody has measured one."""
        asked = {_request(run, task) for run in runs if task in run.task_names}
        found = [floor for floor in self.all() if floor.task == task and floor.request in asked]
        own = [floor for floor in found if any(floor.is_of(run) for run in runs)]
        return max(own or found, key=lambda floor: floor.flip_rate, default=None)

    def _read(self) -> list[NoiseFloor]:
        from pyarrow import fs

        filesystem, path = open_filesystem(f"{self.location}/floors")
        found = []
        try:
            infos = filesystem.get_file_info(fs.FileSelector(path, allow_not_found=True))
            for info in sorted(infos, key=lambda i: str(i.path)):
                if info.is_file and info.path.endswith(".json"):
                    with filesystem.open_input_file(info.path) as file:
                        found.append(_floor(orjson.loads(file.readall()), str(info.path)))
        except (OSError, ValueError) as error:
            raise DataError(
                f"a noise floor of {self.location} cannot be read: {error}",
                hint=way_out(error, f"remove it from {self.location}/floors; measure it anew"),
            ) from error
        return found


def noisy_questions(a: Run, b: Run, task: str) -> frozenset[str]:
    """The questions of ``task`` whose score differs between repeats of the model of ``a`` or ``b``,
    as the stores of both know."""
    stores = {floors.location: floors for floors in map(NoiseFloors.beside, (a, b))}
    found = [floors.of(task, run) for floors in stores.values() for run in (a, b)]
    own = [f for f in found if f is not None and (f.is_of(a) or f.is_of(b))]
    return frozenset(name for floor in own for name in floor.flipped)


def noise_note(a: Run, b: Run, task: str, changed: int, n: int) -> str | None:
    """What is to be said of noise where ``changed`` of ``n`` questions differ between two runs;
    None where nobody has repeated the task."""
    floor = NoiseFloors.beside(b).of(task, b, a) or NoiseFloors.beside(a).of(task, a, b)
    if floor is None:
        return None
    expected = floor.flip_rate * n
    most = n * (floor.flip_rate if floor.ci_high is None else floor.ci_high)
    likely = f"about {expected:.0f}, at most {most:.0f}," if most >= 1 else "none"
    return (
        f"{task}: {changed:,} of {n:,} questions differ; {likely} would between repeats of "
        f"{floor.model} ({floor.flip_rate:.2%} flip)"
    )


def _floor(data: Any, where: str) -> NoiseFloor:
    if not isinstance(data, Mapping) or data.get("version") != _VERSION:
        raise DataError(f"{where} is not a noise floor of version {_VERSION}")
    try:
        lists = {name: tuple(data[name]) for name in ("flipped", "settings")}
        return NoiseFloor(**{k: v for k, v in data.items() if k != "version"} | lists)
    except (TypeError, KeyError) as error:
        raise DataError(f"{where} is not a noise floor: {error}") from error


def _request(run: Run, task: str) -> str:
    """The digest of what the task asks, rendered."""
    return str(run.record.get("lock", {}).get("tasks", {}).get(task, {}).get("request", ""))


def _differs(row: Any) -> bool:
    known = row[~np.isnan(row)]
    return bool(known.size > 1 and np.ptp(known) > 0)


def _rule_of_three(n: int) -> float:
    """The upper end of the 95% interval of a share that was never seen among n."""
    return min(1.0, 3 / n)
