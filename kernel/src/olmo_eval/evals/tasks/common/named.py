"""Metrics and formatters by name, as ``-o``, variants and class attributes may give them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import attrs

from olmo_eval import plugins
from olmo_eval.common.formatters import Formatter
from olmo_eval.common.metrics import Metric
from olmo_eval.common.suggest import did_you_mean
from olmo_eval.errors import PluginError, UnknownNameError, UsageError

T = TypeVar("T")


def named_metric(text: str) -> Metric:
    """The metric that ``name`` or ``name:scorer`` means: ``accuracy:exact_match_flex``.

    Either name may be qualified by its distribution, as in
    ``acme-evals:median:acme-evals:distance``. ``pass_at_4`` and ``pass_pow_4`` carry their k, and
    so does the name of any metric with a setting ``k``. A metric that has a scorer of its own may
    leave it out.

    Raises:
        UnknownNameError: an unknown metric or scorer; the hint offers the closest ones.
        UsageError: a scorer is missing.
    """
    registry = plugins.manager().registry("metrics")
    parts = text.strip().split(":")
    for end in (2, 1):
        name, scorer = ":".join(parts[:end]), ":".join(parts[end:])
        base, _, k = name.rpartition("_")
        if name in registry:
            return _metric(text, name, {}, scorer)
        if k.isdecimal() and base in registry and "k" in _settings(registry.get(base)):
            return _metric(text, base, {"k": int(k)}, scorer)
    otherwise = "`olmo-eval metrics` lists them all"
    raise UnknownNameError(
        f"unknown metric {text!r}",
        hint=did_you_mean(parts[0], registry.names(), otherwise=otherwise),
    )


def _metric(text: str, name: str, settings: dict[str, Any], scorer: str) -> Metric:
    cls = _class("metrics", name, Metric)
    if scorer:
        settings = {**settings, "scorer": plugins.manager().registry("scorers").get(scorer)}
    try:
        return _make(cls, settings, f"metric {name!r}")
    except TypeError as error:
        if scorer:
            raise UsageError(f"metric {text!r}: {error}") from error
        raise UsageError(
            f"metric {text!r} needs a scorer", hint=f"write {name}:SCORER, as in {name}:exact_match"
        ) from error


def named_formatter(text: str) -> Formatter:
    """The formatter that is registered as ``text``, with its own defaults.

    Raises:
        UnknownNameError: nothing has that name; the hint offers the closest ones.
    """
    name = text.strip()
    return _make(_class("formatters", name, Formatter), {}, f"formatter {name!r}")


def _settings(cls: Any) -> set[str]:
    return {field.name for field in attrs.fields(cls)} if attrs.has(cls) else set()


def _class(kind: str, name: str, base: type[T]) -> type[T]:
    """The class that is registered under a name.

    Raises:
        PluginError: what is registered is not a class of that kind.
    """
    registry = plugins.manager().registry(kind)
    cls = registry.get(name)
    if isinstance(cls, type) and issubclass(cls, base):
        return cls
    owner = registry.entry(name).owner
    raise PluginError(
        f"{registry.noun} {name!r} of {owner} is {cls!r}, which is not a {base.__name__} class",
        hint=f"register a subclass of {base.__module__}.{base.__name__}",
    )


def _make(cls: Callable[..., T], settings: dict[str, Any], what: str) -> T:
    with plugins.asking(what, cls.__module__):
        return cls(**settings)
