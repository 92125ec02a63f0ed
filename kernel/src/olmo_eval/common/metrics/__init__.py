"""Metrics: from the scores of every instance to one number for the task."""

from olmo_eval.common.metrics.accuracy import (
    AccuracyMetric,
    F1Metric,
    RecallMetric,
    SQuADF1Metric,
    SubsetAccuracyMetric,
)
from olmo_eval.common.metrics.base import Metric
from olmo_eval.common.metrics.choice import (
    GreedyAccuracyMetric,
    LogprobMCAccuracyMetric,
    LogprobPerCharMCAccuracyMetric,
    LogprobPerTokenMCAccuracyMetric,
    LogprobUncondMCAccuracyMetric,
)
from olmo_eval.common.metrics.likelihood import (
    BPBMetricByteAvg,
    BPBMetricInstanceAvg,
    CorpusPerplexityMetric,
    MeanPerplexityMetric,
)
from olmo_eval.common.metrics.samples import MajorityVoteMetric, PassAtKMetric, PassPowKMetric

__all__ = [
    "AccuracyMetric",
    "BPBMetricByteAvg",
    "BPBMetricInstanceAvg",
    "CorpusPerplexityMetric",
    "F1Metric",
    "GreedyAccuracyMetric",
    "LogprobMCAccuracyMetric",
    "LogprobPerCharMCAccuracyMetric",
    "LogprobPerTokenMCAccuracyMetric",
    "LogprobUncondMCAccuracyMetric",
    "MajorityVoteMetric",
    "MeanPerplexityMetric",
    "Metric",
    "PassAtKMetric",
    "PassPowKMetric",
    "RecallMetric",
    "SQuADF1Metric",
    "SubsetAccuracyMetric",
]
