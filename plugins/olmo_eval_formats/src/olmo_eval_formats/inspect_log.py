"""Logs of Inspect (``inspect_ai``): ``.eval`` and ``.json``, log version 2.

Each log is a run of one task; the epochs of a sample are the outputs of an instance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from olmo_eval.checkpoints.progress import named_progress
from olmo_eval.common.types import (
    Instance,
    LMOutput,
    LMRequest,
    Message,
    Outcome,
    RequestType,
    Response,
)
from olmo_eval.errors import DataError
from olmo_eval.interchange import (
    ImportedInstance,
    ImportedMetric,
    ImportedRun,
    ImportedTask,
    Importer,
    Losses,
    Source,
)
from olmo_eval_formats.inspect_archive import InspectLog
from olmo_eval_formats.inspect_events import LIMITS, answers_in, trajectory_of
from olmo_eval_formats.inspect_messages import (
    calls_of,
    message_of,
    reasoning_of,
    text_of,
    tool_of,
    usage_of,
)
from olmo_eval_formats.inspect_scores import Reduced, ScoredBy, scorers_of

_STOPS = {"max_tokens": "length", "model_length": "length", "unknown": None}


class InspectImporter(Importer):
    """Inspect (inspect_ai): .eval and .json logs."""

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        return any(map(InspectLog.is_one, _logs(path)))

    def read(self, path: Path) -> Iterator[ImportedRun]:
        found = _logs(path) if path.is_dir() else [path]
        for log in found:
            if path == log or InspectLog.is_one(log):
                yield _run(InspectLog(log))


def _logs(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(p for p in path.rglob("*") if p.suffix in (".eval", ".json") and p.is_file())


def _run(log: InspectLog) -> ImportedRun:
    header, eval_ = log.header, log.header["eval"]
    if header.get("version") not in (None, 2):
        raise DataError(
            f"{log.path} has the log version {header['version']}; version 2 is read here",
            hint="`inspect log convert` writes it anew",
        )
    losses = Losses()
    stats, error = header.get("stats") or {}, header.get("error") or {}
    status = header.get("status")
    scorers = scorers_of(header, losses)
    version = (eval_.get("packages") or {}).get("inspect_ai")
    for name in ("role_usage", "connection_limit_history"):
        losses.lose(f"statistics {name!r}", int(bool(stats.get(name))))
    return ImportedRun(
        model=str(eval_.get("model")),
        tasks=[_task(log, scorers, losses)],
        source=Source("inspect_ai", version, [str(log.path)]),
        losses=losses,
        step=named_progress(str(eval_.get("model"))).step,
        started=_utc(stats.get("started_at") or eval_.get("created")),
        finished=_utc(stats.get("completed_at")),
        complete=status == "success",
        error=None if status == "success" else str(error.get("message") or f"it was {status}"),
        settings=_known(eval_, "model_generate_config", "model_base_url", "model_roles"),
        metadata={
            **_known(eval_, "eval_id", "run_id", "task_id", "revision", "sandbox", "packages"),
            **{k: header[k] for k in ("tags", "metadata") if header.get(k)},
        },
    )


def _known(told: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: told[name] for name in names if told.get(name)}


def _utc(moment: Any) -> str | None:
    return str(moment).replace("+00:00", "Z") if moment else None


def _task(log: InspectLog, scorers: Sequence[ScoredBy], losses: Losses) -> ImportedTask:
    eval_ = log.header["eval"]
    # a log without any score has answers all the same, each of which lacks one
    metrics = [m for scored in scorers for m in scored.metrics] or [ImportedMetric("score", "none")]
    config, dataset = eval_.get("config") or {}, eval_.get("dataset") or {}
    ids = dataset.get("sample_ids")
    return ImportedTask(
        name=str(eval_.get("task")).rpartition("/")[2],
        metrics=metrics,
        instances=partial(_instances, log, scorers, losses),
        inputs=_inputs(log.header),
        request_type="chat",
        n_expected=len(ids) if ids and config.get("limit") is None else None,
    )


def _inputs(header: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the task's numbers, by the names of a lock."""
    eval_, plan = header["eval"], header.get("plan") or {}
    config = eval_.get("config") or {}
    steps = [[s.get("solver"), s.get("params")] for s in plan.get("steps") or ()]
    ignored = (
        "max_connections",
        "max_retries",
        "timeout",
        "attempt_timeout",
        "batch",
        "cache_prompt",
    )
    sampling = {**(plan.get("config") or {}), **(eval_.get("model_generate_config") or {})}
    return {
        "arguments": dict(eval_.get("task_args") or {}),
        "data": _known(eval_.get("dataset") or {}, "name", "location"),
        "formatter": steps,
        "sampling": {
            **{k: v for k, v in sampling.items() if k not in ignored},
            "epochs": config.get("epochs"),
        },
        "prompt_code": {"version": eval_.get("task_version")},
        "scorers": [[s.get("name"), s.get("options")] for s in eval_.get("scorers") or ()],
        "limit": config.get("limit"),
    }


