"""Small external evals for tests, registered as an installed distribution would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from olmo_eval import plugins
from olmo_eval.evals.external import ExternalEval, ExternalMetric
from olmo_eval.registry import Owner

ACCURACY = ExternalMetric("accuracy", higher_is_better=True, bounds=(0, 1))


def register(execute: Callable[..., Any], **attributes: Any) -> type[ExternalEval]:
    """Register the eval ``acme``, which runs ``execute(self, context)``."""
    members = {"metrics": (ACCURACY,), "execute": execute, "__module__": execute.__module__}
    kind = type("Acme", (ExternalEval,), {**members, **attributes})
    owner = Owner("acme-evals", "1.2", execute.__module__)
    registry = plugins.manager().registry("external_evals")
    registry.clear()
    registry.add("acme", kind, owner)
    return kind


def run(bench: Any, *arguments: str, model: str = "mock") -> Any:
    return bench.cli("external", "run", "acme", "-m", model, *arguments)
