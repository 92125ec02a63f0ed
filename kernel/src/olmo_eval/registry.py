"""Names and what they stand for: lazy, owned by a distribution, never silently overwritten."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import Any, Generic, TypeVar

from attrs import define, frozen

from olmo_eval import faults
from olmo_eval.common.suggest import did_you_mean
from olmo_eval.errors import (
    CollisionError,
    MissingDependencyError,
    OlmoEvalError,
    PluginError,
    UnknownNameError,
    UsageError,
)
from olmo_eval.faults import Place

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
    """One registered name. ``target`` is the object, or an import string until first use.

    ``source`` is an import string that has not been followed yet, also where a decorator has
    registered an object meanwhile: at first use the two must turn out to be the same. ``summary``
    is what listings say of it, where whoever registered it said so, and ``access`` marks what not
    everybody gets: ``"gated"``, ``"private"`` data, or data of a ``"package"``.
    """

    name: str
    target: T | str
    owner: Owner
    place: Place | None = None
    source: str = ""
    summary: str = ""
    access: str = ""

    @property
    def lazy(self) -> bool:
        return isinstance(self.target, str)

    @property
    def qualified(self) -> str:
        """``distribution:name``, which nobody else can claim."""
        return f"{self.owner.distribution}:{self.name}"

    def __attrs_post_init__(self) -> None:
        if isinstance(self.target, str):
            self.source = self.target


class Registry(Generic[T]):
    """All names of one kind.

    ``noun`` names the kind in messages (``"task"``), ``listing`` is the command that lists it. A
    target is an object or an import string: ``"package.module:Object"``, or ``"package.module"``
    for a module that registers the name itself, with a decorator, when it is imported. Of a
    module that was imported before, ``replay`` registers again what its decorators did.
    """

    def __init__(
        self,
        kind: str,
        noun: str,
        replay: Callable[[str], None] = lambda module: None,
        *,
        listing: str | None = None,
    ) -> None:
        self.kind = kind
        self.noun = noun
        self.listing = listing or kind
        self._replay = replay
        self._entries: dict[str, list[Entry[T]]] = {}

    def add(
        self,
        name: str,
        target: T | str,
        owner: Owner,
        place: Place | None = None,
        summary: str = "",
        access: str = "",
    ) -> None:
        """Register ``name``; a second claim by another owner is kept and reported when asked for.

        The same thing may be registered again, and so may anything by a module that is executed
        anew.

        Raises:
            UsageError: the same owner registers two different things under one name.
        """
        if not isinstance(name, str) or not name or name != name.strip() or "=" in name:
            raise UsageError(f"{owner} registers a {self.noun} under a bad name: {name!r}")
        claims = self._entries.setdefault(name, [])
        new = Entry(name, target, owner, place, summary=summary, access=access)
        for claim in claims:
            if claim.owner.distribution == owner.distribution:
                self._repeat(claim, new)
                return
        claims.append(new)

    def _repeat(self, claim: Entry[T], new: Entry[T]) -> None:
        anew = new.place is not None and new.place.replaces(claim.place)
        if new.source:
            if claim.source and claim.source != new.source and not anew:
                raise self._two(claim, new.owner, new.place)
            claim.source = new.source
            if claim.lazy:
                claim.target = new.target
            return
        if not claim.lazy and not anew:
            if not _same(claim.target, new.target):
                raise self._two(claim, new.owner, new.place)
            return
        claim.target, claim.owner, claim.place = new.target, new.owner, new.place

    def _two(self, claim: Entry[T], owner: Owner, other: object) -> UsageError:
        places = f": at {claim.place} and at {other}" if claim.place and other else ""
        return UsageError(
            f"{owner} registers two {self.kind.replace('_', ' ')} named {claim.name!r}{places}",
            hint="give one of them another name",
        )

    def adopt(self, owner: Owner) -> None:
        """Give ``owner`` what its module registered before plugins were discovered."""
        for claims in self._entries.values():
            for claim in claims:
                if claim.owner.provisional and claim.owner.module == owner.module:
                    claim.owner = owner

    def withdraw(self, owner: Owner) -> None:
        """Forget what ``owner`` has registered."""
        for name, claims in list(self._entries.items()):
            claims[:] = [claim for claim in claims if claim.owner != owner]
            if not claims:
                del self._entries[name]

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def claims(self, name: str) -> tuple[Entry[T], ...]:
        """Every claim to exactly this name."""
        return tuple(self._entries.get(name, ()))

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
            listing = f"`olmo-eval {self.listing}` lists them all"
            raise UnknownNameError(
                f"unknown {self.noun} {name!r}",
                hint=did_you_mean(name, self._entries, otherwise=listing),
            )
        if len(claims) > 1:
            owners = " and ".join(c.owner.distribution for c in claims)
            ways = " or ".join(claim.qualified for claim in claims)
            raise CollisionError(
                f"{self.noun} {name!r} is claimed by {owners}", hint=f"say which: {ways}"
            )
        return claims[0]

    def get(self, name: str) -> T:
        """The object called ``name``, imported now if it was registered by import string."""
        return self.resolve(self.entry(name))

    def resolve(self, entry: Entry[T]) -> T:
        """The object that an entry stands for, imported now if need be.

        Raises:
            PluginError, MissingDependencyError: it cannot be imported.
        """
        if entry.source:
            self._resolve(entry)
        assert not isinstance(entry.target, str)
        return entry.target

    def _resolve(self, entry: Entry[T]) -> None:
        """Follow the entry's import string."""
        source = entry.source
        module_name, _, attribute = source.partition(":")
        what = f"{self.noun} {entry.name!r} of {entry.owner}"
        seen = module_name in sys.modules
        try:
            with owned_by(entry.owner):
                resolved: Any = import_module(module_name)
                if seen and entry.lazy:
                    self._replay(module_name)
            for part in attribute.split(".") if attribute else ():
                resolved = getattr(resolved, part)
        except OlmoEvalError:
            raise
        except (Exception, SystemExit) as error:
            raise _import_failure(error, what, source, entry.owner) from error
        if attribute and entry.lazy:
            entry.target = resolved
        elif attribute and not _same(entry.target, resolved):
            raise self._two(entry, entry.owner, source)
        if entry.lazy:
            raise PluginError(f"{what}: importing {module_name!r} did not register that name")
        entry.source = ""


def _import_failure(
    error: BaseException, what: str, source: str, owner: Owner
) -> MissingDependencyError | PluginError:
    module = source.partition(":")[0]
    if isinstance(error, ModuleNotFoundError):
        if error.name and not module.startswith(error.name):
            return MissingDependencyError(
                f"{what} needs the module {error.name!r}, which is not installed",
                hint=f"pip install {error.name.partition('.')[0]}",
            )
        return PluginError(f"{what}: there is no module {module!r}")
    reason = faults.located(error, (module.partition(".")[0], owner.module))
    return PluginError(f"{what}: importing {source!r} failed: {reason}", hint=faults.HINT)


def _same(one: Any, other: Any) -> bool:
    """Whether two targets are one thing; values of equal settings are."""
    if one is other:
        return True
    try:
        return bool(one == other)
    except Exception:  # arrays, say, whose comparison is no truth value
        return False
