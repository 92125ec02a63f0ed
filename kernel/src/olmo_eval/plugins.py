"""Discovery of plugins, and the registries they fill.

One entry-point group, ``olmo_eval``. Entry modules are imported when something is first asked
for; their hooks are called kind by kind, when that kind is first asked for. A plugin that fails
is recorded with its reason and takes nothing else down.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module, metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy
from attrs import frozen

from olmo_eval import hookspecs
from olmo_eval.errors import OlmoEvalError, PluginError, UsageError
from olmo_eval.registry import Owner, Registry, current_owner, owned_by

GROUP = "olmo_eval"

#: registry kind -> noun used in messages; the hook is ``register_<kind>``
KINDS = {
    "tasks": "task",
    "suites": "suite",
    "scorers": "scorer",
    "tools": "tool",
    "scaffolds": "scaffold",
    "providers": "provider",
    "sandboxes": "sandbox backend",
    "judges": "judge",
    "harnesses": "harness",
    "models": "model preset",
    "external_evals": "external eval",
    "executors": "executor",
}


@frozen
class Plugin:
    """A loaded plugin module and where it came from (``entry point`` or ``--plugin``)."""

    name: str
    owner: Owner
    module: ModuleType
    origin: str


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
            kind: Registry(kind, noun, replay) for kind, noun in KINDS.items()
        }
        self.plugins: list[Plugin] = []
        self.failures: list[Failure] = []
        self._pluggy = pluggy.PluginManager(GROUP)
        self._pluggy.add_hookspecs(hookspecs)
        self._discovered = False
        self._collected: set[tuple[str, str]] = set()

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
            with owned_by(owner):
                module = point.load()
            self._add(point.name, owner, module, "entry point")
        except (Exception, SystemExit) as error:
            self._fail(point.name, owner, error)

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
        name = path.stem if is_file else target
        try:
            module, owner = _import_file(path) if is_file else _import_module(target)
            known = next((p for p in self.plugins if p.module is module), None)
            if known is None:
                self._add(name, owner, module, "--plugin")
            elif is_file and known.owner.version != owner.version:
                raise UsageError(
                    f"plugin file {target} has changed since this process loaded it",
                    hint="start Python anew to load it again",
                )
        except OlmoEvalError:
            raise
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"plugin {target} could not be loaded: {_reason(error)}",
                hint="--debug shows where",
            ) from error

    def _add(self, name: str, owner: Owner, module: ModuleType, origin: str) -> None:
        try:
            self._pluggy.register(module, name=f"{owner.distribution}:{module.__name__}")
            self._pluggy.check_pending()
        except pluggy.PluginValidationError:
            self._pluggy.unregister(module)
            raise
        self.plugins.append(Plugin(name, owner, module, origin))
        for registry in self.registries.values():
            registry.adopt(owner)

    def _fail(self, name: str, owner: Owner, error: BaseException) -> None:
        self.failures.append(Failure(name, owner, _reason(error)))

    # -- asking

    def registry(self, kind: str) -> Registry[Any]:
        """The registry of ``kind`` (``"tasks"``, ``"providers"``, ...), complete."""
        self.discover()
        for plugin in self.plugins:
            self._collect(kind, plugin)
        return self.registries[kind]

    def _collect(self, kind: str, plugin: Plugin) -> None:
        key = (kind, plugin.module.__name__)
        if key in self._collected:
            return
        self._collected.add(key)
        hook = getattr(plugin.module, f"register_{kind}", None)
        if hook is None or not hasattr(hook, "olmo_eval_impl"):
            return
        registry = self.registries[kind]

        def register(name: str, target: Any, /) -> None:
            registry.add(name, target, plugin.owner)

        try:
            with owned_by(plugin.owner):
                hook(register)
        except Exception as error:
            self._fail(f"{plugin.name}: register_{kind}", plugin.owner, error)

    def collect_all(self) -> None:
        """Call every registration hook, so that every failure is known."""
        for kind in KINDS:
            self.registry(kind)

    def add_commands(self, cli: Any) -> None:
        """Let every plugin add its commands to the command line."""
        self.discover()
        for plugin in self.plugins:
            hook = getattr(plugin.module, "register_commands", None)
            if hook is None or not hasattr(hook, "olmo_eval_impl"):
                continue
            try:
                hook(cli)
            except Exception as error:
                self._fail(f"{plugin.name}: register_commands", plugin.owner, error)

    def notify(self, hook: str, **arguments: Any) -> list[Failure]:
        """Call an observer hook of every plugin; what raises is returned, never propagated."""
        failures: list[Failure] = []
        for impl in getattr(self._pluggy.hook, hook).get_hookimpls():
            wanted = {n: arguments[n] for n in impl.argnames}
            try:
                impl.function(**wanted)
            except (Exception, SystemExit) as error:
                owner = next(p.owner for p in self.plugins if p.module is impl.plugin)
                failures.append(Failure(f"{impl.plugin_name}: {hook}", owner, _reason(error)))
        return failures

    def choose_provider(self, config: Any) -> tuple[str, str] | None:
        """What the first plugin with an opinion says: ``(kind, reason)``, or None."""
        self.discover()
        try:
            choice: tuple[str, str] | None = self._pluggy.hook.choose_provider(config=config)
        except OlmoEvalError:
            raise
        except Exception as error:
            raise PluginError(f"a plugin's choose_provider failed: {_reason(error)}") from error
        return choice

    def observes(self, hook: str) -> bool:
        """Whether any plugin implements ``hook``."""
        self.discover()
        return bool(getattr(self._pluggy.hook, hook).get_hookimpls())

    def owner_of(self, module: str) -> Owner:
        """Who supplies ``module``: the plugin whose package it is in, or the module itself."""
        root = module.partition(".")[0]
        for plugin in self.plugins:
            if plugin.owner.module == root:
                return plugin.owner
        return current_owner.get() or Owner(root, module=root, provisional=True)


_manager: PluginManager | None = None


def manager() -> PluginManager:
    """The plugin manager of this process."""
    global _manager
    if _manager is None:
        _manager = PluginManager()
    return _manager


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


#: module -> what its decorators registered; a later manager cannot make Python import it again
_decorated: dict[str, dict[tuple[str, str], Any]] = {}


def add(kind: str, name: str, target: Any, *, module: str | None = None) -> None:
    """Register from a decorator; the owner is found from the module that defines ``target``."""
    home = module or getattr(target, "__module__", "") or ""
    _decorated.setdefault(home, {})[kind, name] = target
    _claim(kind, name, target, home)


def replay(module: str) -> None:
    """Register, in the current manager, what ``module``'s decorators registered on import."""
    for (kind, name), target in _decorated.get(module, {}).items():
        _claim(kind, name, target, module)


