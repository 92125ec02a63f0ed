"""External evals: benchmarks that bring their own runner."""

from olmo_eval.evals.external.external import (
    Argument,
    ExternalContext,
    ExternalEval,
    ExternalEvalResult,
    ExternalInstance,
    ExternalMetric,
    SandboxedExternalEval,
)
from olmo_eval.evals.external.lookup import (
    clear_registry,
    get_external_eval,
    is_external_eval_registered,
    list_external_evals,
    load_external_evals,
    register_external_eval,
)

__all__ = [
    "Argument",
    "ExternalContext",
    "ExternalEval",
    "ExternalEvalResult",
    "ExternalInstance",
    "ExternalMetric",
    "SandboxedExternalEval",
    "clear_registry",
    "get_external_eval",
    "is_external_eval_registered",
    "list_external_evals",
    "load_external_evals",
    "register_external_eval",
]
