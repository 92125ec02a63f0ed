"""Logs of lm-evaluation-harness: ``results_DATE.json`` and, beside it, ``samples_TASK_DATE.jsonl``.

Each results file is a run. What ``--log_samples`` writes are its instances; a task without samples
has the scores that the results file gives, and no instances. Formats read: those of lm_eval 0.4.x.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from olmo_eval.checkpoints.progress import named_progress
from olmo_eval.errors import DataError
from olmo_eval.interchange import (
    ImportedInstance,
    ImportedRun,
    ImportedTask,
    Importer,
    Losses,
    Source,
)
from olmo_eval_formats.files import begins_with, first_row, json_object, json_rows, row_at
from olmo_eval_formats.lm_eval_metrics import TaskMetrics
from olmo_eval_formats.lm_eval_rows import instance_of

_SAMPLES = re.compile(r"samples_(.+?)_(\d{4}-\d\d-\d\dT.+)\.jsonl$")
_PARTS = {"results", "configs", "versions"}
_RESULTS = re.compile(r"results(?:_(.+))?\.json$")


class LmEvalImporter(Importer):
    """lm-evaluation-harness: results_DATE.json and samples_TASK_DATE.jsonl."""

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        if path.is_dir():
            return any(map(_is_results, _results_below(path)))
        if path.suffix == ".jsonl":
            row = first_row(path) or {}
            return {"doc_id", "doc", "resps", "filtered_resps"} <= row.keys()
        return path.suffix == ".json" and _is_results(path)

    def read(self, path: Path) -> Iterator[ImportedRun]:
        if path.suffix == ".jsonl":
            path = _results_of(path)
        found = [p for p in _results_below(path) if _is_results(p)] if path.is_dir() else [path]
        if not found:
            raise DataError(f"{path} holds no results_*.json of lm_eval")
        yield from map(_run, found)


def _results_below(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("results*.json") if _RESULTS.fullmatch(p.name))


def _is_results(path: Path) -> bool:
    return begins_with(path, '"results"') and _keys(path) >= _PARTS


def _keys(path: Path) -> set[str]:
    try:
        return set(json_object(path))
    except DataError:
        return set()


def _results_of(samples: Path) -> Path:
    """The results file that belongs to a file of samples."""
    named = _SAMPLES.fullmatch(samples.name)
    if named is not None:
        path = samples.with_name(f"results_{named[2]}.json")
        if path.is_file():
            return path
    raise DataError(
        f"{samples}: the results_*.json of the same time is not beside it",
        hint="which direction is better, and what was asked, stand there",
    )


def _run(path: Path) -> ImportedRun:
    told = json_object(path)
    if not told.keys() >= _PARTS:
        raise DataError(f"{path} is no results file of lm_eval: it lacks {_PARTS - told.keys()}")
    losses = Losses()
    samples = _samples_of(path)
    tasks = []
    for name in told["results"]:
        if name in told.get("group_subtasks", {}) and name not in samples:
            losses.lose("averages of groups of tasks")
        elif name in told["configs"]:
            tasks.append(_task(name, told, samples.get(name), losses))
    if not tasks:
        raise DataError(f"{path} has the results of no task")
    config = told.get("config") or {}
    model = told.get("model_name") or _pretrained(config) or str(config.get("model"))
    files = [path, *(samples[task.name] for task in tasks if task.name in samples)]
    return ImportedRun(
        model=str(model),
        tasks=tasks,
        source=Source("lm_eval", told.get("lm_eval_version"), [str(file) for file in files]),
        losses=losses,
        step=named_progress(str(model)).step,
        started=_moment(told.get("date")),
        settings={k: v for k, v in config.items() if not k.startswith("batch") and v is not None},
        metadata={
            k: told[k]
            for k in ("git_hash", "transformers_version", "chat_template_sha", "max_length")
            if told.get(k) is not None
        },
    )


def _samples_of(results: Path) -> dict[str, Path]:
    """The files of samples beside a results file, by task."""
    named = _RESULTS.fullmatch(results.name)
    date = named[1] if named else None
    found: dict[str, Path] = {}
    for path in sorted(results.parent.glob("samples_*.jsonl")):
        of = _SAMPLES.fullmatch(path.name)
        if of is not None and (date is None or of[2] == date):
            found[of[1]] = path
        elif of is None and date is None:
            found[path.stem.removeprefix("samples_")] = path
    return found


def _pretrained(config: Mapping[str, Any]) -> str | None:
    arguments = config.get("model_args")
    if isinstance(arguments, Mapping):
        return arguments.get("pretrained") or arguments.get("model")
    found = re.search(r"(?:^|,)(?:pretrained|model)=([^,]+)", str(arguments or ""))
    return found[1] if found else None


def _moment(date: Any) -> str | None:
    if not isinstance(date, int | float):
        return None
    moment = datetime.fromtimestamp(date, UTC).isoformat(timespec="milliseconds")
    return moment.replace("+00:00", "Z")


def _task(name: str, told: Mapping[str, Any], samples: Path | None, losses: Losses) -> ImportedTask:
    config = told["configs"][name]
    metrics = TaskMetrics.of(name, told)
    if not metrics.metrics:
        raise DataError(f"task {name!r} has no metric")
    if samples is None:
        losses.lose("tasks without samples, which have scores and no instances (--log_samples)")
    n = (told.get("n-samples") or {}).get(name, {}).get("effective")
    return ImportedTask(
        name=name,
        metrics=metrics.metrics,
        instances=partial(_instances, samples, config, metrics, losses) if samples else tuple,
        inputs=_inputs(name, told, config),
        request_type=_TYPES.get(config.get("output_type", ""), "completion"),
        n_expected=n if samples else None,
    )


_TYPES = {
    "generate_until": "completion",
    "loglikelihood": "loglikelihood",
    "multiple_choice": "loglikelihood",
    "loglikelihood_rolling": "loglikelihood_rolling",
}
#: settings of a task that make its prompts
_PROMPT = (
    *("doc_to_text", "doc_to_target", "doc_to_choice", "description", "target_delimiter"),
    *("fewshot_delimiter", "fewshot_config", "gen_prefix", "process_docs"),
)


def _inputs(name: str, told: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the task's numbers, by the names of a lock."""
    run = told.get("config") or {}
    return {
        "data": {
            k: config.get(k)
            for k in ("dataset_path", "dataset_name", "dataset_kwargs", "test_split")
        },
        "fewshot": {"n": told.get("n-shot", {}).get(name), "seed": run.get("fewshot_seed")},
        "formatter": {
            **{k: config[k] for k in _PROMPT if config.get(k) is not None},
            "chat_template": told.get("chat_template_sha"),
            "system_instruction": told.get("system_instruction_sha"),
        },
        "sampling": {**(config.get("generation_kwargs") or {}), **_mapping(run.get("gen_kwargs"))},
        "extraction": config.get("filter_list"),
        "prompt_code": {"version": told["versions"].get(name)},
        "limit": run.get("limit"),
    }


def _mapping(value: Any) -> Mapping[str, Any]:
    if value is None or isinstance(value, Mapping):
        return value or {}
    return {"gen_kwargs": value}


def _instances(
    path: Path, config: Mapping[str, Any], metrics: TaskMetrics, losses: Losses
) -> Iterable[ImportedInstance]:
    """The documents, each of which has a line for every filter; only their places are held."""
    places: dict[int, list[int]] = {}
    for number, offset, row in json_rows(path):
        if "doc_id" not in row or "resps" not in row:
            raise DataError(f"{path}, line {number} is no sample of lm_eval")
        places.setdefault(row["doc_id"], []).append(offset)
    for doc_id in sorted(places):
        rows: Sequence[dict[str, Any]] = [row_at(path, offset) for offset in places[doc_id]]
        try:
            yield instance_of(rows, config, metrics, losses)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DataError(f"{path}: document {doc_id} cannot be read: {error!r}") from error
