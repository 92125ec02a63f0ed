"""The normalized experiment schema, version 2. See docs/schema.md.

``RUN/run.json`` and ``RUN/lock.json``, ``RUN/metrics.parquet``, ``RUN/instances/TASK.parquet``
(what one filters and compares by), ``RUN/answers/TASK.parquet`` (what one looks at, the same rows
in the same order) and ``RUN/turns/TASK.parquet`` (the events of its episodes, where it has any);
everything is readable with pyarrow alone. Files carry the version in their metadata; a reader
refuses a newer one and reads every older one. In version 1 the lock stood in ``run.json`` and the
answers in the table of the instances.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from olmo_eval.results.version import VERSION as VERSION
from olmo_eval.results.version import check_version as check_version
from olmo_eval.results.version import file_name as file_name

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
        ("reasoning", pa.string()),  # what was thought aloud before the text
        ("answer", pa.string()),  # JSON of the extracted answer; null where none was found
        ("finish_reason", pa.string()),
        ("sum_logprob", pa.float64()),
        ("num_tokens", pa.int32()),
        ("is_greedy", pa.bool_()),
        ("logprobs", pa.string()),  # JSON: [{token, logprob}], where they were asked for
        ("usage", pa.string()),  # JSON: tokens and cost of this output
        ("tool_calls", pa.string()),  # JSON
        ("trajectory", pa.string()),  # JSON: what happened in a multi-turn execution
        ("metadata", pa.string()),  # JSON: what the provider says of this output
        ("evidence", pa.string()),  # JSON: what scorers kept (a judge's reply)
    ]
)

_HEAD = [
    ("instance_id", pa.string()),
    ("position", pa.int32()),
    ("outcome", pa.string()),
    ("error", pa.string()),
    ("cluster", pa.string()),
    ("question", pa.string()),
    ("gold", pa.string()),
    ("choices", pa.list_(pa.string())),
    ("metadata", pa.string()),  # JSON: what the data says of the instance
    ("answer", pa.string()),  # the first output's extracted answer, or the likeliest continuation
    ("text", pa.string()),  # how the first output begins
    ("answered", pa.bool_()),  # whether the model gave an output
    ("request_hash", pa.string()),
]

_TAIL = [
    ("prompt_tokens", pa.int32()),
    ("completion_tokens", pa.int32()),
    ("cached_tokens", pa.int32()),
    ("cost_usd", pa.float64()),
    ("latency", pa.float32()),  # seconds
    ("reused", pa.bool_()),
    ("reused_from", pa.string()),  # the run whose answer was taken over
    # what judges took for the score, in this run
    ("judge_calls", pa.int32()),
    ("judge_prompt_tokens", pa.int32()),
    ("judge_completion_tokens", pa.int32()),
    ("judge_cost_usd", pa.float64()),
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


def _stamp() -> dict[str, str]:
    return {"olmo_eval_schema": str(VERSION)}


ANSWERS = pa.schema(
    [
        ("instance_id", pa.string()),
        ("request", _REQUEST),
        ("outputs", pa.list_(_OUTPUT)),
    ],
    metadata=_stamp(),
)

TURNS = pa.schema(
    [
        ("instance_id", pa.string()),
        ("position", pa.int32()),
        ("sample", pa.int32()),  # which of the instance's outputs
        ("index", pa.int32()),  # which event of that output's trajectory
        ("type", pa.string()),
        ("role", pa.string()),  # who said a message
        ("text", pa.string()),  # what was said, thought, returned or printed; why it ended
        ("call_id", pa.string()),
        ("tool", pa.string()),
        ("arguments", pa.string()),  # JSON, as the model wrote it
        ("error", pa.bool_()),  # whether a tool's result describes a failure
        ("argv", pa.list_(pa.string())),
        ("exit_code", pa.int32()),
        ("truncated", pa.bool_()),
        ("timed_out", pa.bool_()),
        ("start", pa.float64()),  # seconds since the episode began
        ("seconds", pa.float64()),
        ("prompt_tokens", pa.int32()),
        ("completion_tokens", pa.int32()),
    ],
    metadata=_stamp(),
)

METRICS = pa.schema(
    [
        # of the run: the same in every row, so that the tables of many runs are one
        ("run_id", pa.string()),
        ("model", pa.string()),
        ("step", pa.int64()),
        ("tokens", pa.int64()),
        ("group", pa.string()),
        ("run_name", pa.string()),
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
    metadata=_stamp(),
)
