"""Data that lies beside the task file that reads it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from attrs import evolve

from olmo_eval.data import DataSource
from olmo_eval.data.source import SourceKind
from olmo_eval.evals.tasks.common.config import TaskConfig


def beside(config: TaskConfig, cls: type[Any], *, first: bool) -> TaskConfig:
    """``config`` with relative local data found beside the module of the task's class.

    What a task file says means the file beside it, ``first``; what a command line says means the
    current folder, and the file beside the task only where that has none.
    """
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if file is None:
        return config
    folder = Path(file).resolve().parent
    changed: dict[str, Any] = {}
    for name in ("data_source", "fewshot_source"):
        source = getattr(config, name)
        if isinstance(source, DataSource) and (found := _beside(source, folder, first)):
            changed[name] = evolve(source, path=found, source_type=source.kind)
    return evolve(config, **changed) if changed else config


def _beside(source: DataSource, folder: Path, first: bool) -> str | None:
    path = Path(source.path)
    here = source.kind in (SourceKind.LOCAL, SourceKind.FOLDERS)
    if not here or path.is_absolute() or source.path.startswith("~"):
        return None
    found = folder / path
    if not found.exists() or (path.exists() and (not first or path.samefile(found))):
        return None
    return str(found)
