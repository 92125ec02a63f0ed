"""Whose fault an error is: what a plugin's code raised, with the place in that code."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from types import TracebackType

from olmo_eval.errors import OlmoEvalError, PluginError
from olmo_eval.runner.pipeline import most_telling


def plugin_error(
    error: BaseException, label: str, module: str, clean: Callable[[str], str] = str
) -> PluginError:
    """``error`` as that of a plugin: ``label`` names what failed, ``module`` is where it is
    defined. One line, with the innermost place in the plugin's code; ``clean`` takes out secrets.
    """
    told = most_telling(error) if isinstance(error, BaseExceptionGroup) else error
    place = place_in(told.__traceback__, module) or place_in(error.__traceback__, module)
    where = f" at {place}" if place else f" in {module}"
    hint = told.hint if isinstance(told, OlmoEvalError) else None
    return PluginError(
        clean(f"{label} failed{where}: {reason_of(told)}"),
        hint=clean(hint or "--debug shows the traceback"),
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
    root = module.partition(".")[0]
    place = None
    for frame, line in traceback.walk_tb(trace):
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] == root:
            place = f"{frame.f_code.co_filename}:{line}"
    return place
