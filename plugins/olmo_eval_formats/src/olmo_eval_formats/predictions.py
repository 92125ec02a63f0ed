"""What the published system writes: ``metrics.json`` and, below ``predictions/MODEL``,
``TASK_HASH-predictions.jsonl``, with what was asked in ``requests/MODEL``.

A model is a run, and each of its files of predictions a task. Predictions of oe-eval, whose rows
have flat ``metrics``, are read too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from olmo_eval.checkpoints.progress import named_progress
from olmo_eval.common.types import (
    Instance,
    LMOutput,
    LMRequest,
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
from olmo_eval_formats.files import first_row, json_object, json_rows, number, plain_name, row_at

_FILE = re.compile(r"(?P<task>.+?)(?:_(?P<hash>[0-9a-f]{6}))?-predictions\.jsonl")
#: metrics of which less is better; the files do not say it of any
_LOWER = re.compile(r"perplexity|bits_per_byte|\bbpb|\bppl|_loss|error_rate")
_PLACED = frozenset(
    {"doc_id", "native_id", "model_output", "instance_metrics", "metrics", "label", "task_hash"}
    | {"model_hash", "final_output", "judge_result"}
)


class PredictionsImporter(Importer):
    """The published olmo-eval and oe-eval: metrics.json and TASK-predictions.jsonl."""

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        return any((first_row(p) or {}).keys() >= {"doc_id", "model_output"} for p in _files(path))

    def read(self, path: Path) -> Iterator[ImportedRun]:
        by_folder: dict[Path, list[Path]] = {}
        for file in _files(path):
            by_folder.setdefault(file.parent, []).append(file)
        if not by_folder:
            raise DataError(f"{path} holds no *-predictions.jsonl")
        for folder, files in by_folder.items():
            yield _run(folder, files)


def _files(path: Path) -> list[Path]:
    if path.is_file() and path.name != "metrics.json":
        return [path] if _FILE.fullmatch(path.name) else []
    folder = path.parent if path.is_file() else path
    return sorted(p for p in folder.rglob("*-predictions.jsonl") if p.is_file())


def _run(folder: Path, files: Sequence[Path]) -> ImportedRun:
    losses = Losses()
    told = _metrics_json(folder)
    tasks = [_task(file, told, losses) for file in files]
    model = _model(told) or folder.resolve().name
    summary = folder.parent.parent / "metrics.json"
    read = [*files, *(r for r in map(_requests, files) if r), *([summary] if told else [])]
    return ImportedRun(
        model=model,
        tasks=tasks,
        source=Source("olmo-eval (published)" if told else "oe-eval", None, list(map(str, read))),
        losses=losses,
        step=named_progress(model).step,
        group=told.get("experiment_group"),
        started=told.get("timestamp") if isinstance(told.get("timestamp"), str) else None,
        metadata={k: told[k] for k in ("experiment_id", "experiment_name") if told.get(k)},
    )


def _metrics_json(folder: Path) -> dict[str, Any]:
    """What ``OUT/metrics.json`` says, where the predictions lie in ``OUT/predictions/MODEL``."""
    path = folder.parent.parent / "metrics.json"
    if folder.parent.name == "predictions" and path.is_file():
        return json_object(path)
    return {}


def _model(told: Mapping[str, Any]) -> str | None:
    config = told.get("config") or {}
    provider = config.get("provider") if isinstance(config, Mapping) else None
    found = provider.get("model") if isinstance(provider, Mapping) else None
    return found if isinstance(found, str) else None


def _requests(file: Path) -> Path | None:
    """The file of requests that belongs to one of predictions."""
    name = file.name.replace("-predictions.jsonl", "-requests.jsonl")
    below = file.parent.parent.parent / "requests" / file.parent.name / name
    return next((p for p in (file.with_name(name), below) if p.is_file()), None)


def _task(file: Path, told: Mapping[str, Any], losses: Losses) -> ImportedTask:
    named = _FILE.fullmatch(file.name)
    label, hash_ = (named["task"], named["hash"]) if named else (file.stem, None)
    summary: Mapping[str, Any] = next(
        (
            t
            for t in told.get("tasks") or ()
            if str(t["task"]).replace(":", "_") == label
            and (hash_ is None or str(t.get("task_hash", hash_)).startswith(hash_))
        ),
        {},
    )
    metrics = _metrics(file, summary)
    return ImportedTask(
        name=str(summary.get("task", label)),
        metrics=metrics,
        instances=partial(_instances, file, metrics, losses),
        inputs={"prompt_code": {"version": summary.get("task_hash", hash_)}},
        request_type=_kind(file),
        n_expected=summary.get("num_instances"),
    )


def _metrics(file: Path, summary: Mapping[str, Any]) -> list[ImportedMetric]:
    """The metrics of the summary and of the rows, the primary one first."""
    reported: dict[tuple[str, str], Any] = {}
    for name, by_scorer in (summary.get("metrics") or {}).items():
        for scorer, value in _by_scorer(by_scorer).items():
            reported[name, scorer] = value
    for _, _, row in json_rows(file):
        for name, by_scorer in _row_metrics(row).items():
            for scorer, value in _by_scorer(by_scorer).items():
                if number(value) is not None:
                    reported.setdefault((name, scorer), None)
    found = [
        ImportedMetric(
            plain_name(name),
            plain_name(scorer),
            higher_is_better=False if _LOWER.search(name) else None,
            reported=number(value),
        )
        for (name, scorer), value in reported.items()
    ]
    if not found:
        raise DataError(f"{file} has no metric")
    primary = summary.get("primary_metric")
    return sorted(found, key=lambda m: m.key != primary and m.name != primary)


def _row_metrics(row: Mapping[str, Any]) -> Mapping[str, Any]:
    found = row.get("instance_metrics") or row.get("metrics") or {}
    return found if isinstance(found, Mapping) else {}


def _by_scorer(told: Any) -> Mapping[str, Any]:
    return told if isinstance(told, Mapping) else {"oe_eval": told}


def _kind(file: Path) -> str:
    row = first_row(file) or {}
    outputs = row.get("model_output") or [{}]
    return "loglikelihood" if _is_scored(outputs) else "completion"


def _is_scored(outputs: Sequence[Mapping[str, Any]]) -> bool:
    return bool(outputs) and all(number(o.get("sum_logits")) is not None for o in outputs)


def _instances(
    file: Path, metrics: Sequence[ImportedMetric], losses: Losses
) -> Iterator[ImportedInstance]:
    requests = _requests(file)
    places: dict[Any, int] = {}
    if requests is not None:
        places = {row["doc_id"]: offset for _, offset, row in json_rows(requests)}
    else:
        losses.assume("there is no file of requests: what was asked is not known")
    keys = {metric.key for metric in metrics}
    for line, _, row in json_rows(file):
        place = places.get(row["doc_id"])
        asked = {} if requests is None or place is None else row_at(requests, place)
        try:
            yield _instance(row, asked, metrics[0], keys, losses)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"{file}, line {line} cannot be read: {error!r}") from error


def _instance(
    row: Mapping[str, Any],
    asked: Mapping[str, Any],
    primary: ImportedMetric,
    keys: set[str],
    losses: Losses,
) -> ImportedInstance:
    outputs = list(row.get("model_output") or ())
    values = {
        f"{plain_name(name)}:{plain_name(scorer)}": number(value)
        for name, by_scorer in _row_metrics(row).items()
        for scorer, value in _by_scorer(by_scorer).items()
    }
    native = row.get("native_id")
    instance_id = str(row["doc_id"] if native is None else native)
    request = _request(asked.get("request") or {}, outputs)
    for name in row.keys() - _PLACED:
        losses.lose(f"fields {name!r} of predictions")
    values.setdefault(primary.key, None)
    response = Response(
        instance_id,
        _asked_instance(row, asked, request, instance_id),
        request,
        [_output(o, i, request) for i, o in enumerate(outputs)],
        {},
    )
    evidence = [_evidence(o) for o in outputs]
    if row.get("judge_result") and evidence:
        evidence[0]["judge_result"] = row["judge_result"]
    return ImportedInstance(
        response, {k: v for k, v in values.items() if k in keys}, evidence=evidence
    )


def _asked_instance(
    row: Mapping[str, Any], asked: Mapping[str, Any], request: LMRequest, instance_id: str
) -> Instance:
    label, doc = row.get("label", asked.get("label")), asked.get("doc") or {}
    question = next((doc[k] for k in ("question", "query") if isinstance(doc.get(k), str)), None)
    metadata: dict[str, Any] = {"id": instance_id, "doc_id": row["doc_id"]}
    choices = tuple(text.strip() for text in request.continuations) or None
    if choices and isinstance(label, int) and 0 <= label < len(choices):
        metadata["gold_idx"], label = label, choices[label]
    gold = label if label is None or isinstance(label, str) else json.dumps(label)
    return Instance(question or request.prompt, gold, choices, metadata)


def _request(told: Mapping[str, Any], outputs: Sequence[Mapping[str, Any]]) -> LMRequest:
    context = told.get("context")
    if isinstance(context, list):
        system = told.get("system_prompt")
        return LMRequest(RequestType.CHAT, messages=context, system_prompt=system)
    prompt = str(context or "")
    if not _is_scored(outputs):
        return LMRequest(RequestType.COMPLETION, prompt=prompt)
    continuations = told.get("continuations") or told.get("continuation") or ()
    texts = [continuations] if isinstance(continuations, str) else list(continuations)
    if len(texts) != len(outputs):
        texts = [str(o.get("text") or f"({i})") for i, o in enumerate(outputs)]
    return LMRequest(RequestType.LOGLIKELIHOOD, prompt=prompt, continuations=texts)


def _output(told: Mapping[str, Any], index: int, request: LMRequest) -> LMOutput:
    text = told.get("text", told.get("continuation"))
    if text is None and index < len(request.continuations):
        text = request.continuations[index]
    return LMOutput(
        str(text or ""),
        sum_logprob=number(told.get("sum_logits")) if request.request_type.scored else None,
        num_tokens=told.get("num_tokens"),
        is_greedy=told.get("is_greedy"),
        extracted_answer=told.get("extracted_answer", told.get("model_answer")),
    )


def _evidence(told: Mapping[str, Any]) -> dict[str, Any]:
    names = ("sample_metrics", "execution_result", "scoring_errors")
    return {name: told[name] for name in names if told.get(name)}
