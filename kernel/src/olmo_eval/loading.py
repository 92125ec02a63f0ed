"""Importing a plugin that is no installed distribution: a plain file, or a module on the path."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from types import ModuleType

from olmo_eval.errors import PluginError
from olmo_eval.faults import FILE_MODULE
from olmo_eval.registry import Owner


def file_owner(path: Path) -> Owner:
    """A plain file owns itself; its version is the content's hash."""
    import hashlib  # only here: most commands load no plain file

    path = path.resolve()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    name = FILE_MODULE + re.sub(r"\W", "_", path.stem)
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) != str(path):
        name = f"{name}_{digest}"  # another file has the first
    return Owner(path.name, digest, name)


def import_file(path: Path, owner: Owner) -> ModuleType:
    """Import a plain file as the module that its owner names, anew where it has changed.

    It may import the modules beside it, which stand last in ``sys.path``: they hide nothing.
    """
    from importlib.util import module_from_spec, spec_from_file_location

    path, name = path.resolve(), owner.module
    known = sys.modules.get(name)
    loaded = (getattr(known, "__file__", None), getattr(known, "__olmo_eval_version__", None))
    if known is not None and loaded == (str(path), owner.version):
        return known
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{path} is not a Python file")
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    module = module_from_spec(spec)
    module.__dict__["__olmo_eval_version__"] = owner.version
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@lru_cache(maxsize=1)
def _distributions(path: tuple[tuple[str, int], ...]) -> Mapping[str, list[str]]:
    """Who brought which package; finding it out reads what lies on the whole path."""
    return metadata.packages_distributions()


def _path() -> tuple[tuple[str, int], ...]:
    """The folders of the path, each with when something was put into it last."""
    folders = filter(os.path.exists, sys.path)
    return tuple((folder, os.stat(folder).st_mtime_ns) for folder in folders)


def module_owner(name: str) -> Owner:
    root = name.partition(".")[0]
    distributions = _distributions(_path()).get(root, [])
    if distributions:
        return Owner(distributions[0], metadata.version(distributions[0]), root)
    return Owner(root, module=root)
