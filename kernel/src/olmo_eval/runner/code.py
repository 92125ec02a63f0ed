"""Which source code decides a task's scores: the modules that its classes and functions reach.

A score is decided by more than the class that computes it: a helper in a second module, a table of
gold answers, a regular expression. So from each module that defines a part of a task (the task, its
formatter, its extraction, its scorers and metrics) imports are followed, as far as they lead to
other modules of the same distribution, or to local files; what is installed from elsewhere is
named by its version. Files that such a module names in a string and that lie beside it (a JSON
table of answers, say) count as well.

Nothing is imported to find this out: modules are located and their imports read from their source.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from attrs import field, frozen

from olmo_eval.errors import UsageError
from olmo_eval.faults import FILE_MODULE, KERNEL
from olmo_eval.runner.references import ReferenceReader

#: the room of the kernel whose code decides scores; the rest only moves values around
_KERNEL_SCORING = "olmo_eval.common"
_DIGITS = 16


@frozen
class Code:
    """Source code by module.

    - ``modules``: a digest of the source of each module that is reached, and of each file that
      one of them names;
    - ``libraries``: the version of each installed distribution that they import besides.
    """

    modules: Mapping[str, str] = field(factory=dict)
    libraries: Mapping[str, str] = field(factory=dict)

    def __or__(self, other: Code) -> Code:
        return Code({**self.modules, **other.modules}, {**self.libraries, **other.libraries})

    @property
    def digest(self) -> str:
        """One digest of all modules."""
        return _digest("\n".join(f"{k} {v}" for k, v in sorted(self.modules.items())).encode())


class CodeReader:
    """Finds the code behind classes and functions; remembers what it has followed already.

    Make one for each run: what lies on disk may have changed since the last one.
    """

    def __init__(self) -> None:
        self._closures: dict[str, Code] = {}

    def read(self, *parts: Any) -> Code:
        """The code behind classes and functions, their base classes included.

        A part whose module has no file (defined at a prompt or in a notebook) counts with its own
        source, as far as Python knows it.

        Raises:
            UsageError: a module's file has changed since this process read it.
        """
        found = Code()
        for part in parts:
            for piece in _pieces(part):
                found |= self._piece(piece)
        return found

    def _piece(self, piece: Any) -> Code:
        module = piece.__module__
        if module.partition(".")[0] in sys.stdlib_module_names - {"__main__"}:
            return Code()
        if module not in self._closures and module_path(module) is not None:
            self._closures[module] = _closure(module)
            _references.save()
        if module in self._closures:
            return self._closures[module]
        try:
            text = inspect.getsource(piece)
        except (OSError, TypeError):
            text = ""
        name = f"{module}:{getattr(piece, '__qualname__', type(piece).__qualname__)}"
        return Code({name: _digest(text.encode())})


def _pieces(part: Any) -> Iterator[Any]:
    """A function, or a class and its bases; of the kernel only what scores."""
    for piece in inspect.getmro(part) if isinstance(part, type) else (part,):
        module = getattr(piece, "__module__", None) or ""
        if module == "builtins" or not module:
            continue
        if module.partition(".")[0] == KERNEL and not module.startswith(_KERNEL_SCORING):
            continue
        yield piece


# -- where modules are


def module_path(name: str) -> Path | None:
    """The source file of a module, found without importing it; None where it has none."""
    file = getattr(sys.modules.get(name), "__file__", None)
    if file:
        return Path(file) if file.endswith(".py") else None
    return _located(name)


@cache
def _located(name: str) -> Path | None:
    top, *rest = name.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not rest:
        origin = spec.origin or ""
        return Path(origin) if origin.endswith(".py") else None
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    for part in rest[:-1]:
        folders = [folder / part for folder in folders if (folder / part).is_dir()]
    for folder in folders:
        for candidate in (folder / f"{rest[-1]}.py", folder / rest[-1] / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None


def _is_installed(path: Path) -> bool:
    """Whether a module belongs to Python or was installed: else it lies in somebody's folder."""
    if {"site-packages", "dist-packages"} & set(path.parts):
        return True
    return any(path.is_relative_to(folder) for folder in _standard_library())


@cache
def _standard_library() -> tuple[Path, ...]:
    return tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib"))


@cache
def _relatives(top: str) -> frozenset[str]:
    """The top-level modules of the distribution that ``top`` was installed by."""
    for distribution in _distributions_of(top):
        files = metadata.distribution(distribution).files or ()
        tops = {file.parts[0].removesuffix(".py") for file in files if file.suffix == ".py"}
        return frozenset({top, *tops})
    return frozenset({top})


