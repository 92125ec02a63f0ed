"""External evals: benchmarks that bring their own runner."""

from olmo_eval.evals.external.external import (
    Argument,
    ExternalContext,
    ExternalEval,
    ExternalEvalResult,
    ExternalInstance,
    ExternalMetric,
)

__all__ = [
    "Argument",
    "ExternalContext",
    "ExternalEval",
    "ExternalEvalResult",
    "ExternalInstance",
    "ExternalMetric",
]
