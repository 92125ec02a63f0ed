"""What the extras of this distribution bring."""

from __future__ import annotations

from typing import Any

from olmo_eval import extras


def require(module: str, extra: str) -> Any:
    """The module called ``module``, which ``extra`` brings, imported now.

    Raises:
        MissingDependencyError: it cannot be; the hint is the command that installs ``extra``.
    """
    return extras.require(module, f"pip install 'olmo-eval-scaffolds[{extra}]'")