@cache
def _distributions_of(top: str) -> tuple[str, ...]:
    try:
        return (metadata.distribution(top).name,)
    except metadata.PackageNotFoundError:
        return tuple(metadata.packages_distributions().get(top, ()))


# -- following imports


@frozen
class _Source:
    """A module's source: its digest, its imports by the name they bind, the files it names."""

    key: str
    digest: str
    imports: tuple[tuple[str, str], ...]
    files: tuple[Path, ...]


def _closure(root: str) -> Code:
    modules: dict[str, str] = {}
    libraries: dict[str, str] = {}
    waiting, seen = [root], {root}
    while waiting:
        name = waiting.pop()
        path = module_path(name)
        if path is None:
            continue
        source = _source(name, path)
        modules[source.key] = source.digest
        for file in source.files:
            modules[f"{source.key}:{file.name}"] = _file_digest(file)
        for _, target in source.imports:
            for reached in _reached(target):
                if reached in seen:
                    continue
                seen.add(reached)
                if _follows(root, reached):
                    waiting.append(reached)
                elif root.partition(".")[0] != KERNEL:
                    libraries.update(_library(reached))
    return Code(modules, libraries)


def _follows(root: str, name: str) -> bool:
    """Whether ``name`` is code of the same distribution as ``root``, or a local file."""
    top, other = root.partition(".")[0], name.partition(".")[0]
    if KERNEL in (top, other):
        return top == KERNEL and name.startswith(_KERNEL_SCORING)
    if other == top:
        return True
    if other in sys.stdlib_module_names:
        return False
    path = module_path(name)
    if path is None:
        return False
    return not _is_installed(path) or other in _relatives(top)


def _library(name: str) -> dict[str, str]:
    top = name.partition(".")[0]
    if top == KERNEL or top in sys.stdlib_module_names:
        return {}
    return {d: metadata.version(d) for d in _distributions_of(top) if d not in _of_the_kernel()}


@cache
def _of_the_kernel() -> frozenset[str]:
    """What the kernel needs itself: a note about each would say nothing of the task."""
    names = metadata.requires("olmo-eval") or ()
    return frozenset(re.split(r"[^\w.-]", name)[0] for name in names if "extra ==" not in name)


def _reached(target: str) -> Iterator[str]:
    """The modules that an import reaches: ``a.b.name`` may be a module, or a name in ``a.b``.

    A name that a package's ``__init__`` only passes on leads to the module that defines it: not
    everything the package imports is part of everything it offers.
    """
    path = module_path(target)
    if path is not None:
        yield target
        return
    module, _, name = target.rpartition(".")
    if not module:
        return
    path = module_path(module)
    if path is None or path.name != "__init__.py":
        yield module
        return
    passed_on = [t for bound, t in _source(module, path).imports if bound == name]
    if not passed_on or passed_on[0] == target:
        yield module
    for other in passed_on:
        if other != target:
            yield from _reached(other)


#: what was read of each file: its state, the import it was read under, and what it holds
_read: dict[Path, tuple[tuple[int, int], Any, _Source]] = {}
_references = ReferenceReader()


def _source(name: str, path: Path) -> _Source:
    """A module as it was when this process first read it, which is as it was imported.

    Raises:
        UsageError: the file has changed since, and the module was not reloaded: its old code
            would run under the name of the new.
    """
    status = path.stat()
    state = status.st_mtime_ns, status.st_size
    spec = getattr(sys.modules.get(name), "__spec__", None)
    known = _read.get(path)
    if known is not None and known[0] == state:
        return known[2]
    source = _parsed(name, path)
    if known is not None and known[1] is spec is not None and known[2].digest != source.digest:
        raise UsageError(
            f"{path} has changed since this process loaded it",
            hint="start Python anew, or reload the module, so that the new code is what runs",
        )
    _read[path] = state, spec, source
    return source


def _parsed(name: str, path: Path) -> _Source:
    content = path.read_bytes()
    key = path.name if name.startswith(FILE_MODULE) else name
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = _references.read(content, package)
    files: tuple[Path, ...] = ()
    if name.partition(".")[0] != KERNEL:
        beside = (path.parent / text for text in found.names)
        files = tuple(file for file in beside if file.is_file())
    return _Source(key, _digest(content.replace(b"\r\n", b"\n")), found.imports, files)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGITS]


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:_DIGITS]
