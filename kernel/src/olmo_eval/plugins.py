"""Discovery of plugins, and the registries they fill.

One entry-point group, ``olmo_eval``. Entry modules are imported when something is first asked
for; their hooks are called kind by kind, when that kind is first asked for. A plugin that fails
is recorded with its reason and takes nothing else down.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module, metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy
from attrs import field, frozen

from olmo_eval import faults, hookspecs
from olmo_eval.declarations import Declaration, declare, hooks_of, of_package, of_plugin
from olmo_eval.errors import OlmoEvalError, PluginError, UsageError
from olmo_eval.faults import Place
from olmo_eval.hooks import OBSERVERS, check_api, hook_name, isolated, marked, mistakes
from olmo_eval.loading import file_owner, import_file, module_owner
from olmo_eval.registry import Owner, Registry, current_owner, owned_by

GROUP = "olmo_eval"

#: registry kind -> noun used in messages; the hook is ``register_<kind>``
KINDS = {
    "tasks": "task",
    "suites": "suite",
    "variants": "variant",
    "scorers": "scorer",
    "metrics": "metric",
    "formatters": "formatter",
    "tools": "tool",
    "scaffolds": "scaffold",
    "providers": "provider",
    "sandboxes": "sandbox backend",
    "judges": "judge",
    "harnesses": "harness",
    "models": "model preset",
    "external_evals": "external eval",
    "executors": "executor",
    "importers": "importer",
    "exporters": "exporter",
    "commands": "command",
    "checks": "check",
}
#: kinds whose names another command lists than ``olmo-eval <kind>``
_LISTINGS = {"external_evals": "external list", "commands": "--help", "checks": "doctor"}
_ASKED_FOR = "--plugin"
#: hooks whose first answer is taken: one that fails is an error, not an answer less
_ASKING = frozenset({"choose_provider", "comparison_page", "verify_page"})


@frozen
class Plugin:
    """A loaded plugin module and where it came from (``entry point`` or ``--plugin``).

    ``hooks`` are the module's hooks as they are called: what one raises is dealt with there.
    """

    name: str
    owner: Owner
    module: ModuleType
    origin: str
    hooks: ModuleType = field(init=False, eq=False, repr=False)

    @hooks.default
    def _hooks(self) -> ModuleType:
        return ModuleType(self.module.__name__)


@frozen
class Failure:
    """A plugin that did not load, or a hook of it that raised."""

    name: str
    owner: Owner
    reason: str


class PluginManager:
    """The plugins of this process and everything they registered."""

    def __init__(self) -> None:
        self.registries: dict[str, Registry[Any]] = {
            kind: Registry(kind, noun, self._declared_again, listing=_LISTINGS.get(kind))
            for kind, noun in KINDS.items()
        }
        self.plugins: list[Plugin] = []
        self.failures: list[Failure] = []
        self._observed: list[Failure] = []
        self._pluggy = pluggy.PluginManager(GROUP)
        self._pluggy.add_hookspecs(hookspecs)
        self._discovered = False
        self._collected: dict[str, list[Plugin]] = {kind: [] for kind in KINDS}
        self._suppliers: dict[str, Owner] = {}
        self._taken: set[Declaration] = set()

    # -- loading

    def discover(self) -> None:
        """Load every installed plugin once, then those of ``OLMO_EVAL_PLUGINS``."""
        if self._discovered:
            return
        self._discovered = True
        for point in sorted(metadata.entry_points(group=GROUP), key=lambda p: p.name):
            self._load_entry_point(point)
        for extra in os.environ.get("OLMO_EVAL_PLUGINS", "").split(os.pathsep):
            if extra.strip():
                self.load(extra.strip())

    def _load_entry_point(self, point: metadata.EntryPoint) -> None:
        dist = point.dist
        name, version = (dist.name, dist.version) if dist else (point.name, "")
        owner = Owner(name, version, point.module.partition(".")[0])
        if any(p.owner == owner and p.module.__name__ == point.module for p in self.plugins):
            return
        try:
            with self._withdrawn_on_failure(owner), owned_by(owner):
                module = point.load()
                self._add(Plugin(point.name, owner, module, "entry point"))
        except (Exception, SystemExit) as error:
            self._fail(point.name, owner, error)
            return
        for hook, mistake in mistakes(module):
            self._fail(f"{point.name}: {hook}", owner, mistake)

    def load(self, target: str) -> None:
        """Load a plugin from a file path or a module name, as ``--plugin`` does.

        Raises:
            PluginError: it cannot be imported; unlike an installed plugin it was asked for now.
        """
        self.discover()
        path = Path(target)
        is_file = target.endswith(".py") or path.is_file()
        if is_file and not path.is_file():
            raise UsageError(f"no such plugin file: {target}")
        owner = file_owner(path) if is_file else module_owner(target)
        if self._known(path if is_file else None, target, owner):
            return
        name = path.stem if is_file else target
        try:
            with self._withdrawn_on_failure(owner), owned_by(owner):
                module = import_file(path, owner) if is_file else import_module(target)
                for _hook, mistake in mistakes(module):
                    raise mistake
                self._add(Plugin(name, owner, module, _ASKED_FOR))
        except OlmoEvalError:
            raise
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"plugin {target} could not be loaded: {faults.located(error, (owner.module,))}",
                hint=faults.HINT,
            ) from error

    @property
    def asked_for(self) -> tuple[str, ...]:
        """What ``load`` has loaded: files by their paths, modules by their names."""
        modules = [p.module for p in self.plugins if p.origin == _ASKED_FOR]
        of_files = faults.FILE_MODULE
        return tuple(
            str(m.__file__ if m.__name__.startswith(of_files) else m.__name__) for m in modules
        )

    def _known(self, file: Path | None, target: str, owner: Owner) -> bool:
        """Whether a plugin is loaded already.

        Raises:
            UsageError: its file has changed since.
        """
        for plugin in self.plugins:
            if file is None:
                if plugin.module.__name__ == target:
                    return True
            elif plugin.origin == _ASKED_FOR and plugin.module.__file__ == str(file.resolve()):
                if plugin.owner.version != owner.version:
                    raise UsageError(
                        f"plugin file {target} has changed since this process loaded it",
                        hint="start Python anew to load it again",
                    )
                return True
        return False

    def _add(self, plugin: Plugin) -> None:
        owner, module = plugin.owner, plugin.module
        check_api(module, owner)
        for name, function in marked(module).items():
            failed = partial(self._hook_failed, plugin, hook_name(function, name))
            setattr(plugin.hooks, name, isolated(function, owner, failed))
        try:
            self._pluggy.register(plugin.hooks, name=f"{owner.distribution}:{module.__name__}")
            self._pluggy.check_pending()
        except pluggy.PluginValidationError:
            self._pluggy.unregister(plugin.hooks)
            raise
        self.plugins.append(plugin)
        for registry in self.registries.values():
            registry.adopt(owner)
        self.take(d for d in of_plugin(owner) if d not in self._taken)

    @contextmanager
    def _withdrawn_on_failure(self, owner: Owner) -> Iterator[None]:
        """A plugin that does not load supplies nothing: no half of what it meant to register."""
        try:
            yield
        except BaseException:
            if all(plugin.owner != owner for plugin in self.plugins):
                self._taken.clear()
                for registry in self.registries.values():
                    registry.withdraw(owner)
            raise

    def _fail(self, name: str, owner: Owner, error: BaseException) -> None:
        failure = Failure(name, owner, faults.located(error, (owner.module,)))
        if failure not in self.failures:
            self.failures.append(failure)

    # -- calling hooks

    def _hook_failed(self, plugin: Plugin, hook: str, error: BaseException) -> None:
        """Keep what a hook raised, or raise it where going on would hide it.

        Raises:
            PluginError: the plugin was asked for by name, or its opinion was, which another
                plugin's would silently replace.
        """
        if hook in OBSERVERS:
            reason = faults.located(error, (plugin.owner.module,))
            self._observed.append(Failure(f"{plugin.name}: {hook}", plugin.owner, reason))
        elif plugin.origin != _ASKED_FOR and hook not in _ASKING:
            self._fail(f"{plugin.name}: {hook}", plugin.owner, error)
        elif isinstance(error, OlmoEvalError):
            raise error
        else:
            reason = faults.located(error, (plugin.owner.module,))
            raise PluginError(
                f"{hook} of {plugin.owner} failed: {reason}", hint=faults.HINT
            ) from error

    # -- asking

    def registry(self, kind: str) -> Registry[Any]:
        """The registry of ``kind`` (``"tasks"``, ``"providers"``, ...), complete."""
        self.discover()
        self._collect(kind)
        return self.registries[kind]

    def _collect(self, kind: str) -> None:
        """Call the kind's hook of every plugin that has come since the last time."""
        done = self._collected[kind]
        if len(done) == len(self.plugins):
            return
        caller = self._pluggy.subset_hook_caller(f"register_{kind}", [p.hooks for p in done])
        self._collected[kind] = list(self.plugins)
        try:
            if kind == "commands":
                from olmo_eval.commands import CommandGroup

                caller(cli=CommandGroup(partial(self._register, kind)))
            else:
                caller(register=partial(self._register, kind))
        except BaseException:
            self._collected[kind] = done
            raise

    def _register(
        self,
        kind: str,
        name: str,
        target: Any,
        /,
        *,
        place: Place | None = None,
        summary: str = "",
        access: str = "",
    ) -> None:
        place = place or Place.of(sys._getframe(1))
        owner = current_owner.get() or self.owner_of(place.module)
        if kind == "variants" and not all(name.rpartition(":")):
            raise UsageError(
                f"{owner} registers a variant under a bad name: {name!r}", hint="write TASK:VARIANT"
            )
        if isinstance(target, str):
            self._suppliers.setdefault(target.partition(":")[0].partition(".")[0], owner)
        self.registries[kind].add(name, target, owner, place, summary, access)

    def take(self, declarations: Iterable[Declaration]) -> None:
        """Register what decorators declare, through the hook of its kind."""
        for hook in hooks_of(declarations):
            self._pluggy.register(hook)
            try:
                others = self._pluggy.get_plugins() - {hook}
                caller = self._pluggy.subset_hook_caller(hook.called, others)
                caller(register=self._register_declared)
            finally:
                self._pluggy.unregister(hook)

    def _register_declared(self, declaration: Declaration) -> None:
        owner = current_owner.get()
        if owner is None or declaration.root != owner.module:
            owner = self.owner_of(declaration.place.module)
        if not owner.provisional:
            self._suppliers.setdefault(declaration.root, owner)
        registry = self.registries[declaration.kind]
        registry.add(declaration.name, declaration.target, owner, declaration.place)
        self._taken.add(declaration)

    def _declared_again(self, module: str) -> None:
        """Register what the decorators of a module did that was imported before."""
        self.take(of_package(module))

    def collect_all(self) -> None:
        """Call every registration hook, so that every failure is known."""
        for kind in KINDS:
            self.registry(kind)

    def notify(self, hook: str, **arguments: Any) -> list[Failure]:
        """Call an observer hook of every plugin; what raises is returned, never propagated."""
        self._observed = []
        getattr(self._pluggy.hook, hook)(**arguments)
        return self._observed

    def first_answer(self, hook: str, **arguments: Any) -> Any:
        """What the first plugin that has an answer says (``choose_provider``); None where none has.

        Raises:
            PluginError: a plugin could not say.
        """
        self.discover()
        return getattr(self._pluggy.hook, hook)(**arguments)

    def observes(self, hook: str) -> bool:
        """Whether any plugin implements ``hook``."""
        self.discover()
        return bool(getattr(self._pluggy.hook, hook).get_hookimpls())

    # -- whose code it is

    def culprit(self, error: BaseException, *homes: str) -> faults.Location | None:
        """The innermost line of plugins' code that ``error`` passed through, if there is one.

        ``homes`` are modules that count as plugins' though no plugin that is loaded owns them.
        """
        roots = self._roots() | {home.partition(".")[0] for home in homes}
        return faults.innermost(error, roots - {faults.KERNEL, ""})

    def fault(self, error: BaseException, doing: str, *homes: str) -> PluginError | None:
        """``error`` as that of the plugin whose code raised it; None where no plugin's did.

        ``doing`` names what was asked of the plugin; ``homes`` are the modules of the objects that
        were asked.
        """
        where = self.culprit(error, *homes)
        if where is None:
            return None
        owner = self.owner_of(where.module)
        return PluginError(
            f"{doing} failed in {owner}: {faults.reason(error)} ({where.text})", hint=faults.HINT
        )

    def uncaught(self, error: BaseException) -> PluginError | None:
        """``fault`` of an exception that nobody expected: a plugin's where its code raised it,
        the kernel's where a plugin only called the kernel or was called by it.
        """
        where = faults.innermost(error, self._roots() | {faults.KERNEL})
        if where is None or where.root == faults.KERNEL:
            return None
        return self.fault(error, "the command")

    def _roots(self) -> set[str]:
        """The top-level modules of plugins."""
        return {plugin.owner.module for plugin in self.plugins} | set(self._suppliers)

    def owner_of(self, module: str) -> Owner:
        """Who supplies ``module``: the plugin whose package it is in, or the module itself."""
        root = module.partition(".")[0]
        for plugin in self.plugins:
            if plugin.owner.module == root:
                return plugin.owner
        known = current_owner.get() or self._suppliers.get(root)
        return known or Owner(root, module=root, provisional=True)


