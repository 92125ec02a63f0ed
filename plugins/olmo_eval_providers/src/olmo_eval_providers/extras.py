"""What the extras of this distribution bring."""

from __future__ import annotations

import importlib.util
from typing import Any

from olmo_eval import extras

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
    """The module called ``module``, which ``extra`` brings, imported now.

    Raises:
        MissingDependencyError: it cannot be; the hint is the command that installs ``extra``.
    """
    return extras.require(module, install_command(extra))
