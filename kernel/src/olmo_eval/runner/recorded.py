"""Scorers and metrics by name, or as a run recorded them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from olmo_eval import plugins
from olmo_eval.common.metrics import Metric
from olmo_eval.common.scorers import Scorer
from olmo_eval.errors import OlmoEvalError, UsageError
from olmo_eval.faults import reason
from olmo_eval.loading import file_owner, import_file


def find_scorer(told: str) -> Scorer:
    """The scorer that ``told`` names: a registered one, ``module:Class`` or ``file.py:Class``.

    Raises:
        UnknownNameError: nothing registered the name. UsageError: what is named is no scorer.
            PluginError: the file or module cannot be imported.
    """
    place, colon, attribute = told.rpartition(":")
    if not colon or place in _distributions():
        found = plugins.manager().registry("scorers").get(told)
    else:
        found = _imported(place, attribute)
    try:
        made = found() if isinstance(found, type) else found
    except Exception as error:
        raise UsageError(f"scorer {told!r} cannot be made without settings: {error}") from error
    if not isinstance(made, Scorer):
        raise UsageError(f"{told} is no scorer", hint="name a class derived from Scorer")
    return made


def _distributions() -> set[str]:
    registry = plugins.manager().registry("scorers")
    return {registry.entry(name).owner.distribution for name in registry.names()}


def _imported(place: str, attribute: str) -> Any:
    try:
        if place.endswith(".py"):
            path = Path(place)
            if not path.is_file():
                raise UsageError(f"no file {place}")
            module = import_file(path, file_owner(path))
        else:
            module = import_module(place)
    except OlmoEvalError:
        raise
    except Exception as error:
        raise UsageError(f"{place} cannot be imported: {reason(error)}") from error
    if not hasattr(module, attribute):
        raise UsageError(f"{place} has no {attribute!r}")
    return getattr(module, attribute)


def recorded_settings(entry: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """The class and settings of a metric, as the run recorded them.

    Raises:
        UsageError: the run has none: another program made it.
    """
    for kept in entry.get("config", {}).get("metrics", ()):
        if not isinstance(kept, dict) or not isinstance(kept.get("scorer"), dict):
            continue
        made = made_again(kept, Metric)
        if made is not None and made.key == told["key"]:
            return dict(kept)
    raise UsageError(f"its metric {told['key']} cannot be loaded here: is its plugin installed?")


def made_again(kept: Any, base: type[Any]) -> Any:
    """A scorer or metric of its recorded class and settings; None where it is not to be had."""
    if isinstance(kept, base):
        return kept
    if not isinstance(kept, Mapping) or ":" not in str(kept.get("class")):
        return None
    module, _, name = str(kept["class"]).partition(":")
    settings = {k: v for k, v in kept.items() if k not in ("class", "version")}
    if "scorer" in settings:
        settings["scorer"] = made_again(settings["scorer"], Scorer)
        if settings["scorer"] is None:
            return None
    try:
        found: Any = sys.modules.get(module) or import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
        return _with_settings(found, settings)
    except Exception:  # whatever a plugin's module or class raises: it is not to be had here
        return None


def _with_settings(kind: Any, settings: dict[str, Any]) -> Any:
    """An object of ``kind``; what is no setting of its own but of its class is left out."""
    while True:
        try:
            return kind(**settings)
        except TypeError as error:
            unknown = next((n for n in settings if f"'{n}'" in str(error)), None)
            if unknown is None or getattr(kind, unknown, None) != settings[unknown]:
                raise
            del settings[unknown]
