"""The first sentence of a docstring, read without importing what it belongs to."""

from __future__ import annotations

import ast
import inspect
import re
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

#: the end of a sentence, which an abbreviation is not
_END = re.compile(r"(?<=[.!?])(?<!et al\.)(?<!e\.g\.)(?<!i\.e\.)(?<!cf\.) ")


def description_of(target: Any) -> str:
    """What a registered object, or the import string that it is registered by, is in one line.

    Of an import string the source file is read, so that listing imports no engine and no
    benchmark; one that names a module alone is described by what the module says of itself. Where
    there is no such file, or no docstring, the description is empty.
    """
    if isinstance(target, str):
        module, _, name = target.partition(":")
        return first_sentence(_docstrings(module).get(name, ""))
    said = getattr(target, "description", None)
    if not isinstance(said, str):
        target = getattr(target, "function", target)  # a tool is what its function is
        documented = isinstance(target, type) or inspect.isroutine(target)
        said = (target if documented else type(target)).__doc__
    return first_sentence(said if isinstance(said, str) else "")


def first_sentence(text: str) -> str:
    """The first sentence of the first paragraph, on one line."""
    paragraph = " ".join(inspect.cleandoc(text).partition("\n\n")[0].split())
    return _END.split(paragraph, maxsplit=1)[0]


@cache
def _docstrings(module: str) -> dict[str, str]:
    """The docstrings of a module (under ""), its classes and functions, read from its source."""
    spec = _find(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return {}
    try:
        tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return {}
    kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    found = {n.name: ast.get_docstring(n) or "" for n in tree.body if isinstance(n, kinds)}
    return {"": ast.get_docstring(tree) or "", **found}


def _find(module: str) -> ModuleSpec | None:
    """Where a module is; ``importlib.util.find_spec`` would import the packages above it."""
    path, spec = None, None
    name = ""
    for part in module.split("."):
        name = f"{name}.{part}".lstrip(".")
        spec = PathFinder.find_spec(name, path)
        if spec is None:
            return None
        path = spec.submodule_search_locations
    return spec
