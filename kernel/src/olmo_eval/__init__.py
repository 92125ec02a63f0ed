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
    from olmo_eval.plugins import registered
    from olmo_eval.results.compare import compare
    from olmo_eval.results.store import open_run
    from olmo_eval.runner.evaluate import evaluate

__version__ = "0.1.0"
__all__ = [
    "OlmoEvalError",
    "__version__",
    "compare",
    "evaluate",
    "hookimpl",
    "open_run",
    "registered",
]

_HOMES = {
    "OlmoEvalError": "olmo_eval.errors",
    "compare": "olmo_eval.results.compare",
    "evaluate": "olmo_eval.runner.evaluate",
    "hookimpl": "olmo_eval.hookspecs",
    "open_run": "olmo_eval.results.store",
    "registered": "olmo_eval.plugins",
}


def __getattr__(name: str) -> Any:
    from olmo_eval.exports import lazy  # here, as ``import olmo_eval`` imports nothing

    return lazy(__name__, _HOMES)[0](name)


def __dir__() -> list[str]:
    return sorted(__all__)
