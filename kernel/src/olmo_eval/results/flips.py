"""The questions that two runs answered with different success."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from attrs import frozen

from olmo_eval.errors import UsageError
from olmo_eval.results.pairing import pairs, primary_metric
from olmo_eval.results.store import Run


@frozen
class Flip:
    """One question that the two runs answered with different success."""

    instance_id: str
    question: str
    gold: str | None
    value_a: float
    value_b: float
    answer_a: str
    answer_b: str

    def to_dict(self) -> dict[str, Any]:
        return attrs.asdict(self)


def flips(a: Run, b: Run, task: str, show: str = "all") -> Iterator[Flip]:
    """The questions on which two runs differ, largest difference first."""
    entry = primary_metric(a, task)
    found = pairs(a, b, task, entry["key"])
    sign = 1 if entry["higher_is_better"] else -1
    gain = (found.b - found.a) * sign
    wanted = {"all": gain != 0, "regressed": gain < 0, "improved": gain > 0}
    if show not in wanted:
        raise UsageError(f"show is one of {', '.join(wanted)}, not {show!r}")
    chosen = np.flatnonzero(wanted[show])
    chosen = chosen[np.argsort(-np.abs(gain[chosen]), kind="stable")]
    ids = found.ids.to_pylist()
    texts_a, texts_b = _answers(a, task), _answers(b, task)
    for i in chosen:
        name = ids[i]
        question, gold, answer_a = texts_a[name]
        yield Flip(
            name, question, gold, float(found.a[i]), float(found.b[i]), answer_a, texts_b[name][2]
        )


def _answers(run: Run, task: str) -> dict[str, tuple[str, str | None, str]]:
    """Question, gold and answer of every instance, as text for people."""
    table = run.instances(task, ["instance_id", "question", "gold", "request", "outputs"])
    return {
        row["instance_id"]: (row["question"] or "", row["gold"], answer(row))
        for row in table.to_pylist()
    }


def answer(row: Mapping[str, Any]) -> str:
    """What the model answered: the first sample's text, or the continuation it found likeliest."""
    outputs = row["outputs"] or []
    if not outputs:
        return ""
    if outputs[0]["text"] is not None:
        return str(outputs[0]["text"])
    if all(output["sum_logprob"] is None for output in outputs):
        return ""
    continuations = (row["request"] or {}).get("continuations") or []
    strengths = [o["sum_logprob"] if o["sum_logprob"] is not None else -math.inf for o in outputs]
    if not continuations:
        return f"({strengths[0]:.3f})"
    best = max(range(_choices(continuations)), key=strengths.__getitem__)
    return f"{continuations[best].strip()} ({strengths[best]:.3f})"


def _choices(continuations: Sequence[str]) -> int:
    """How many of the scored continuations are choices after the question: all, or the first half
    where the second is the same choices without their question.
    """
    half = len(continuations) // 2
    again = half > 1 and continuations[:half] == continuations[half:]
    return half if again else len(continuations)
