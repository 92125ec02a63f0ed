"""What decorators register: ``@register("name")`` is the short way to write a hook.

A decorator runs once, when Python imports its module. What it declares is kept here, so that every
later ``PluginManager`` of the process that loads the same plugin finds it again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from attrs import frozen

from olmo_eval.faults import Place
from olmo_eval.hookspecs import hookimpl
from olmo_eval.registry import Owner, current_owner


@frozen(eq=False)
class Declaration:
    """One use of a decorator: the kind, name and target, where it stands, and which plugin was
    being loaded when it ran, if one was."""

    kind: str
    name: str
    target: Any
    place: Place
    loading: Owner | None = None

    @property
    def root(self) -> str:
        return self.place.module.partition(".")[0]

    def hook(self) -> ModuleType:
        """A plugin of one hook that registers this, for pluggy."""
        plugin = ModuleType(f"{self.place}: {self.kind} {self.name}")

        def register(register: Callable[[str, Any], None]) -> None:
            register(self.name, self.target)

        setattr(plugin, f"register_{self.kind}", hookimpl(register))
        return plugin


#: module -> the execution of it, and what its decorators declared then
_declared: dict[str, tuple[Any, dict[tuple[str, str], Declaration]]] = {}


def declare(kind: str, name: str, target: Any) -> Declaration:
    """Keep what a decorator declares, for the module that the decorator stands in."""
    place = Place.of_caller()
    declaration = Declaration(kind, name, target, place, current_owner.get())
    known = _declared.get(place.module)
    if known is None or known[0] is not place.execution:
        known = _declared[place.module] = (place.execution, {})
    known[1][kind, name] = declaration
    return declaration


def of_package(module: str) -> Iterator[Declaration]:
    """What the modules of ``module``'s top-level package declare, as they are imported now."""
    root = module.partition(".")[0]
    return (declaration for declaration in _current() if declaration.root == root)


def of_plugin(owner: Owner) -> Iterator[Declaration]:
    """What a plugin declares: its package, and the modules beside it that it was the first to
    import."""
    for declaration in _current():
        loading = declaration.loading
        imported = loading is not None and (loading.distribution, loading.module) == (
            owner.distribution,
            owner.module,
        )
        if declaration.root == owner.module or imported:
            yield declaration


def _current() -> Iterator[Declaration]:
    """What every module declares that has not been forgotten or executed anew since."""
    for name, (execution, declarations) in list(_declared.items()):
        if getattr(sys.modules.get(name), "__spec__", None) is execution:
            yield from declarations.values()
