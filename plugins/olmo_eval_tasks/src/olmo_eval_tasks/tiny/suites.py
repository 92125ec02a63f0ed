"""Suites over the example tasks."""

from __future__ import annotations

from olmo_eval.evals.suites import AggregationStrategy, Suite

SUITES = (
    Suite(
        name="tiny",
        tasks=("tiny_facts", "tiny_sums", "tiny_sums_mc", "tiny_reading"),
        description="What the tiny model learns: mean accuracy of the example tasks",
    ),
    Suite(
        name="tiny_all",
        tasks=("tiny", "tiny_text", "tiny_null"),
        aggregation=AggregationStrategy.DISPLAY_ONLY,
        description="All example tasks, bits per byte and the null task included",
    ),
)
