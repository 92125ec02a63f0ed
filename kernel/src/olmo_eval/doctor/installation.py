"""Checks of what is installed: Python, plugins, and whose ``olmo_eval`` is imported."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from olmo_eval import plugins
from olmo_eval.common.figures import counted
from olmo_eval.doctor.finding import Checkup, Finding, Level

_OWN = "olmo-eval"
_REQUIRED = re.compile(r">=\s*(\d+)\.(\d+)")


def python(_checkup: Checkup) -> Iterator[Finding]:
    """The interpreter, and whether this version of olmo-eval is made for it."""
    found = f"{platform.python_version()} ({sys.executable})"
    required = _REQUIRED.search(str(metadata.metadata(_OWN)["Requires-Python"]))
    if required and sys.version_info < (int(required[1]), int(required[2])):
        way_out = f"make an environment with Python {required[1]}.{required[2]} or later"
        yield Finding(Level.PROBLEM, f"{found} is too old", way_out)
    else:
        yield Finding(Level.OK, found)


def loaded(_checkup: Checkup) -> Iterator[Finding]:
    """Plugins, those that failed to load and why, and names that two of them claim."""
    mine = plugins.manager()
    mine.collect_all()
    packages = {str(plugin.owner) for plugin in mine.plugins}
    yield Finding(Level.OK, f"{counted(len(packages), 'package')}: {', '.join(sorted(packages))}")
    for failure in mine.failures:
        yield Finding(
            Level.WARNING,
            f"{failure.owner} failed to load: {failure.reason}",
            f"pip install --upgrade {failure.owner.distribution}, or uninstall it",
            failure.name,
        )
    for kind, noun in plugins.KINDS.items():
        for name, owners in mine.registries[kind].collisions().items():
            both = [owner.distribution for owner in owners]
            yield Finding(
                Level.WARNING,
                f"the {noun} {name} is claimed by {' and '.join(both)}",
                f"name it {both[0]}:{name}, or uninstall one",
            )


def names(_checkup: Checkup) -> Iterator[Finding]:
    """Other packages with a module that is called like one of ours: whichever was installed last,
    or stands first on the path, is imported."""
    modules = {plugin.owner.module: plugin.owner.distribution for plugin in _installed_plugins()}
    modules["olmo_eval"] = _OWN
    clashes = [*_other_distributions(modules), *_other_folders(modules)]
    yield from clashes or [Finding(Level.OK, f"nothing else brings {', '.join(sorted(modules))}")]


def _installed_plugins() -> list[plugins.Plugin]:
    mine = plugins.manager()
    mine.discover()
    return [plugin for plugin in mine.plugins if plugin.origin == "entry point"]


def _other_distributions(modules: dict[str, str]) -> Iterator[Finding]:
    seen = set()
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"] or ""
        for module in sorted(_top_level(distribution, set(modules))):
            if _same(name, modules[module]) or (name, module) in seen:
                continue
            seen.add((name, module))
            mixed = _lies_in(distribution, module)
            found = f"the package {name} {distribution.version} brings a module {module}, too"
            yield Finding(
                Level.PROBLEM if mixed else Level.WARNING,
                f"{found}, whose files lie among ours" if mixed else found,
                f"pip uninstall {name}, then pip install --force-reinstall {modules[module]}; or"
                " keep the two in different environments",
                module,
            )


def _lies_in(distribution: metadata.Distribution, module: str) -> bool:
    """Whether a distribution's module is in the folder that was imported: then each has replaced
    files of the other."""
    imported = _imported(module)
    folder = Path(str(distribution.locate_file(module)))
    return imported is not None and folder.resolve() == imported.parent


def _imported(module: str) -> Path | None:
    file = getattr(sys.modules.get(module), "__file__", None)
    return None if file is None else Path(file).resolve()


def _top_level(distribution: metadata.Distribution, wanted: set[str]) -> set[str]:
    """Which of ``wanted`` a distribution brings. Its record is searched as text: those of engines
    have ten thousands of lines."""
    listed = set((distribution.read_text("top_level.txt") or "").split()) & wanted
    record = "\n" + (distribution.read_text("RECORD") or "")
    return listed | {name for name in wanted if f"\n{name}/" in record or f"\n{name}.py," in record}


def _other_folders(modules: dict[str, str]) -> Iterator[Finding]:
    """Folders of our names on the path besides those that were imported."""
    others = [
        str(folder)
        for module in sorted(modules)
        if (imported := _imported(module)) is not None
        for entry in dict.fromkeys(sys.path)
        if (folder := Path(entry or ".", module).resolve()) != imported.parent
        if (folder / "__init__.py").is_file()
    ]
    if others:
        yield Finding(
            Level.WARNING,
            f"on the path, and not what is imported: {', '.join(dict.fromkeys(others))}",
            "uninstall or remove the copies that you do not use",
        )


def _same(one: str, other: str) -> bool:
    return re.sub(r"[-_.]+", "-", one).lower() == re.sub(r"[-_.]+", "-", other).lower()
