"""Names that a package offers and a plugin supplies: found in the registry at first use.

The kernel knows no plugin. It knows under which names plugins register what published task packs
import, and which package to install where nothing is registered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from olmo_eval.errors import MissingDependencyError


def from_registry(
    package: str,
    kind: str,
    registered: Mapping[str, str | tuple[str, ...]],
    distribution: str,
) -> Callable[[str], Any]:
    """``__getattr__`` of a package whose names a plugin supplies.

    ``registered`` says under which name of ``kind`` each is registered, or under which of several.
    """

    def getattribute(name: str) -> Any:
        if name not in registered:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return supplied(name, kind, registered[name], distribution)

    return getattribute


def supplied(name: str, kind: str, registered: str | tuple[str, ...], distribution: str) -> Any:
    """What is registered under ``registered``, or under the first of several names that is known.

    Raises:
        MissingDependencyError: no plugin supplies it; the hint names the package to install.
    """
    import olmo_eval  # the registries know this package's words, which are not to know them

    registry = olmo_eval.registered(kind)
    names = (registered,) if isinstance(registered, str) else registered
    for known in names:
        if known in registry:
            return registry.get(known)
    raise MissingDependencyError(
        f"{name} is the {registry.noun} {names[0]!r}, which no installed plugin supplies",
        hint=f"pip install {distribution}",
    )
