"""ATIF documents (Agent Trajectory Interchange Format) as runs.

A model is a run, and each document a sample of an instance. ATIF has no scores: those of documents
that were exported here are found below ``extra.olmo_eval``; others have none, and count as missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from olmo_eval.common.convert import structure
from olmo_eval.common.types import (
    Event,
    Instance,
    LMOutput,
    LMRequest,
    Message,
    MessageEvent,
    Outcome,
    ReasoningEvent,
    RequestType,
    Response,
    ToolCall,
    ToolCallEvent,
    ToolResult,
    ToolResultEvent,
    ToolSchema,
    Trajectory,
    Usage,
)
from olmo_eval.errors import DataError, OlmoEvalError
from olmo_eval.interchange import (
    ImportedInstance,
    ImportedMetric,
    ImportedRun,
    ImportedTask,
    Importer,
    Losses,
    Source,
)
from olmo_eval_formats.atif_export import EXTRA
from olmo_eval_formats.files import begins_with, json_object, json_rows

Document = Mapping[str, Any]
_ROLES = {"system": "system", "user": "user", "agent": "assistant"}
#: of a document that says nothing of its score
_NO_SCORE = ImportedMetric("score", "none", higher_is_better=True)


class AtifImporter(Importer):
    """ATIF, the Agent Trajectory Interchange Format: .json and .jsonl documents."""

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        return any(begins_with(file, '"schema_version"', '"ATIF-v') for file in _files(path))

    def read(self, path: Path) -> Iterator[ImportedRun]:
        by_model: dict[tuple[str, str], list[tuple[Path, Document]]] = {}
        for file, document in _documents(path):
            agent = document["agent"]
            key = str(agent.get("model_name") or agent.get("name")), str(agent.get("name"))
            by_model.setdefault(key, []).append((file, document))
        for (model, agent), found in by_model.items():
            yield _run(model, agent, found, path)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(p for p in path.rglob("*") if p.suffix in (".json", ".jsonl") and p.is_file())


def _documents(path: Path) -> Iterator[tuple[Path, Document]]:
    for file in _files(path):
        if path.is_dir() and not begins_with(file, '"schema_version"', '"ATIF-v'):
            continue
        if file.suffix == ".jsonl":
            rows = [row for _, _, row in json_rows(file)]
        else:
            rows = [json_object(file)]
        for row in rows:
            if not isinstance(row.get("agent"), Mapping) or not isinstance(row.get("steps"), list):
                raise DataError(f"{file} holds a document without an agent or steps")
            yield file, row


def _run(model: str, agent: str, found: Sequence[tuple[Path, Document]], path: Path) -> ImportedRun:
    losses = Losses()
    groups: dict[str, dict[str, list[Document]]] = {}
    for _, document in found:
        about = _about(document)
        task = str(about.get("task") or path.stem)
        samples = groups.setdefault(task, {})
        samples.setdefault(_id(document, about, len(samples)), []).append(document)
    first = found[0][1]
    return ImportedRun(
        model=model,
        tasks=[_task(name, samples, losses) for name, samples in groups.items()],
        source=Source(agent, first["agent"].get("version"), sorted({str(f) for f, _ in found})),
        losses=losses,
        started=_about(first).get("started"),
        metadata={"schema_version": first.get("schema_version"), "agent": agent},
    )


def _about(document: Document) -> Mapping[str, Any]:
    """What an export from here kept beside the format."""
    found = (document.get("extra") or {}).get(EXTRA)
    return found if isinstance(found, Mapping) else {}


def _id(document: Document, about: Mapping[str, Any], number: int) -> str:
    told = about.get("instance_id") or document.get("trajectory_id") or document.get("session_id")
    return str(number if told is None else told)


def _task(name: str, samples: Mapping[str, Sequence[Document]], losses: Losses) -> ImportedTask:
    keys = dict.fromkeys(
        key for some in samples.values() for d in some for key in _about(d).get("values") or {}
    )
    metrics = [ImportedMetric(*_parts(key)) for key in keys] or [_NO_SCORE]
    return ImportedTask(
        name=name,
        metrics=metrics,
        instances=partial(_instances, samples, metrics, losses),
        request_type="chat",
    )


def _parts(key: str) -> tuple[str, str]:
    metric, _, scorer = key.partition(":")
    return metric, scorer or "none"


def _instances(
    samples: Mapping[str, Sequence[Document]], metrics: Sequence[ImportedMetric], losses: Losses
) -> Iterator[ImportedInstance]:
    for instance_id, documents in samples.items():
        ordered = sorted(documents, key=lambda d: _about(d).get("sample") or 0)
        try:
            yield _instance(instance_id, ordered, metrics, losses)
        except (KeyError, TypeError, ValueError, AttributeError, OlmoEvalError) as error:
            raise DataError(f"trajectory {instance_id!r} cannot be read: {error}") from error


def _instance(
    instance_id: str,
    documents: Sequence[Document],
    metrics: Sequence[ImportedMetric],
    losses: Losses,
) -> ImportedInstance:
    read = [_Steps(document, losses) for document in documents]
    about, first = _about(documents[0]), read[0]
    told = about.get("values") or {}
    values = {metric.key: told.get(metric.key) for metric in metrics}
    asked = [m for m in first.asked if m["role"] == "user"]
    question = about.get("question") or (str(asked[-1]["content"]) if asked else "")
    scorers: dict[str, list[float]] = {}
    for document in documents:
        for name, number in (_about(document).get("scores") or {}).items():
            scorers.setdefault(name, []).append(number)
    outcome = Outcome(about.get("outcome", Outcome.SCORED))
    error = about.get("error")
    if values[metrics[0].key] is None and outcome is Outcome.SCORED:
        outcome, error = Outcome.SCORER_FAILED, "the trajectory has no score"
    tools = [ToolSchema.from_openai(t) for t in documents[0]["agent"].get("tool_definitions") or ()]
    metadata = {**(about.get("metadata") or {}), "id": instance_id}
    response = Response(
        instance_id,
        Instance(question, about.get("gold"), metadata=metadata),
        LMRequest(RequestType.CHAT, messages=first.asked, tools=tools),
        [_output(d, steps) for d, steps in zip(documents, read, strict=True)],
        {k: v for k, v in scorers.items() if len(v) == len(documents)},
        outcome,
        error,
    )
    return ImportedInstance(response, values)


def _output(document: Document, steps: _Steps) -> LMOutput:
    about = _about(document)
    totals = document.get("final_metrics") or {}
    said = [e for e in steps.events if isinstance(e, MessageEvent) and e.role == "assistant"]
    reason = about.get("stop_reason", "answer")
    return LMOutput(
        text=said[-1].text if said else "",
        finish_reason=about.get("finish_reason"),
        usage=_usage(totals, "total_") or _summed(said),
        extracted_answer=about.get("answer"),
        trajectory=Trajectory(steps.events, reason) if steps.events else None,
    )


def _usage(told: Mapping[str, Any], prefix: str = "") -> Usage | None:
    """The tokens that are told; None where none are."""
    names = ("prompt_tokens", "completion_tokens", "cached_tokens")
    known = [told.get(f"{prefix}{name}") for name in names]
    if known[0] is None and known[1] is None:
        return None
    prompt, completion, cached = (n or 0 for n in known)
    return Usage(prompt, completion, cached, told.get(f"{prefix}cost_usd"))


def _summed(said: Sequence[MessageEvent]) -> Usage | None:
    total = None
    for event in said:
        if event.usage is not None:
            total = event.usage if total is None else total.plus(event.usage)
    return total


class _Steps:
    """The steps of a document: what was asked first, and the events that followed."""

    def __init__(self, document: Document, losses: Losses) -> None:
        self.losses = losses
        self.asked: list[Message] = []
        self.events: list[Event] = []
        self._named: set[str] = set()
        losses.lose(
            "trajectories of other agents", len(document.get("subagent_trajectories") or ())
        )
        losses.lose("notes", int(bool(document.get("notes"))))
        for step in document["steps"]:
            self._step(step)

    def _step(self, step: Mapping[str, Any]) -> None:
        role = _ROLES[step["source"]]
        text = self._text(step.get("message"))
        if not self.events and (role != "assistant" or step.get("is_copied_context")):
            self._ask(role, text, step)
        elif role != "assistant":
            self.events.append(MessageEvent(role, text, **_times(step)))
        else:
            self._answer(text, step)
        kept = ((step.get("extra") or {}).get(EXTRA) or {}).get("events") or ()
        self.events += [structure(one, Event, where="event") for one in kept]  # type: ignore[arg-type]

    def _ask(self, role: str, text: str, step: Mapping[str, Any]) -> None:
        message: Message = {"role": role, "content": text}
        calls = [_call(told).to_openai() for told in step.get("tool_calls") or ()]
        if calls:
            message["tool_calls"] = calls
        self.asked.append(message)
        for told in self._results(step):
            self.asked.append(
                {
                    "role": "tool",
                    "tool_call_id": str(told.get("source_call_id") or ""),
                    "content": self._text(told.get("content")),
                }
            )

    def _answer(self, text: str, step: Mapping[str, Any]) -> None:
        times, told = _times(step), step.get("metrics") or {}
        for name in ("logprobs", "prompt_token_ids", "completion_token_ids"):
            self.losses.lose(f"{name!r} of steps", int(bool(told.get(name))))
        if step.get("reasoning_content"):
            self.events.append(ReasoningEvent(step["reasoning_content"], **times))
        silent = step.get("llm_call_count") == 0 and not text
        if not silent:
            self.events.append(MessageEvent("assistant", text, _usage(told), **times))
        for call in step.get("tool_calls") or ():
            self.events.append(ToolCallEvent(_call(call), start=_times(call)["start"]))
        for result in self._results(step):
            extra = (result.get("extra") or {}).get(EXTRA) or {}
            found = ToolResult(
                str(result.get("source_call_id") or ""),
                self._text(result.get("content")),
                bool(extra.get("error")),
            )
            self.events.append(
                ToolResultEvent(found, start=extra.get("start"), seconds=extra.get("seconds"))
            )

    def _results(self, step: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        results = (step.get("observation") or {}).get("results") or ()
        for result in results:
            refs = result.get("subagent_trajectory_ref") or ()
            self.losses.lose("references to other agents' trajectories", len(refs))
        return results

    def _text(self, content: Any) -> str:
        if content is None or isinstance(content, str):
            return content or ""
        texts = []
        for part in content:
            if part.get("type") == "text":
                texts.append(part.get("text") or "")
            else:
                self.losses.lose(f"parts of messages of the type {part.get('type')!r}")
                texts.append(f"({part.get('type')})")
        return "\n".join(texts)


def _call(told: Mapping[str, Any]) -> ToolCall:
    kept = ((told.get("extra") or {}).get(EXTRA) or {}).get("arguments")
    arguments = kept if isinstance(kept, str) else json.dumps(told.get("arguments") or {})
    return ToolCall(str(told["tool_call_id"]), str(told["function_name"]), arguments)


def _times(step: Mapping[str, Any]) -> dict[str, Any]:
    """When a step or a call began and how long it took, where an export from here said so."""
    told = (step.get("extra") or {}).get(EXTRA) or {}
    return {"start": told.get("start"), "seconds": told.get("seconds")}
