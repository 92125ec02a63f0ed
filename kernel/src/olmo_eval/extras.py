"""Importing what is optional, or saying exactly how to get it."""

from __future__ import annotations

import importlib
from typing import Any

from olmo_eval.errors import MissingDependencyError


def require(module: str, install: str, what: str | None = None) -> Any:
    """The module called ``module``, imported now.

    Raises:
        MissingDependencyError: it, or something it needs, is not installed or does not import. It
            says ``what`` needs it, where that is given, and names the command ``install``.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if not isinstance(error, ModuleNotFoundError):
            problem = f"the module {module!r} is installed but does not import: {error}"
        else:
            problem = what or f"the module {error.name or module!r} is not installed"
        raise MissingDependencyError(problem, hint=install) from error