_manager: PluginManager | None = None


def manager() -> PluginManager:
    """The plugin manager of this process."""
    global _manager
    if _manager is None:
        _manager = PluginManager()
    return _manager


def registered(kind: str) -> Registry[Any]:
    """The registry of a kind, ``"tasks"`` or ``"scorers"``, say: ``get(name)``, ``names()``."""
    return manager().registry(kind)


@contextmanager
def fresh_manager(plugins: Sequence[str] = ()) -> Iterator[PluginManager]:
    """A new manager for the duration of a block; for tests of plugins."""
    global _manager
    previous, _manager = _manager, PluginManager()
    try:
        for target in plugins:
            _manager.load(target)
        yield _manager
    finally:
        _manager = previous


def raise_fault(error: BaseException, doing: str, *homes: str) -> None:
    """Raise ``error`` as that of the plugin whose code it comes from; for ``except`` blocks.

    Returns where it is meant for people already, or is the kernel's own::

        except (Exception, SystemExit) as error:
            raise_fault(error, "scaffold 'debate'", cls.__module__)
            raise
    """
    if isinstance(error, OlmoEvalError):
        return
    found = manager().fault(error, doing, *homes)
    if found is not None:
        raise found from error


@contextmanager
def asking(doing: str, *homes: str) -> Iterator[None]:
    """What a plugin's code raises inside the block is reported as that plugin's."""
    try:
        yield
    except (Exception, SystemExit) as error:
        raise_fault(error, doing, *homes)
        raise


def add(kind: str, name: str, target: Any) -> None:
    """Register from a decorator, for the module that the decorator is in."""
    manager().take([declare(kind, name, target)])
