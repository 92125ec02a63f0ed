"""Whose fault an error is: what a plugin's code raised, with the place in that code."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from types import TracebackType

from olmo_eval.errors import OlmoEvalError, PluginError
from olmo_eval.runner.pipeline import most_telling


def plugin_error(error: BaseException, label: str, module: str) -> PluginError:
    """``error`` as that of a plugin: ``label`` names what failed, ``module`` is where it is
    defined. One line, with the innermost place in the plugin's code.
    """
    told = most_telling(error) if isinstance(error, BaseExceptionGroup) else error
    place = place_in(told.__traceback__, module) or place_in(error.__traceback__, module)
    where = f" at {place}" if place else f" in {module}"
    hint = told.hint if isinstance(told, OlmoEvalError) else None
    return PluginError(
        f"{label} failed{where}: {reason_of(told)}", hint=hint or "--debug shows the traceback"
    )


def reason_of(error: BaseException) -> str:
    """What happened, on one line."""
    if isinstance(error, SystemExit):
        return f"it called sys.exit({'' if error.code is None else repr(error.code)})"
    try:
        said = " ".join(str(error).split())
    except Exception as broken:
        said = f"(its message failed: {type(broken).__name__})"
    if isinstance(error, OlmoEvalError) and said:
        return said
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def place_in(trace: TracebackType | None, module: str) -> str | None:
    """``file:line`` of the innermost frame in the package (or plain file) of ``module``."""
    homes = _homes(module)
    frames = traceback.extract_tb(trace)
    mine = [f for f in frames if any(_is_below(f.filename, home) for home in homes)]
    return f"{mine[-1].filename}:{mine[-1].lineno}" if mine else None


def _homes(module: str) -> list[Path]:
    """The folders of the package that ``module`` is in; its own file where it is in none."""
    package = sys.modules.get(module.partition(".")[0])
    folders = getattr(package, "__path__", None)
    if folders:
        return [Path(folder) for folder in folders]
    file = getattr(sys.modules.get(module), "__file__", None)
    return [Path(file)] if file else []


def _is_below(file: str, home: Path) -> bool:
    path = Path(file)
    return path == home or home in path.parents
