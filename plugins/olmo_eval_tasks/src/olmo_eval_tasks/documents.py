"""Documents whose whole text is scored: how well a model predicts it."""

from __future__ import annotations

from typing import Any

from olmo_eval.common.formatters import RollingFormatter
from olmo_eval.common.metrics import (
    BPBMetricByteAvg,
    BytePerplexityMetric,
    CorpusPerplexityMetric,
    Metric,
)
from olmo_eval.common.types import Instance
from olmo_eval.evals.tasks.common import Task


class Documents(Task):
    """Rows with a field ``text``; empty ones are left out, for nothing of them can be predicted."""

    formatter = RollingFormatter()
    metrics: tuple[Metric, ...] = (
        BPBMetricByteAvg(),
        CorpusPerplexityMetric(),
        BytePerplexityMetric(),
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        text = doc["text"]
        if not text:
            return None
        known = {key: doc[key] for key in ("id", "url") if doc.get(key) is not None}
        return Instance(question=text, metadata=known)
