"""What was said and done on the way to an output: of one sample of one instance, as values."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, ClassVar

from attrs import field, frozen

from olmo_eval.common.convert import to_json
from olmo_eval.common.sequences import items
from olmo_eval.common.types import (
    CommandEvent,
    Event,
    LMOutput,
    MessageEvent,
    ReasoningEvent,
    RequestType,
    TokenLogprob,
    ToolCallEvent,
    Usage,
)
from olmo_eval.errors import UnknownNameError, UsageError
from olmo_eval.results.readable import extracted_text
from olmo_eval.results.record import Row, row_evidence, row_outputs
from olmo_eval.results.store import Run

#: ids among which the nearest ones are looked for, and how like they must be: ids are short
_SEARCHED, _ALIKE = 50_000, 0.4


@frozen
class ScoredContinuation:
    """A text whose probability was measured: natural logarithm, tokens, whether all were likeliest.

    ``context`` is what stood before it; ``logprobs`` are those of its tokens, where the provider
    gave them.
    """

    context: str
    text: str
    sum_logprob: float | None
    num_tokens: int | None
    is_greedy: bool | None
    logprobs: tuple[TokenLogprob, ...] | None = None

    plain_data: ClassVar[bool] = True


@frozen
class Transcript:
    """One sample of one instance: what was asked, everything that happened, and what came of it.

    - ``messages``: what the model was asked first, in OpenAI's shape, its system prompt included;
      a prompt to be continued is one message of the user;
    - ``events``: what happened then; of an answer to a single request, that answer;
    - ``episode``: whether the events were recorded, with times, in an episode;
    - ``continuations``: what was scored, where nothing was generated;
    - ``scores``: the number of each scorer for this sample; ``values``: of each metric for the
      instance;
    - ``seconds``: how long it took; None where that is not known;
    - ``started``: when the run began, UTC;
    - ``logprobs``: the answer's tokens with their log-probabilities, where they were asked for.
    """

    run_id: str
    model: str
    task: str
    instance_id: str
    sample: int
    samples: int
    request_type: str
    question: str
    messages: tuple[Mapping[str, Any], ...] = field(converter=items)
    tools: tuple[Mapping[str, Any], ...] = field(converter=items)
    events: tuple[Event, ...] = field(converter=items)
    continuations: tuple[ScoredContinuation, ...] = field(converter=items)
    episode: bool
    stop_reason: str
    text: str
    finish_reason: str | None
    answer: str | None
    gold: str | None
    outcome: str
    error: str | None
    scores: Mapping[str, float]
    values: Mapping[str, float | None]
    evidence: Mapping[str, Any]
    metadata: Mapping[str, Any]
    usage: Usage | None
    seconds: float | None
    reused: bool
    started: str | None
    logprobs: tuple[TokenLogprob, ...] | None = None

    plain_data: ClassVar[bool] = True

    @property
    def turns(self) -> int:
        """How many times the evaluated model answered."""
        return sum(isinstance(e, MessageEvent) and e.role == "assistant" for e in self.events)

    @property
    def tool_calls(self) -> int:
        return sum(isinstance(event, ToolCallEvent) for event in self.events)

    @property
    def commands(self) -> int:
        return sum(isinstance(event, CommandEvent) for event in self.events)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        plain: dict[str, Any] = to_json(self)
        return plain


def transcripts(
    run: Run,
    task: str,
    ids: Collection[str] | None = None,
    sample: int | None = None,
    numbers: Sequence[int] | None = None,
) -> Iterator[Transcript]:
    """The transcripts of a task's instances, in the order of the data, sample by sample.

    With ``ids`` only those of some instances, or of those at the places ``numbers`` of the table;
    with ``sample`` only that one, counted from 0.

    Raises:
        UnknownNameError: the run has no such task. DataError: a table cannot be read.
    """
    name = run.task_record(task)["name"]
    for row in run.rows(name, ids=ids, numbers=numbers):
        made = _of_row(run, name, row)
        yield from made if sample is None else made[sample : sample + 1]


def find_instance(run: Run, instance_id: str, task: str | None = None) -> str:
    """The task of the run that has this instance.

    Raises:
        UnknownNameError: no task has; the hint offers the nearest ids. UsageError: several have.
    """
    names = [task] if task is not None else run.task_names
    known: dict[str, list[str]] = {
        name: run.instances(name, ["instance_id"]).column("instance_id").to_pylist()
        for name in names
    }
    found = [name for name, ids in known.items() if instance_id in ids]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(
            f"{len(found)} tasks of run {run.run_id} have an instance {instance_id!r}: "
            f"{', '.join(found)}",
            hint=f"say which: -t {found[0]}",
        )
    every = list(dict.fromkeys(one for ids in known.values() for one in ids))
    where = f"task {task!r} of run {run.run_id}" if task is not None else f"run {run.run_id}"
    raise UnknownNameError(
        f"{where} has no instance {instance_id!r}", hint=_nearest(instance_id, every, run)
    )


def _nearest(wanted: str, ids: Sequence[str], run: Run) -> str:
    """The ids that are most like ``wanted``, or how to see them all."""
    listed = f"`olmo-eval results instances {run.run_id} -n 100` lists them"
    folded = {one.casefold(): one for one in ids[:_SEARCHED]}
    asked = wanted.casefold()
    alike = [one for one in folded if one.startswith(asked) or one.endswith(asked)][:3]
    alike = alike or get_close_matches(asked, folded, n=3, cutoff=_ALIKE)
    names = " or ".join(folded[one] for one in alike)
    return f"did you mean {names}? {listed}" if alike else listed


def _of_row(run: Run, task: str, row: Row) -> list[Transcript]:
    request = row["request"] or {}
    kind = request.get("type") or ""
    scored = kind in list(RequestType) and RequestType(kind).scored
    outputs = row_outputs(row)
    shown = outputs[:1] if scored else outputs
    evidence = row_evidence(row)
    found = []
    for sample, output in enumerate(shown or (LMOutput(""),)):
        alone = len(shown) == 1
        found.append(
            Transcript(
                **_head(run, task, row),
                **_ending(row, sample, len(outputs)),
                sample=sample,
                samples=max(1, len(shown)),
                request_type=kind,
                messages=_messages(request, row),
                tools=json.loads(request.get("tools") or "[]"),
                events=() if scored or not outputs else _events(output, row, alone),
                continuations=_continuations(request, outputs) if scored else (),
                episode=output.trajectory is not None,
                stop_reason=output.trajectory.stop_reason if output.trajectory else "answer",
                text="" if scored else output.text,
                finish_reason=output.finish_reason,
                evidence=evidence[sample] if sample < len(evidence) else {},
                usage=_usage(row) if scored else output.usage,
                seconds=_seconds(output, row, alone or scored),
                logprobs=None if scored else output.logprobs,
            )
        )
    return found


def _head(run: Run, task: str, row: Row) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "model": run.model,
        "task": task,
        "instance_id": row["instance_id"],
        "question": row["question"] or "",
        "gold": row["gold"],
        "metadata": json.loads(row.get("metadata") or "{}"),
        "reused": bool(row.get("reused")),
        "started": run.facts.started or None,
    }


def _ending(row: Row, sample: int, outputs: int) -> dict[str, Any]:
    """How the sample ended and what it was worth."""
    kept = (row["outputs"] or [{}])[min(sample, max(0, outputs - 1))].get("answer")
    scores = {
        name: numbers[sample]
        for name, numbers in (row["scores"] or {}).items()
        if numbers and sample < len(numbers)
    }
    return {
        "answer": None if kept is None else extracted_text(kept),
        "outcome": row["outcome"],
        "error": row["error"],
        "scores": scores,
        "values": {k: v for k, v in (row["values"] or {}).items() if v is not None},
    }


def _messages(request: Row, row: Row) -> tuple[Mapping[str, Any], ...]:
    """What was asked first; of an external eval, which keeps no requests, the question."""
    if request.get("messages"):
        messages = json.loads(request["messages"])
    else:
        before = request.get("contexts") or [request.get("prompt") or row["question"] or ""]
        messages = [{"role": "user", "content": text} for text in before]
    system = request.get("system_prompt")
    if system is not None and {"role": "system", "content": system} not in messages[:1]:
        messages = [{"role": "system", "content": system}, *messages]
    return tuple(messages)


def _events(output: LMOutput, row: Row, alone: bool) -> tuple[Event, ...]:
    if output.trajectory is not None:
        return output.trajectory.events
    seconds = row.get("latency") if alone and not row.get("reused") else None
    thought = [ReasoningEvent(output.reasoning)] if output.reasoning else []
    said = MessageEvent("assistant", output.text, output.usage, seconds=seconds)
    return (*thought, said, *map(ToolCallEvent, output.tool_calls))


def _continuations(request: Row, outputs: Sequence[LMOutput]) -> tuple[ScoredContinuation, ...]:
    contexts, of = request.get("contexts"), request.get("context_of")
    prompt = request.get("prompt") or ""
    return tuple(
        ScoredContinuation(
            contexts[of[i]] if contexts and of else prompt,
            output.text,
            output.sum_logprob,
            output.num_tokens,
            output.is_greedy,
            output.logprobs,
        )
        for i, output in enumerate(outputs)
    )


def _usage(row: Row) -> Usage | None:
    if row.get("prompt_tokens") is None:
        return None
    completion, cached = row.get("completion_tokens") or 0, row.get("cached_tokens") or 0
    return Usage(row["prompt_tokens"], completion, cached, row.get("cost_usd"))


def _seconds(output: LMOutput, row: Row, alone: bool) -> float | None:
    """Of an episode, until its last event ended; else of the request."""
    if output.trajectory is not None:
        ends = [e.start + (e.seconds or 0) for e in output.trajectory.events if e.start is not None]
        return max(ends, default=None)
    return row.get("latency") if alone else None
