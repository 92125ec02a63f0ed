"""Importing what an extra brings, or saying exactly how to get it."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from olmo_eval.errors import MissingDependencyError

#: the modules that make an extra usable
EXTRA_MODULES = {
    "litellm": ("litellm", "aiohttp"),
    "hf": ("torch", "transformers"),
    "vllm": ("vllm",),
    "server": ("aiohttp",),
}


def install_command(extra: str) -> str:
    """The command that installs ``extra`` of this distribution."""
    return f"pip install 'olmo-eval-providers[{extra}]'"


def importable(extra: str) -> bool:
    """Whether every module of ``extra`` is installed; imports none of them."""
    return all(module_found(name) for name in EXTRA_MODULES[extra])


def module_found(name: str) -> bool:
    """Whether the module ``name`` is installed; does not import it."""
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def require(module: str, extra: str) -> Any:
    """The module called ``module``, imported now.

    Raises:
        MissingDependencyError: it, or something it needs, is not installed; the hint is the
            command that installs ``extra``.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"the module {error.name or module!r} is not installed",
            hint=install_command(extra),
        ) from error
    except ImportError as error:
        raise MissingDependencyError(
            f"the module {module!r} is installed but does not import: {error}",
            hint=install_command(extra),
        ) from error
