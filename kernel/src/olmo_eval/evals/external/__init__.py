"""External evals: benchmarks that bring their own runner."""

from olmo_eval.evals.external.context import Environment, ExternalContext, ModelEndpoint
from olmo_eval.evals.external.external import (
    Argument,
    ExternalEval,
    ExternalEvalResult,
    ExternalInstance,
    ExternalMetric,
)
from olmo_eval.evals.external.lookup import (
    clear_registry,
    get_external_eval,
    is_external_eval_registered,
    list_external_evals,
    load_external_evals,
    register_external_eval,
)
from olmo_eval.evals.external.sandboxed import SandboxedExternalEval

__all__ = [
    "Argument",
    "Environment",
    "ExternalContext",
    "ExternalEval",
    "ExternalEvalResult",
    "ExternalInstance",
    "ExternalMetric",
    "ModelEndpoint",
    "SandboxedExternalEval",
    "clear_registry",
    "get_external_eval",
    "is_external_eval_registered",
    "list_external_evals",
    "load_external_evals",
    "register_external_eval",
]
