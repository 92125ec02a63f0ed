"""Metrics: from the scores of every instance to one number for the task."""

from olmo_eval.common.metrics.accuracy import (
    AccuracyMetric,
    F1Metric,
    RecallMetric,
    SQuADF1Metric,
    SubsetAccuracyMetric,
    ToolAccuracyMetric,
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
    BytePerplexityMetric,
    CorpusPerplexityMetric,
    MeanPerplexityMetric,
)
from olmo_eval.common.metrics.samples import MajorityVoteMetric, PassAtKMetric, PassPowKMetric
from olmo_eval.supplied import from_registry

__all__ = [
    "AccuracyMetric",
    "BPBMetricByteAvg",
    "BPBMetricInstanceAvg",
    "BytePerplexityMetric",
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
    "ToolAccuracyMetric",
]

#: metrics of plugins -> the names they are registered under
_SUPPLIED: dict[str, str | tuple[str, ...]] = {
    "IFEvalInstLooseAccuracy": "inst_level_loose_acc",
    "IFEvalInstStrictAccuracy": "inst_level_strict_acc",
    "IFEvalPromptLooseAccuracy": "prompt_level_loose_acc",
    "IFEvalPromptStrictAccuracy": "prompt_level_strict_acc",
}

__getattr__ = from_registry(__name__, "metrics", _SUPPLIED, "olmo-eval-tasks")
