"""What became of a run's questions over the checkpoints that it belongs to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from attrs import frozen

from olmo_eval.errors import OlmoEvalError
from olmo_eval.results.columns import FloatArray
from olmo_eval.results.naming import same_task
from olmo_eval.results.pairing import primary_metric, scores_of
from olmo_eval.results.run import Run
from olmo_eval.results.store import Store
from olmo_eval.results.tracking.lineage import lineage, task_runs


@frozen(eq=False)
class Histories:
    """The checkpoints of a group in order, and the score of every question of one run at each.

    ``places`` are training steps; ``scores`` (n, T) has a row a question, in the order of the run's
    own table (``ids``), NaN where there is no score.
    """

    group: str
    places: tuple[int, ...]
    runs: tuple[Run, ...]
    ids: pa.Array
    scores: FloatArray

    def of(self, instance_id: str) -> tuple[float | None, ...]:
        """The question's score at each checkpoint; None where there is none."""
        row = pc.index(self.ids, pa.scalar(instance_id, self.ids.type)).as_py()
        if row < 0:
            return (None,) * len(self.places)
        return tuple(None if v != v else float(v) for v in self.scores[row])

    def steadiness(self, run: Run, *, later: bool) -> npt.NDArray[np.int64] | None:
        """For each question, at how many checkpoints running, from that of ``run`` on (``later``)
        or back from it, the score is the one that ``run`` has; None where the run is not among the
        checkpoints.

        A question that was steady before one run and is steady after another has changed; one that
        was not may have changed by chance.
        """
        if run not in self.runs:
            return None
        here = self.runs.index(run)
        side = self.scores[:, here:] if later else self.scores[:, here::-1]
        return np.asarray((side == side[:, :1]).cumprod(axis=1).sum(axis=1), dtype=np.int64)


def histories_of(store: Store, run: Run, task: str) -> Histories | None:
    """The histories of a task's questions over the group of ``run``; None where the run is in no
    group, or where no run of the group says how far it was trained.

    Raises:
        DataError: a table cannot be read.
    """
    if not run.facts.group:
        return None
    try:
        line = lineage(store, run.facts.group)
    except OlmoEvalError:  # a group without steps has no history
        return None
    key = str(primary_metric(run, task)["key"])
    kept = [entry for entry in task_runs(line, task).runs if _has(entry[1], entry[2], key)]
    if not kept:
        return None
    ids = run.instances(task, ["instance_id"]).column("instance_id").combine_chunks()
    scores = np.column_stack([scores_of(one, name, key, ids) for _, one, name in kept])
    places, runs = tuple(place for place, _, _ in kept), tuple(one for _, one, _ in kept)
    return Histories(run.facts.group, places, runs, ids, scores)


def _has(run: Run, name: str, key: str) -> bool:
    called = same_task(run.task_names, name)
    metrics = run.task_record(called)["metrics"] if called is not None else ()
    return any(metric["key"] == key for metric in metrics)
