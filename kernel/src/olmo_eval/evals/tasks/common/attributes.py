"""From the class attributes of a task to its configuration."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Any

from attrs import evolve

from olmo_eval.common.suggest import misspelt
from olmo_eval.common.types import SamplingParams
from olmo_eval.errors import UsageError
from olmo_eval.evals.tasks.common.config import CONFIG_FIELDS, SAMPLING_FIELDS, TaskConfig


def class_config(cls: type[Any], base: type[Any], name: str) -> TaskConfig:
    """The configuration that the attributes of ``cls``, a subclass of ``base``, describe.

    Raises:
        UsageError: a value that its setting does not take, or an attribute that is a slip of a
            setting and would be ignored.
    """
    _refuse_misspelt(cls, base, name)
    config = TaskConfig(name=name)
    for key, value in _settings(cls):
        try:
            config = evolve(config, **{key: value})
        except (ValueError, TypeError) as error:
            raise UsageError(f"task {name!r}, class attribute {key}: {error.args[0]}") from error
    params = config.sampling_params
    for key, value in _sampling(cls):
        try:
            params = value if key == "sampling_params" else evolve(params, **{key: value})
        except (ValueError, TypeError) as error:
            raise UsageError(f"task {name!r}, class attribute {key}: {error.args[0]}") from error
    return evolve(config, sampling_params=params)


def _settings(cls: type[Any]) -> Iterator[tuple[str, Any]]:
    for key in sorted(CONFIG_FIELDS):
        value = inspect.getattr_static(cls, key, None)
        if value is not None and not isinstance(value, property):
            yield key, getattr(cls, key)


def _sampling(cls: type[Any]) -> Iterator[tuple[str, Any]]:
    """``sampling_params`` and single sampling parameters, those of a subclass after its bases'."""
    for owner in reversed(cls.__mro__):
        own = vars(owner)
        if isinstance(own.get("sampling_params"), SamplingParams):
            yield "sampling_params", own["sampling_params"]
        for key in sorted(SAMPLING_FIELDS & own.keys()):
            if _is_value(own[key]):
                yield key, own[key]


def _is_value(attribute: Any) -> bool:
    return not callable(attribute) and not hasattr(attribute, "__get__")


def _refuse_misspelt(cls: type[Any], base: type[Any], name: str) -> None:
    """An attribute that is almost a setting is a slip; others are the author's own."""
    of_base = {key for key, value in vars(base).items() if _is_value(value)}
    settings = tuple(sorted(CONFIG_FIELDS | SAMPLING_FIELDS | of_base))
    for owner in cls.__mro__:
        for key, value in vars(owner).items():
            if key.startswith("_") or hasattr(base, key) or not _is_value(value):
                continue
            meant = _meant(key, settings)
            if meant is None or _is_table(key, meant, value):
                continue
            raise UsageError(
                f"task {name!r}: its class attribute {key} is not a setting and would be ignored",
                hint=f"did you mean {meant}? An attribute of your own may be called _{key}",
            )


@lru_cache(maxsize=4096)
def _meant(key: str, settings: tuple[str, ...]) -> str | None:
    """``misspelt``, once for the tasks of a family."""
    return misspelt(key, settings)


def _is_table(key: str, setting: str, value: Any) -> bool:
    """Whether this is a collection of what the setting is one of: ``formatters = {...}``."""
    return key == setting + "s" and isinstance(value, Collection) and not isinstance(value, str)
