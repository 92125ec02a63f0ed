"""olmo-eval: how does this checkpoint differ from the last one, where, and is it real?

``from olmo_eval import evaluate, compare`` do what ``olmo-eval run`` and ``olmo-eval compare``
do; ``olmo_eval.hookimpl`` marks a plugin's hooks. Everything is imported at first use, so that
``import olmo_eval`` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from olmo_eval.errors import OlmoEvalError
    from olmo_eval.hookspecs import hookimpl
    from olmo_eval.results.compare import compare
    from olmo_eval.runner.evaluate import evaluate

__version__ = "0.1.0"
__all__ = ["OlmoEvalError", "__version__", "compare", "evaluate", "hookimpl"]

_HOMES = {
    "OlmoEvalError": "olmo_eval.errors",
    "compare": "olmo_eval.results.compare",
    "evaluate": "olmo_eval.runner.evaluate",
    "hookimpl": "olmo_eval.hookspecs",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
