"""Scorers: from one output of the model to one number."""

from olmo_eval.common.scorers.base import AsyncScorer, Reads, Scorer
from olmo_eval.common.scorers.forms import (
    CodeRunner,
    ContextScorer,
    ExecutionScorer,
    ProcessScorer,
    Ran,
)
from olmo_eval.common.scorers.judge import JudgeScorer
from olmo_eval.common.scorers.likelihood import (
    BitsPerByteScorer,
    LogprobScorer,
    PerplexityScorer,
)
from olmo_eval.common.scorers.model_judge import JudgeFn, LLMJudgeScorer, RubricJudgeScorer
from olmo_eval.common.scorers.text import (
    ExactMatchFlexScorer,
    ExactMatchScorer,
    F1Scorer,
    MultipleChoiceScorer,
    SQuADF1Scorer,
    SubstringRecallScorer,
)
from olmo_eval.common.scorers.tools import (
    ToolArgumentScorer,
    ToolCallScorer,
    ToolSequenceScorer,
)
from olmo_eval.common.scorers.trajectory import (
    TrajectoryCombinedScorer,
    TrajectoryEfficiencyScorer,
    TrajectoryResponseScorer,
    TrajectoryStateScorer,
)
from olmo_eval.errors import SandboxRequiredError
from olmo_eval.supplied import from_registry

__all__ = [
    "AsyncScorer",
    "BitsPerByteScorer",
    "CodeRunner",
    "ContextScorer",
    "ExactMatchFlexScorer",
    "ExactMatchScorer",
    "ExecutionScorer",
    "F1Scorer",
    "JudgeFn",
    "JudgeScorer",
    "LLMJudgeScorer",
    "LogprobScorer",
    "MultipleChoiceScorer",
    "PerplexityScorer",
    "ProcessScorer",
    "Ran",
    "Reads",
    "RubricJudgeScorer",
    "SQuADF1Scorer",
    "SandboxRequiredError",
    "Scorer",
    "SubstringRecallScorer",
    "ToolArgumentScorer",
    "ToolCallScorer",
    "ToolSequenceScorer",
    "TrajectoryCombinedScorer",
    "TrajectoryEfficiencyScorer",
    "TrajectoryResponseScorer",
    "TrajectoryStateScorer",
]

#: scorers of plugins -> the names they are registered under
_SUPPLIED: dict[str, str | tuple[str, ...]] = {
    "CodeExecutionScorer": "code_exec",
    "IFEvalScorer": "ifeval",
    "MathVerifyScorer": "math_verify",
    "MinervaMathScorer": ("minerva_math_flex", "math_flex"),
    "MultiplEScorer": "multipl_e",
    "SafetyScorer": "safety_judge",
    "SimpleQAJudgeScorer": "simpleqa_judge",
}

__getattr__ = from_registry(__name__, "scorers", _SUPPLIED, "olmo-eval-tasks")
