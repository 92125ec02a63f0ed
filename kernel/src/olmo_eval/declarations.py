"""What decorators register: ``@register("name")`` is the short way to write a hook.

A decorator runs once, when Python imports its module. What it declares is kept here, so that every
later ``PluginManager`` of the process that loads the same plugin finds it again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
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


class DeclaredHook:
    """A plugin of one hook, for pluggy, that registers declarations of one kind."""

    def __init__(self, kind: str, declarations: Sequence[Declaration]) -> None:
        def hook(register: Callable[[Declaration], None]) -> None:
            for declaration in declarations:
                register(declaration)

        first, more = declarations[0], len(declarations) - 1
        self.__name__ = f"{first.place}: {kind} {first.name}" + (f" and {more} more" * bool(more))
        self.called = f"register_{kind}"
        setattr(self, self.called, hookimpl(hook))

    def __dir__(self) -> list[str]:
        """The hook alone: pluggy looks at every attribute, and there are many such plugins."""
        return [self.called]


def hooks_of(declarations: Iterable[Declaration]) -> list[DeclaredHook]:
    """One hook for each kind among ``declarations``."""
    of_kinds: dict[str, list[Declaration]] = {}
    for declaration in declarations:
        of_kinds.setdefault(declaration.kind, []).append(declaration)
    return [DeclaredHook(kind, declared) for kind, declared in of_kinds.items()]


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