def _claim(kind: str, name: str, target: Any, home: str) -> None:
    mine = manager()
    owner = current_owner.get()
    if owner is None or home.partition(".")[0] != owner.module:
        owner = mine.owner_of(home)
    mine.registries[kind].add(name, target, owner)


def _import_file(path: Path) -> tuple[ModuleType, Owner]:
    """Import a plain file as a plugin; its owner is the file, its version the content's hash.

    It may import the modules beside it, which stand last in ``sys.path``: they hide nothing.
    """
    path = path.resolve()
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    name = "olmo_eval_plugin_" + re.sub(r"\W", "_", path.stem)
    for candidate in (name, f"{name}_{digest}"):  # the second where another file has the first
        known = sys.modules.get(candidate)
        if known is None or getattr(known, "__file__", None) == str(path):
            break
    name = candidate
    if known is not None and getattr(known, "__file__", None) == str(path):
        return known, Owner(path.name, digest, name)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    owner = Owner(path.name, digest, name)
    try:
        with owned_by(owner):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module, owner


def _import_module(name: str) -> tuple[ModuleType, Owner]:
    root = name.partition(".")[0]
    distributions = metadata.packages_distributions().get(root, [])
    if distributions:
        owner = Owner(distributions[0], metadata.version(distributions[0]), root)
    else:
        owner = Owner(root, module=root)
    with owned_by(owner):
        return import_module(name), owner


def _reason(error: BaseException) -> str:
    if isinstance(error, OlmoEvalError):
        return error.message
    return f"{type(error).__name__}: {error}"
