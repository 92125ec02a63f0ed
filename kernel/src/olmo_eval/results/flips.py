"""The questions that two runs answered with different success."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import numpy as np
from attrs import frozen

from olmo_eval.errors import UsageError
from olmo_eval.results.pairing import pairs, primary_metric
from olmo_eval.results.readable import answer
from olmo_eval.results.store import Run
from olmo_eval.results.tracking.noise import noisy_questions


@frozen
class Flip:
    """One question that the two runs answered with different success.

    ``noise`` says that its score also differs between repeats of one of the two models, as
    `olmo-eval noise` has measured.
    """

    instance_id: str
    question: str
    gold: str | None
    value_a: float
    value_b: float
    answer_a: str
    answer_b: str
    noise: bool = False

    def to_dict(self) -> dict[str, Any]:
        return attrs.asdict(self)


def flips(
    a: Run, b: Run, task: str, show: str = "all", task_b: str | None = None
) -> Iterator[Flip]:
    """The questions on which two runs differ, largest difference first; the second run may call the
    task ``task_b``."""
    entry = primary_metric(a, task)
    found = pairs(a, b, task, entry["key"], task_b)
    sign = 1 if entry["higher_is_better"] else -1
    gain = (found.b - found.a) * sign
    wanted = {"all": gain != 0, "regressed": gain < 0, "improved": gain > 0}
    if show not in wanted:
        raise UsageError(f"show is one of {', '.join(wanted)}, not {show!r}")
    chosen = np.flatnonzero(wanted[show])
    chosen = chosen[np.argsort(-np.abs(gain[chosen]), kind="stable")]
    ids = [found.ids[i].as_py() for i in chosen.tolist()]
    texts_a, texts_b = _answers(a, task, ids), _answers(b, task_b or task, ids)
    noisy = noisy_questions(a, b, task)
    for i, name in zip(chosen.tolist(), ids, strict=True):
        question, gold, answer_a = texts_a[name]
        value_a, value_b = float(found.a[i]), float(found.b[i])
        answer_b = texts_b[name][2]
        yield Flip(name, question, gold, value_a, value_b, answer_a, answer_b, name in noisy)


def _answers(run: Run, task: str, ids: Sequence[str]) -> dict[str, tuple[str, str | None, str]]:
    """Question, gold and answer of some instances, as text for people."""
    columns = ["instance_id", "question", "gold", "request", "outputs"]
    return {
        row["instance_id"]: (row["question"] or "", row["gold"], answer(row))
        for row in run.rows(task, ids=ids, columns=columns)
    }
