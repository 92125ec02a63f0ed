"""Transcripts as ATIF documents (Agent Trajectory Interchange Format, version 1.8).

An answer of the model is one step of the agent, with its thought, its tool calls and their results.
What ATIF has no place for stands below ``extra.olmo_eval``, where :mod:`atif_import` finds it.
Documents are validated where the package ``atif`` is installed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import olmo_eval
from olmo_eval.common.convert import to_json
from olmo_eval.common.types import (
    MessageEvent,
    ReasoningEvent,
    ToolCall,
    ToolCallEvent,
    ToolResult,
    ToolResultEvent,
    Usage,
)
from olmo_eval.errors import OlmoEvalError
from olmo_eval.interchange import Exporter, Losses, Transcript

VERSION = "ATIF-v1.8"
#: where what ATIF has no place for is kept
EXTRA = "olmo_eval"
_SOURCES = {"system": "system", "user": "user", "assistant": "agent"}
_KEPT = {
    "command": "commands",
    "limit": "limits",
    "error": "errors",
    "note": "notes",
    "message": "messages of other models",
    "reasoning": "thoughts without an answer",
}


class AtifExporter(Exporter):
    """ATIF 1.8, the Agent Trajectory Interchange Format: a JSON file each."""

    layout = "files"

    def document(self, transcript: Transcript, losses: Losses) -> dict[str, Any] | None:
        if transcript.continuations:
            losses.lose("instances whose continuations were scored, which are no trajectories")
            return None
        steps = _Steps(transcript, losses)
        agent: dict[str, Any] = {
            "name": "olmo-eval",
            "version": olmo_eval.__version__,
            "model_name": transcript.model,
        }
        if transcript.tools:
            agent["tool_definitions"] = [dict(tool) for tool in transcript.tools]
        found = {
            "schema_version": VERSION,
            "session_id": transcript.run_id,
            "trajectory_id": f"{transcript.task}/{transcript.instance_id}/{transcript.sample}",
            "agent": agent,
            "steps": steps.steps,
            "final_metrics": {
                **_totals(transcript.usage),
                "total_steps": len(steps.steps),
            },
            "extra": {EXTRA: _about(transcript)},
        }
        losses.lose("outcomes and scores (kept under extra)")
        _validate(found, losses)
        return found


def _about(transcript: Transcript) -> dict[str, Any]:
    """What ATIF has no place for of the transcript as a whole."""
    names = (
        *("task", "instance_id", "sample", "samples", "question", "gold", "answer", "outcome"),
        *("error", "scores", "values", "finish_reason", "stop_reason", "seconds", "started"),
        *("request_type", "metadata"),
    )
    told = {name: to_json(getattr(transcript, name)) for name in names}
    return {name: value for name, value in told.items() if value not in (None, {}, [])}


def _totals(usage: Usage | None) -> dict[str, Any]:
    """What all steps cost; nothing where that is not known."""
    if usage is None:
        return {}
    told = {
        "total_prompt_tokens": usage.prompt_tokens,
        "total_completion_tokens": usage.completion_tokens,
        "total_cached_tokens": usage.cached_tokens,
        "total_cost_usd": usage.cost_usd,
    }
    return {name: value for name, value in told.items() if value is not None}


def _is_answer(event: Any) -> bool:
    return isinstance(event, MessageEvent) and event.role == "assistant"


class _Steps:
    """The steps that a transcript makes."""

    def __init__(self, transcript: Transcript, losses: Losses) -> None:
        self.losses = losses
        self.steps: list[dict[str, Any]] = []
        self._thought: ReasoningEvent | None = None
        self._made: dict[str, dict[str, Any]] = {}  # the steps that made calls, by the calls' ids
        for message in transcript.messages:
            self._asked(message)
        for event in transcript.events:
            if self._thought is not None and not _is_answer(event):
                self._keep(self._thought)
                self._thought = None
            match event:
                case ReasoningEvent():
                    self._thought = event
                case MessageEvent(role="assistant"):
                    self._answered(event)
                case MessageEvent(role="user" | "system"):
                    self._add(event.role, event.text, event)
                case ToolCallEvent():
                    self._called(event.call, start=event.start)
                case ToolResultEvent():
                    self._returned(event.result, event)
                case _:
                    self._keep(event)
        if self._thought is not None:
            self._keep(self._thought)

    def _add(self, role: str, text: str, event: Any = None) -> dict[str, Any]:
        step: dict[str, Any] = {
            "step_id": len(self.steps) + 1,
            "source": _SOURCES.get(role, "user"),
            "message": text,
        }
        times = {n: getattr(event, n, None) for n in ("start", "seconds")}
        known = {n: value for n, value in times.items() if value is not None}
        if known:
            step["extra"] = {EXTRA: known}
        self.steps.append(step)
        return step

    def _asked(self, message: Mapping[str, Any]) -> None:
        """A message of the request; an answer in it is an example, and none of the model's."""
        content = message.get("content")
        if content is not None and not isinstance(content, str):
            self.losses.lose("parts of messages that are no text")
            content = "\n".join(str(p.get("text", "")) for p in content if isinstance(p, dict))
        if message.get("role") == "tool":
            result = ToolResult(str(message.get("tool_call_id")), content or "")
            self._returned(result, None)
            return
        step = self._add(str(message.get("role")), content or "")
        if step["source"] == "agent":
            step.update(is_copied_context=True, llm_call_count=0)
            for call in message.get("tool_calls") or ():
                self._called(ToolCall.from_openai(call), step)

    def _answered(self, event: MessageEvent) -> None:
        step = self._add("assistant", event.text, event)
        step["llm_call_count"] = 1
        if self._thought is not None:
            step["reasoning_content"], self._thought = self._thought.text, None
        usage = event.usage
        if usage is not None:
            told = {
                "prompt_tokens": usage.prompt_tokens,
                "completion_tokens": usage.completion_tokens,
                "cached_tokens": usage.cached_tokens,
                "cost_usd": usage.cost_usd,
            }
            step["metrics"] = {name: value for name, value in told.items() if value is not None}

    def _last_of_agent(self) -> dict[str, Any]:
        """The agent's last step; one of its own where it has said nothing yet."""
        if self.steps and self.steps[-1]["source"] == "agent":
            return self.steps[-1]
        step = self._add("assistant", "")
        step["llm_call_count"] = 0
        return step

    def _called(
        self, call: ToolCall, step: dict[str, Any] | None = None, start: float | None = None
    ) -> None:
        step = self._last_of_agent() if step is None else step
        arguments = call.get_arguments()
        told: dict[str, Any] = {
            "tool_call_id": call.id,
            "function_name": call.name,
            "arguments": arguments,
        }
        kept: dict[str, Any] = {} if start is None else {"start": start}
        if not arguments and json_text(call.arguments) != "{}":
            kept["arguments"] = call.arguments
            self.losses.lose("arguments that are not a JSON object (kept under extra)")
        if kept:
            told["extra"] = {EXTRA: kept}
        step.setdefault("tool_calls", []).append(told)
        self._made[call.id] = step

    def _returned(self, result: ToolResult, event: Any) -> None:
        step = self._made.get(result.call_id)
        told: dict[str, Any] = {"content": result.content}
        if step is None:
            step = self._last_of_agent()
            self.losses.lose("results of calls that nobody made")
        else:
            told["source_call_id"] = result.call_id
        more = {
            "error": result.error or None,
            "start": getattr(event, "start", None),
            "seconds": getattr(event, "seconds", None),
        }
        known = {name: value for name, value in more.items() if value is not None}
        if known:
            told["extra"] = {EXTRA: known}
        if result.error:
            self.losses.lose("marks of results that they are failures (kept under extra)")
        step.setdefault("observation", {"results": []})["results"].append(told)

    def _keep(self, event: Any) -> None:
        """An event that ATIF has no kind of step for, beside the last step."""
        step = self.steps[-1] if self.steps else self._last_of_agent()
        extra = step.setdefault("extra", {}).setdefault(EXTRA, {})
        extra.setdefault("events", []).append(to_json(event))
        self.losses.lose(f"{_KEPT[event.type]} (kept under extra)")


def json_text(text: str) -> str:
    """JSON text without spaces; the text itself where it is no JSON."""
    try:
        return json.dumps(json.loads(text or "{}"), separators=(",", ":"))
    except ValueError:
        return text


def _validate(document: Mapping[str, Any], losses: Losses) -> None:
    """Hold the document to the schema, where the package that knows it is there.

    Raises:
        OlmoEvalError: it is not valid, which is a defect of this module.
    """
    try:
        from atif import Trajectory
    except ModuleNotFoundError:
        losses.assume("not validated: pip install 'olmo-eval-formats[atif]' validates it")
        return
    try:
        Trajectory.model_validate(document)
    except ValueError as error:
        raise OlmoEvalError(
            f"{document['trajectory_id']} is not valid {VERSION}: {error}",
            hint="this is a defect of olmo-eval-formats: please report it",
        ) from error
