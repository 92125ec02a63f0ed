"""How fast a run was: tokens, latencies, and where the time went."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from attrs import asdict, frozen

from olmo_eval.results.store import Run

_COLUMNS = ["latency", "prompt_tokens", "completion_tokens", "cached_tokens", "cost_usd", "reused"]
PERCENTILES = (50, 90, 99)


@frozen
class InferenceMetrics:
    """Inference metrics of a run, over the requests it asked itself (reused answers left out).

    Tokens are None where the provider does not count them. Times are in seconds and sum the
    run's sittings: ``load`` until the model was ready (last sitting), ``evaluate`` from the first
    request to the last kept row, of which at least one request was with the engine for
    ``engine``; the rest is the workbench's own ``harness`` time. ``latency`` maps percentiles of
    one instance's requests, retries included. ``engine_metrics`` is what the provider counted
    (``Provider.metrics``), and ``gpu_memory_bytes`` in use at the end; ``sandboxes`` are the
    environments made, and the programs that were not run since an identical one had been.
    ``tokens_per_second`` counts prompt and completion tokens over ``evaluate``. Rates leave out
    sittings that were killed before they told their time.
    """

    instances: int
    reused: int
    retries: int
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None
    cost_usd: float | None
    load: float | None
    evaluate: float | None
    engine: float | None
    harness: float | None
    first_result: float | None
    instances_per_second: float | None
    tokens_per_second: float | None
    latency: dict[str, float]
    engine_metrics: dict[str, float]
    sandboxes: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def inference_metrics(run: Run) -> InferenceMetrics:
    """The inference metrics of a finished run.

    Raises:
        DataError: the run has no tables yet.
    """
    table = pa.concat_tables(run.instances(name, _COLUMNS) for name in run.task_names)
    reused = np.asarray(table.column("reused").fill_null(False))
    asked = table.filter(pa.array(~reused))
    sessions = run.record.get("sessions", [])
    evaluate = _total(sessions, "evaluate_seconds")
    engine = _total(sessions, "engine_seconds")
    prompt, completion = _sum(asked, "prompt_tokens"), _sum(asked, "completion_tokens")
    tokens = (prompt or 0) + (completion or 0)
    # a sitting that was killed told neither its time nor what it was asked
    answered = _total(sessions, "answered")
    timed = len(asked) if answered is None else min(len(asked), int(answered))
    latency = np.asarray(asked.column("latency").drop_null(), dtype=np.float64)
    marks = [float(np.percentile(latency, p)) for p in PERCENTILES] if len(latency) else []
    firsts = [s["first_result_seconds"] for s in sessions if s.get("first_result_seconds")]
    return InferenceMetrics(
        instances=len(table),
        reused=int(reused.sum()),
        retries=int(_total(sessions, "retries") or 0),
        prompt_tokens=_whole(prompt),
        completion_tokens=_whole(completion),
        cached_tokens=_whole(_sum(asked, "cached_tokens")),
        cost_usd=_sum(asked, "cost_usd"),
        load=run.record.get("load_seconds"),
        evaluate=evaluate,
        engine=engine,
        harness=None if evaluate is None or engine is None else max(0.0, evaluate - engine),
        first_result=firsts[0] if firsts else None,
        instances_per_second=timed / evaluate if evaluate and timed else None,
        tokens_per_second=(
            tokens * timed / len(asked) / evaluate if evaluate and tokens and timed else None
        ),
        latency={f"p{p}": m for p, m in zip(PERCENTILES, marks, strict=False)},
        engine_metrics=_counted(sessions, "engine"),
        sandboxes=_counted(sessions, "sandboxes"),
    )


def _sum(table: pa.Table, name: str) -> float | None:
    column = table.column(name).drop_null()
    return float(np.asarray(column, dtype=np.float64).sum()) if len(column) else None


def _counted(sessions: list[dict[str, Any]], by: str) -> dict[str, float]:
    """What engines or sandboxes counted, over all sittings; of an amount of memory the largest."""
    found: dict[str, float] = {}
    for session in sessions:
        for name, value in (session.get(by) or {}).items():
            before = found.get(name, 0)
            found[name] = max(before, value) if name.endswith("_bytes") else before + value
    return found


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _total(sessions: list[dict[str, Any]], name: str) -> float | None:
    known = [session[name] for session in sessions if session.get(name) is not None]
    return float(sum(known)) if known else None
