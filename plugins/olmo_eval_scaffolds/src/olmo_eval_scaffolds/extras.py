"""Importing what an extra brings, or saying exactly how to get it."""

from __future__ import annotations

import importlib
from typing import Any

from olmo_eval.errors import MissingDependencyError


def require(module: str, extra: str) -> Any:
    """The module called ``module``, imported now.

    Raises:
        MissingDependencyError: it, or something it needs, is not installed; the hint is the
            command that installs ``extra``.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError)
        problem = "is not installed" if missing else f"does not import: {error}"
        raise MissingDependencyError(
            f"the module {error.name if missing and error.name else module!r} {problem}",
            hint=f"pip install 'olmo-eval-scaffolds[{extra}]'",
        ) from error
