"""What the source of a module refers to: its imports, and the files that its strings may name.

Reading it takes a parse of the whole file. What was found is kept in the cache folder by the digest
of the source, so that only a file that changed is parsed again; a cache that cannot be read or
written is done without.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from attrs import frozen

from olmo_eval.common.filesystem import cache_folder

_FILE_NAME = re.compile(r"[\w][\w./ -]*\.\w{1,8}")
#: calls whose strings name data, which a lock pins by itself
_DATA_CALLS = frozenset({"DataSource"})
#: another way to read sources, or another Python's grammar, finds other things
_VERSION = f"1-{sys.version_info[0]}.{sys.version_info[1]}"
#: sources remembered; a hundred bytes each
_MOST = 20_000


@frozen
class References:
    """The imports of a source, as (name bound, what is imported), also of those inside functions;
    and its strings that look like the names of files."""

    imports: tuple[tuple[str, str], ...] = ()
    names: tuple[str, ...] = ()


class ReferenceReader:
    """Reads the references of sources, each once for every machine it is read on."""

    def __init__(self) -> None:
        self._known: dict[str, Any] | None = None
        self._new = False

    def read(self, content: bytes, package: str) -> References:
        """The references of a module of ``package``; none where the source is not Python."""
        if self._known is None:
            self._known = self._load()
        key = hashlib.sha256(package.encode() + b"\0" + content).hexdigest()[:32]
        try:
            imports, names = self._known[key]
            return References(tuple((str(a), str(b)) for a, b in imports), tuple(map(str, names)))
        except (KeyError, TypeError, ValueError):
            found = parse(content, package)
            self._known[key] = [[list(pair) for pair in found.imports], list(found.names)]
            self._new = True
            return found

    def _load(self) -> dict[str, Any]:
        try:
            known = orjson.loads(_file().read_bytes())
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) and len(known) < _MOST else {}

    def save(self) -> None:
        """Keep what was parsed for the next process."""
        if not self._new:
            return
        self._new = False
        path = _file()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}")
            with os.fdopen(file, "wb") as stream:
                stream.write(orjson.dumps(self._known))
            os.replace(name, path)
        except OSError:
            return


def _file() -> Path:
    return cache_folder() / f"references-{_VERSION}.json"


def parse(content: bytes, package: str) -> References:
    """The references of a source of ``package``; none where it is not Python."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return References()
    names = {t for t in _strings(tree) if _FILE_NAME.fullmatch(t) and not t.endswith(".py")}
    return References(tuple(dict.fromkeys(_imports(tree, package))), tuple(sorted(names)))


def _imports(tree: ast.AST, package: str) -> Iterator[tuple[str, str]]:
    """(name bound, what is imported) of every import, also of those inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            for alias in node.names:
                target = base if alias.name == "*" else f"{base}.{alias.name}"
                yield alias.asname or alias.name, target
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__"):
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value, first.value


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if node.level == 0:
        return node.module or ""
    parts = package.split(".")
    above = parts[: len(parts) - node.level + 1]
    return ".".join([*above, node.module] if node.module else above)


def _called(node: ast.Call) -> str:
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _strings(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call) and _called(node) in _DATA_CALLS:
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 200:
        yield node.value
    for child in ast.iter_child_nodes(node):
        yield from _strings(child)