def _instances(
    log: InspectLog, scorers: Sequence[ScoredBy], losses: Losses
) -> Iterator[ImportedInstance]:
    reduced = Reduced(log.reductions)
    model = str(log.header["eval"].get("model"))
    for epochs in log.samples():
        try:
            yield _instance(epochs, scorers, reduced, model, losses)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"{log.path}: sample {epochs[0].get('id')!r} cannot be read: {error!r}"
            ) from error


def _instance(
    epochs: Sequence[Mapping[str, Any]],
    scorers: Sequence[ScoredBy],
    reduced: Reduced,
    model: str,
    losses: Losses,
) -> ImportedInstance:
    first = epochs[0]
    values: dict[str, float | None] = {}
    scores: dict[str, tuple[float, ...]] = {}
    for scored in scorers:
        value = reduced.value(scored, epochs)
        values.update((metric.key, value) for metric in scored.metrics[:1])
        each = [scored.of(sample) for sample in epochs]
        if None not in each:
            scores[scored.label] = tuple(one for one in each if one is not None)
    for name in ("store", "timelines", "error_retries"):
        losses.lose(f"{name!r} of samples", sum(bool(sample.get(name)) for sample in epochs))
    metadata = {**(first.get("metadata") or {}), "id": first["id"]}
    target = first.get("target")
    instance = Instance(
        _question(first, losses),
        target[0] if isinstance(target, list) and len(target) == 1 else target,
        first.get("choices"),
        metadata,
    )
    primary = scorers[0].metrics[0].key if scorers else None
    outcome, error = _ending(epochs, None if primary is None else values[primary])
    response = Response(
        str(first["id"]),
        instance,
        _request(first, losses),
        [_output(sample, scorers, model, losses) for sample in epochs],
        scores,
        outcome,
        error,
        first.get("total_time") if len(epochs) == 1 else None,
    )
    return ImportedInstance(response, values, evidence=list(map(_evidence, epochs)))


def _question(sample: Mapping[str, Any], losses: Losses) -> str:
    told = sample.get("input")
    if isinstance(told, str):
        return told
    said = [m for m in told or () if m.get("role") == "user"]
    return text_of(said[-1].get("content"), losses) if said else ""


def _request(sample: Mapping[str, Any], losses: Losses) -> LMRequest:
    """What the model was asked first."""
    answers = answers_in(sample)
    tools = []
    if answers and answers[0].get("input"):
        messages = answers[0]["input"]
        tools = [tool_of(told) for told in answers[0].get("tools") or ()]
    else:
        messages = []
        for message in sample.get("messages") or ():
            if message["role"] == "assistant":
                break
            messages.append(message)
    asked: list[Message] = [message_of(message, losses) for message in messages]
    return LMRequest(RequestType.CHAT, messages=asked, tools=tools)


def _output(
    sample: Mapping[str, Any], scorers: Sequence[ScoredBy], model: str, losses: Losses
) -> LMOutput:
    told = sample.get("output") or {}
    choice = (told.get("choices") or [{}])[0]
    message = choice.get("message") or {}
    trajectory = trajectory_of(sample, model, losses)
    scored = (sample.get("scores") or {}).get(scorers[0].scorer) if scorers else None
    usage = (sample.get("model_usage") or {}).get(model) or told.get("usage")
    stop = choice.get("stop_reason")
    return LMOutput(
        text=text_of(message.get("content"), losses),
        tool_calls=calls_of(message),
        finish_reason=_STOPS.get(stop, stop),
        usage=usage_of(usage),
        extracted_answer=(scored or {}).get("answer"),
        trajectory=trajectory,
        reasoning=reasoning_of(message.get("content")),
    )


def _ending(epochs: Sequence[Mapping[str, Any]], value: float | None) -> tuple[Outcome, str | None]:
    errors = [str(s["error"].get("message")) for s in epochs if s.get("error")]
    if errors and value is None:
        return Outcome.INFRA_FAILED, errors[0]
    if value is None:
        return Outcome.SCORER_FAILED, "the log has no score of it"
    choices = [c for s in epochs for c in (s.get("output") or {}).get("choices") or ()]
    stops = {choice.get("stop_reason") for choice in choices}
    if any((s.get("limit") or {}).get("type") in (*LIMITS, "cost", "custom") for s in epochs):
        return Outcome.LIMIT_REACHED, None
    if "content_filter" in stops:
        return Outcome.REFUSED, None
    cut = {"max_tokens", "model_length"} & stops
    return (Outcome.TRUNCATED if cut else Outcome.SCORED), None


def _evidence(sample: Mapping[str, Any]) -> dict[str, Any]:
    """What the scorers say beside their numbers."""
    return {
        name: {k: told[k] for k in ("value", "answer", "explanation", "metadata") if told.get(k)}
        for name, told in (sample.get("scores") or {}).items()
    }
