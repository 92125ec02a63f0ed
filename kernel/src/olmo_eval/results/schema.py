"""The normalized experiment schema, version 1: three tables a run. See docs/schema.md.

``RUN/run.json``, ``RUN/metrics.parquet`` and ``RUN/instances/TASK.parquet``; everything is
readable with pyarrow alone. Files carry the version in their metadata; a reader refuses a newer
one and reads every older one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import pyarrow as pa

from olmo_eval.results.version import VERSION as VERSION
from olmo_eval.results.version import check_version as check_version

_REQUEST = pa.struct(
    [
        ("type", pa.string()),
        ("prompt", pa.string()),
        ("system_prompt", pa.string()),
        ("messages", pa.string()),  # JSON, OpenAI's shape
        ("tools", pa.string()),  # JSON, OpenAI's shape
        ("tool_choice", pa.string()),  # where there are tools
        ("continuations", pa.list_(pa.string())),
        # distinct contexts and, for each continuation, which of them is its own
        ("contexts", pa.list_(pa.string())),
        ("context_of", pa.list_(pa.int32())),
        ("max_length", pa.int32()),
    ]
)

_OUTPUT = pa.struct(
    [
        ("text", pa.string()),  # null for a scored continuation: it is request.continuations[i]
        ("answer", pa.string()),  # JSON of the extracted answer; null where none was found
        ("finish_reason", pa.string()),
        ("sum_logprob", pa.float64()),
        ("num_tokens", pa.int32()),
        ("is_greedy", pa.bool_()),
        ("logprobs", pa.string()),  # JSON: [{token, logprob}], where they were asked for
        ("usage", pa.string()),  # JSON: tokens and cost of this output
        ("tool_calls", pa.string()),  # JSON
        ("trajectory", pa.string()),  # JSON: the turns of a multi-turn execution
        ("metadata", pa.string()),  # JSON
    ]
)

_HEAD = [
    ("instance_id", pa.string()),
    ("position", pa.int32()),
    ("outcome", pa.string()),
    ("error", pa.string()),
    ("cluster", pa.string()),
    ("gold", pa.string()),
    ("question", pa.string()),
    ("request_hash", pa.string()),
    ("request", _REQUEST),
    ("outputs", pa.list_(_OUTPUT)),
    ("metadata", pa.string()),  # JSON: what an external eval says of the instance
]

_TAIL = [
    ("prompt_tokens", pa.int32()),
    ("completion_tokens", pa.int32()),
    ("cached_tokens", pa.int32()),
    ("cost_usd", pa.float64()),
    ("latency", pa.float32()),  # seconds
    ("reused", pa.bool_()),
]


def instance_schema(scorers: Iterable[str], metrics: Iterable[str]) -> pa.Schema:
    """The schema of one task's instances.

    ``scores`` holds one list of numbers a scorer (one number an output), ``values`` one number
    a metric key (``accuracy:exact_match``), null where missing, and ``weights`` its weight.
    """
    keys = list(metrics)
    scores = pa.struct([(name, pa.list_(pa.float64())) for name in scorers])
    values = pa.struct([(key, pa.float64()) for key in keys])
    middle = [("scores", scores), ("values", values), ("weights", values)]
    return pa.schema(_HEAD + middle + _TAIL, metadata=_stamp())


METRICS = pa.schema(
    [
        ("name", pa.string()),  # the task's spec, or the suite's name
        ("kind", pa.string()),  # "task", "suite" or "external"
        ("task", pa.string()),
        ("variants", pa.list_(pa.string())),
        ("metric", pa.string()),
        ("scorer", pa.string()),
        ("primary", pa.bool_()),
        ("higher_is_better", pa.bool_()),
        ("value", pa.float64()),
        ("stderr", pa.float64()),
        ("ci_low", pa.float64()),
        ("ci_high", pa.float64()),
        ("mde", pa.float64()),
        ("n_expected", pa.int64()),
        ("n_scored", pa.int64()),
        ("n_clusters", pa.int64()),
        ("worst_case", pa.float64()),
        ("best_case", pa.float64()),
        ("method", pa.string()),
    ],
    metadata={"olmo_eval_schema": str(VERSION)},
)


def _stamp() -> dict[str, str]:
    return {"olmo_eval_schema": str(VERSION)}


def file_name(task: str) -> str:
    """A task's file name: readable, safe on every file system, one name one file.

    ``arc_easy:mc`` -> ``arc_easy%3Amc``; what is no letter, digit or one of ``_.+-`` is
    percent-encoded.
    """

    def encode(match: re.Match[str]) -> str:
        return "".join(f"%{byte:02X}" for byte in match.group(0).encode("utf-8", "surrogatepass"))

    return re.sub(r"[^A-Za-z0-9_.+-]", encode, task)
