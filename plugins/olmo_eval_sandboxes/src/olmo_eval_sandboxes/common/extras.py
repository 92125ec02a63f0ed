"""SDKs that are optional."""

from __future__ import annotations

from typing import Any

from olmo_eval.errors import MissingDependencyError, OlmoEvalError
from olmo_eval.extras import require


def refusal(backend: str, error: OlmoEvalError) -> str:
    """An error as a reason why a run is refused that would use ``backend``."""
    said = f"{error.message}: {error.hint}" if error.hint else error.message
    whose = "" if isinstance(error, MissingDependencyError) else f"sandbox backend {backend!r}: "
    return whose + said


def sdk(module: str, title: str) -> Any:
    """The SDK that the backend of the name ``module`` needs, and that is an extra of its name.

    Raises:
        MissingDependencyError: it is not installed.
    """
    install = f"pip install 'olmo-eval-sandboxes[{module}]'"
    return require(module, install, f"the sandbox backend {module!r} needs {title}")
