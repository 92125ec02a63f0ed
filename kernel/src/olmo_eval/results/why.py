"""Where a number is from: number, formula, instances, request, model, data and code.

All of it stands in the run; this walks from the number back to what it is made of, and computes
it anew on the way.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from attrs import frozen

from olmo_eval.common.suggest import did_you_mean
from olmo_eval.errors import UnknownNameError, UsageError
from olmo_eval.results.columns import TaskColumns
from olmo_eval.results.computed import COMPUTED
from olmo_eval.results.recompute import task_columns
from olmo_eval.results.run import Run
from olmo_eval.results.summary import Score, transformed_mean

#: instances that are named of each kind
_NAMED = 5
#: distinct values that are counted one by one
_DISTINCT = 12


@frozen
class Formula:
    """How the number is made of instances' values: ``text`` in words; ``recomputed`` is what comes
    out now, None where it is no mean of them. ``total`` is the sum of weights times values,
    ``weight`` that of the weights."""

    text: str
    total: float | None
    weight: float | None
    transform: str | None
    recomputed: float | None
    interval: str


@frozen
class Instances:
    """What the number is made of: how many were expected and have a value, how they ended, how
    often each value is there (None where there are many), and some of them by name."""

    n_expected: int
    n_scored: int
    n_clusters: int
    outcomes: Mapping[str, int]
    values: Mapping[str, int] | None
    highest: Sequence[str]
    lowest: Sequence[str]
    missing: Sequence[str]


@frozen
class Why:
    """The walk from one number to everything that decided it.

    ``score`` is its row of ``metrics.parquet``, ``instance`` one of its instances with its values,
    request and outputs. ``request``, ``model``, ``data`` and ``code`` are what the run's lock says.
    """

    run_id: str
    location: str
    task: str
    metric: str
    score: Score
    formula: Formula
    instances: Instances
    instance: Mapping[str, Any]
    request: Mapping[str, Any]
    model: Mapping[str, Any]
    data: Mapping[str, Any]
    code: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        found = attrs.asdict(self, recurse=False)
        parts = {name: attrs.asdict(found[name]) for name in ("score", "formula", "instances")}
        parts["score"]["variants"] = list(self.score.variants)
        return {**found, **parts}


def why(run: Run, task: str, metric: str | None = None, instance: str | None = None) -> Why:
    """Where the score of a task by a metric is from; of the primary metric where none is named.

    ``metric`` is a key (``accuracy:exact_match``) or a name. ``instance`` is the id of the one that
    is shown whole; by default the first that lowers the score.

    Raises:
        UnknownNameError: the run has no such task, metric or instance. UsageError: ``task`` is a
            suite. DataError: a table cannot be read.
    """
    _refuse_suite(run, task)
    entry = run.task_record(task)
    told = _metric(entry, metric)
    name, key = entry["name"], told["key"]
    score = _score(run, name, key)
    columns = task_columns(run, name)
    ids = run.instances(name, ["instance_id"]).column("instance_id").to_pylist()
    instances = _instances(score, columns, key, ids)
    chosen = instance or _telling(instances, ids)
    lock = run.record.get("lock", {})
    inputs = lock.get("tasks", {}).get(name, {})
    return Why(
        run.run_id,
        run.location,
        name,
        key,
        score,
        _formula(told, score, columns),
        instances,
        _instance(run, name, key, chosen),
        _request(entry, inputs, run.record.get("harness", {})),
        {k: v for k, v in run.record["model"].items() if k != "lock"},
        {**(inputs.get("data") or {}), "source_config": entry.get("config", {}).get("data_source")},
        _code(run, entry, inputs, told),
    )


def _refuse_suite(run: Run, task: str) -> None:
    for node in run.suites():
        if node.name == task and task not in run.task_names:
            raise UsageError(
                f"{task} is a suite: {node.aggregation} of {len(node.leaves())} tasks",
                hint=f"ask of one of its tasks: {', '.join(node.leaves()[:5])}",
            )


def _metric(entry: Mapping[str, Any], metric: str | None) -> dict[str, Any]:
    wanted = entry["primary"] if metric is None else metric
    for told in entry["metrics"]:
        if wanted in (told["key"], told["metric"]):
            return dict(told)
    keys = [told["key"] for told in entry["metrics"]]
    raise UnknownNameError(
        f"{entry['name']} has no metric {wanted!r}",
        hint=did_you_mean(wanted, keys, otherwise=f"it has {', '.join(keys)}"),
    )


def _score(run: Run, task: str, key: str) -> Score:
    for score in run.scores():
        if score.name == task and f"{score.metric}:{score.scorer}" == key:
            return score
    raise UnknownNameError(f"metrics.parquet of run {run.run_id} has no {key} of {task}")


def _formula(told: Mapping[str, Any], score: Score, columns: TaskColumns) -> Formula:
    values, weights = columns.values(told["key"]), columns.weights(told["key"])
    present = ~np.isnan(values)
    transform = told.get("transform")
    if score.method == COMPUTED:
        text = "computed from all responses at once: no mean of the instances' values"
        return Formula(text, None, None, transform, None, score.method)
    if not present.any():
        return Formula("no instance has a value", None, None, transform, None, score.method)
    total, weight = float((values * weights)[present].sum()), float(weights[present].sum())
    text = "sum(weight * value) / sum(weight)" if told.get("weighted") else "sum(value) / n"
    if transform:
        text = f"{transform}({text})"
    again = transformed_mean(total / weight, transform)
    return Formula(text, total, weight, transform, again, score.method)


def _instances(score: Score, columns: TaskColumns, key: str, ids: Sequence[str]) -> Instances:
    values = columns.values(key)
    present = np.flatnonzero(~np.isnan(values))
    order = present[np.argsort(values[present], kind="stable")]
    counted = Counter(f"{value:g}" for value in values[present].tolist())
    missing = np.flatnonzero(np.isnan(values))
    few = len(counted) <= _DISTINCT
    return Instances(
        score.n_expected,
        score.n_scored,
        score.n_clusters,
        dict(sorted(columns.outcomes.items())),
        dict(sorted(counted.items(), key=lambda item: float(item[0]))) if few else None,
        [ids[i] for i in order[::-1][:_NAMED]],
        [ids[i] for i in order[:_NAMED]],
        [ids[i] for i in missing[:_NAMED]],
    )


def _telling(instances: Instances, ids: Sequence[str]) -> str | None:
    return next(iter([*instances.lowest, *instances.missing, *ids]), None)


def _instance(run: Run, task: str, key: str, chosen: str | None) -> dict[str, Any]:
    """One instance: its value and weight, what it was made of, and the request behind it."""
    row = None if chosen is None else next(run.rows(task, ids=[chosen]), None)
    if row is None:
        raise UnknownNameError(
            f"{task} of run {run.run_id} has no instance {chosen!r}",
            hint=f"`olmo-eval results instances {run.run_id}` lists them",
        )
    outputs = row.get("outputs") or []
    scorer = key.partition(":")[2]
    weights = row.get("weights") or {}
    return {
        "instance_id": row["instance_id"],
        "position": row["position"],
        "outcome": row["outcome"],
        "error": row["error"],
        "value": (row["values"] or {}).get(key),
        "weight": 1.0 if weights.get(key) is None else weights[key],
        "scores": (row["scores"] or {}).get(scorer),
        "gold": row["gold"],
        "answer": row.get("answer"),
        "request_hash": row["request_hash"],
        "request": _asked(row.get("request") or {}),
        "outputs": [{name: output.get(name) for name in _OF_OUTPUT} for output in outputs],
        "reused_from": row.get("reused_from"),
    }


#: what of an output is shown
_OF_OUTPUT = ("text", "answer", "sum_logprob", "num_tokens", "finish_reason")
_OF_REQUEST = ("type", "system_prompt", "prompt", "contexts", "continuations")


def _asked(request: Mapping[str, Any]) -> dict[str, Any]:
    """What reached the model; messages as a list."""
    found = {name: request[name] for name in _OF_REQUEST if request.get(name)}
    if request.get("messages"):
        found["messages"] = json.loads(request["messages"])
    return found


def _request(
    entry: Mapping[str, Any], inputs: Mapping[str, Any], harness: Mapping[str, Any]
) -> dict[str, Any]:
    """How requests are made: what of the task and of the harness decides them."""
    config = entry.get("config", {})
    return {
        "request_type": entry.get("request_type"),
        "spec": ":".join([entry["task"], *entry["variants"]]),
        "overrides": list(entry.get("overrides", ())),
        "formatter": inputs.get("formatter"),
        "fewshot": inputs.get("fewshot"),
        "num_fewshot": config.get("num_fewshot"),
        "sampling": inputs.get("sampling"),
        "limit": inputs.get("limit"),
        "seed": inputs.get("seed"),
        "harness": harness.get("name"),
        "system_prompt": harness.get("system_prompt"),
        "scaffold": harness.get("scaffold"),
    }


def _code(
    run: Run, entry: Mapping[str, Any], inputs: Mapping[str, Any], told: Mapping[str, Any]
) -> dict[str, Any]:
    """Who supplied what decided the number, and the digests of its modules."""
    record, lock = run.record, run.record.get("lock", {})
    code = lock.get("code") or {}
    reach = (code.get("reach") or {}).get(inputs.get("code"), [])
    modules = code.get("modules") or {}
    environment = record.get("environment", {})
    return {
        "olmo_eval": record.get("olmo_eval_version"),
        "task": entry.get("supplied_by"),
        "metric": record.get("plugins", {}).get("metrics", {}).get(told["metric"]),
        "scorer": record.get("plugins", {}).get("scorers", {}).get(told["scorer"]),
        "scorer_settings": (inputs.get("scorers") or {}).get(told["scorer"]),
        "digest": inputs.get("code"),
        "scoring_digest": lock.get("scoring", {}).get(entry["name"]),
        "modules": {name: modules[name] for name in reach if name in modules},
        "git": environment.get("git"),
        "python": environment.get("python"),
        "argv": environment.get("argv"),
    }
