"""Names and what they stand for: lazy, owned by a distribution, never silently overwritten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import Any, Generic, TypeVar

from attrs import define, frozen

from olmo_eval.common.suggest import did_you_mean
from olmo_eval.errors import (
    CollisionError,
    MissingDependencyError,
    OlmoEvalError,
    PluginError,
    UnknownNameError,
    UsageError,
)

T = TypeVar("T")


@frozen
class Owner:
    """Who supplied something: a distribution and its version, or a plugin file and its hash.

    ``module`` is the plugin's top-level module; ``provisional`` marks what was registered by
    plain import before plugins were discovered.
    """

    distribution: str
    version: str = ""
    module: str = ""
    provisional: bool = False

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}".strip()

    def to_dict(self) -> dict[str, str]:
        return {"distribution": self.distribution, "version": self.version}


#: who supplies what is being registered right now, while a plugin's module is imported
current_owner: ContextVar[Owner | None] = ContextVar("olmo_eval_owner", default=None)


@contextmanager
def owned_by(owner: Owner) -> Iterator[None]:
    """What is registered by decorator inside belongs to ``owner``."""
    token = current_owner.set(owner)
    try:
        yield
    finally:
        current_owner.reset(token)


@define
class Entry(Generic[T]):
    """One registered name. ``target`` is the object, or an import string until first use."""

    name: str
    target: T | str
    owner: Owner

    @property
    def lazy(self) -> bool:
        return isinstance(self.target, str)


#: the command that lists a kind of names, where it is not called like the kind
_LISTED_BY = {"external_evals": "external list", "executors": "plugins"}


class Registry(Generic[T]):
    """All names of one kind.

    ``noun`` names the kind in messages (``"task"``). A target is an object or an import string:
    ``"package.module:Object"``, or ``"package.module"`` for a module that registers the name
    itself, with a decorator, when it is imported. Of a module that was imported before, ``replay``
    registers again what its decorators did.
    """

    def __init__(
        self, kind: str, noun: str, replay: Callable[[str], None] = lambda module: None
    ) -> None:
        self.kind = kind
        self.noun = noun
        self._replay = replay
        self._entries: dict[str, list[Entry[T]]] = {}

    def add(self, name: str, target: T | str, owner: Owner) -> None:
        """Register ``name``; a second claim by another owner is kept and reported when asked for.

        Raises:
            UsageError: the same owner registers two different things under one name.
        """
        if not isinstance(name, str) or not name or name != name.strip() or "=" in name:
            raise UsageError(f"{owner} registers a {self.noun} under a bad name: {name!r}")
        claims = self._entries.setdefault(name, [])
        for claim in claims:
            if claim.owner.distribution == owner.distribution:
                self._replace(claim, target, owner)
                return
        claims.append(Entry(name, target, owner))

    def _replace(self, claim: Entry[T], target: T | str, owner: Owner) -> None:
        if isinstance(target, str) and not claim.lazy:
            return  # the import string of something already imported
        same_place = _place(claim.target) == _place(target)
        if not claim.lazy and claim.target != target and not same_place:
            raise UsageError(
                f"{owner} registers two {self.kind} named {claim.name!r}",
                hint="give one of them another name",
            )
        claim.target, claim.owner = target, owner

    def adopt(self, owner: Owner) -> None:
        """Give ``owner`` what its module registered before plugins were discovered."""
        for claims in self._entries.values():
            for claim in claims:
                if claim.owner.provisional and claim.owner.module == owner.module:
                    claim.owner = owner

    def names(self) -> list[str]:
        return sorted(self._entries)

    def entries(self) -> Iterator[Entry[T]]:
        """Every claim of every name, in the order of names."""
        for name in self.names():
            yield from self._entries[name]

    def collisions(self) -> dict[str, list[Owner]]:
        return {n: [c.owner for c in cs] for n, cs in self._entries.items() if len(cs) > 1}

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._find(name) is not None

    def _find(self, name: str) -> list[Entry[T]] | None:
        if name in self._entries:
            return self._entries[name]
        distribution, colon, rest = name.partition(":")
        if colon and rest in self._entries:
            mine = [c for c in self._entries[rest] if c.owner.distribution == distribution]
            return mine or None
        return None

    def entry(self, name: str) -> Entry[T]:
        """The entry called ``name`` or ``distribution:name``.

        Raises:
            UnknownNameError: nothing has that name; the hint offers the closest ones.
            CollisionError: several distributions claim it.
        """
        claims = self._find(name)
        if claims is None:
            listing = f"`olmo-eval {_LISTED_BY.get(self.kind, self.kind)}` lists them all"
            raise UnknownNameError(
                f"unknown {self.noun} {name!r}",
                hint=did_you_mean(name, self._entries, otherwise=listing),
            )
        if len(claims) > 1:
            owners = " and ".join(c.owner.distribution for c in claims)
            ways = " or ".join(f"{c.owner.distribution}:{c.name}" for c in claims)
            raise CollisionError(
                f"{self.noun} {name!r} is claimed by {owners}", hint=f"say which: {ways}"
            )
        return claims[0]

    def get(self, name: str) -> T:
        """The object called ``name``, imported now if it was registered by import string."""
        entry = self.entry(name)
        if isinstance(entry.target, str):
            self._resolve(entry)
        assert not isinstance(entry.target, str)
        return entry.target

    def _resolve(self, entry: Entry[T]) -> None:
        target = entry.target
        assert isinstance(target, str)
        module_name, _, attribute = target.partition(":")
        what = f"{self.noun} {entry.name!r} of {entry.owner}"
        try:
            with owned_by(entry.owner):
                module = import_module(module_name)
                if not attribute and isinstance(entry.target, str):
                    self._replay(module_name)
            if attribute:
                resolved: Any = module
                for part in attribute.split("."):
                    resolved = getattr(resolved, part)
                entry.target = resolved
        except OlmoEvalError:
            raise
        except ModuleNotFoundError as error:
            if error.name and not module_name.startswith(error.name):
                raise MissingDependencyError(
                    f"{what} needs the module {error.name!r}, which is not installed",
                    hint=f"pip install {error.name.partition('.')[0]}",
                ) from error
            raise PluginError(f"{what}: there is no module {module_name!r}") from error
        except Exception as error:
            raise PluginError(
                f"{what}: importing {target!r} failed: {type(error).__name__}: {error}"
            ) from error
        if isinstance(entry.target, str):
            raise PluginError(f"{what}: importing {module_name!r} did not register that name")


def _place(target: Any) -> tuple[str, str] | None:
    """Where a class or function is defined; a module imported again defines the same place."""
    module, name = getattr(target, "__module__", None), getattr(target, "__qualname__", None)
    return (module, name) if module and name else None
