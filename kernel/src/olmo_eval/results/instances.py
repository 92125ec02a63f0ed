"""The instances of a run, for people: all of them, or those that a measure of health counts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import compress
from typing import Any

import attrs
from attrs import frozen

from olmo_eval.results.health import Tally
from olmo_eval.results.readable import answer
from olmo_eval.results.record import row_evidence
from olmo_eval.results.store import Run


@frozen
class ShownInstance:
    """One instance: what was asked, what reached the model, what came back, how it ended, and what
    judges were asked about it and replied (each call as ``judges.JudgeCall.to_dict`` gives it)."""

    instance_id: str
    question: str
    received: str
    answer: str
    gold: str | None
    outcome: str
    error: str | None
    values: Mapping[str, float | None]
    judge_calls: Sequence[Mapping[str, Any]] = ()

    def to_dict(self) -> dict[str, Any]:
        return attrs.asdict(self)


def instances(run: Run, task: str, only: str | None = None) -> Iterator[ShownInstance]:
    """A task's instances in the order of the data; ``only`` names a measure of ``health.NAMES``.

    The table is read a few rows at a time, twice where ``only`` is given.

    Raises:
        UnknownNameError: the run has no such task. DataError: its table cannot be read.
    """
    rows = run.rows(task)
    if only is not None:
        entry = run.task_record(task)
        tally = Tally.of_task(entry)
        for row in rows:
            tally.see(row)
        rows = compress(run.rows(task), tally.members(only))
    return map(_shown, rows)


def _shown(row: dict[str, Any]) -> ShownInstance:
    evidence = row_evidence(row)
    return ShownInstance(
        instance_id=row["instance_id"],
        question=row["question"] or "",
        received=received(row["request"] or {}),
        answer=answer(row),
        gold=row["gold"],
        outcome=row["outcome"],
        error=row["error"],
        values=row["values"] or {},
        judge_calls=[call for kept in evidence for call in kept.get("judge_calls", ())],
    )


def received(request: Mapping[str, Any]) -> str:
    """What a request puts before the model: its prompt, its contexts or its messages, as text."""
    if request.get("messages"):
        messages = json.loads(request["messages"])
        system = request.get("system_prompt")
        head = [f"system: {system}"] if system else []
        return "\n".join([*head, *(f"{m['role']}: {m.get('content') or ''}" for m in messages)])
    return "\n".join(request.get("contexts") or [request.get("prompt") or ""])
