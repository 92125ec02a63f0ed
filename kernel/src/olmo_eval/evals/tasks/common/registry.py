"""How task files register tasks and variants."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import attrs

from olmo_eval import plugins
from olmo_eval.common.sequences import items
from olmo_eval.common.suggest import did_you_mean
from olmo_eval.errors import UsageError
from olmo_eval.evals.tasks.common.config import CONFIG_FIELDS, SAMPLING_FIELDS, TaskConfig
from olmo_eval.evals.tasks.common.task import Task

T = TypeVar("T", bound=type[Task])

#: task name -> variant name -> settings
_variants: dict[str, dict[str, Mapping[str, Any]]] = {}


def register(name: str) -> Callable[[T], T]:
    """Class decorator: register a task under ``name`` (which may contain colons)."""

    def decorate(cls: T) -> T:
        plugins.add("tasks", name, cls)
        return cls

    return decorate


def register_variant(task_name: str, variant_name: str, **settings: Any) -> None:
    """Name a set of settings of a task: ``register_variant("gsm8k", "zero", num_fewshot=0)``.

    Settings are fields of ``TaskConfig``, or of ``SamplingParams``, which then change only that
    one sampling parameter. Registering the same variant again replaces it.

    Raises:
        UsageError: a setting that does not exist.
    """
    if ":" in variant_name or not variant_name:
        raise UsageError(f"bad variant name {variant_name!r} for task {task_name!r}")
    for key in settings:
        if key not in CONFIG_FIELDS | SAMPLING_FIELDS:
            raise UsageError(
                f"variant {task_name}:{variant_name}: unknown setting {key!r}",
                hint=did_you_mean(key, CONFIG_FIELDS | SAMPLING_FIELDS),
            )
    _variants.setdefault(task_name, {})[variant_name] = dict(settings)


def variants_of(task_name: str) -> dict[str, Mapping[str, Any]]:
    """The variants of a task whose module is loaded, by name."""
    return dict(_variants.get(task_name, {}))


def apply_settings(config: TaskConfig, settings: Mapping[str, Any]) -> TaskConfig:
    """``config`` with a variant's settings.

    New metrics drop the old primary metric unless the variant names one, because the old name
    may not exist among them.
    """
    direct = {k: v for k, v in settings.items() if k in CONFIG_FIELDS}
    sampling = {k: v for k, v in settings.items() if k not in CONFIG_FIELDS}
    if "metrics" in direct:
        direct.setdefault("primary_metric", None)
    config = attrs.evolve(config, **direct)
    if sampling:
        params = attrs.evolve(config.sampling_params, **sampling)
        config = attrs.evolve(config, sampling_params=params)
    return config


def register_subtasks(
    base_class: type[Task],
    subtasks: Iterable[str],
    *,
    task_prefix: str,
    data_source: str,
    split: str = "test",
    subtask_attr: str = "subset",
    class_attrs: Mapping[str, Any] | None = None,
    variants: Mapping[str, Mapping[str, Any]] | None = None,
    suffix: str = "",
) -> None:
    """Register a family: one task a subset of one data set.

    Each subtask ``x`` is a subclass of ``base_class`` called ``<task_prefix>_<x><suffix>`` with
    ``data_source`` at subset ``x``, the class attribute ``subtask_attr`` set to ``x``, and every
    variant of ``variants``.
    """
    from olmo_eval.data import DataSource

    for subtask in items(subtasks):
        name = f"{task_prefix}_{subtask}{suffix}"
        attributes = {
            "__module__": base_class.__module__,
            "__doc__": base_class.__doc__,
            "data_source": DataSource(path=data_source, subset=subtask, split=split),
            subtask_attr: subtask,
            **(class_attrs or {}),
        }
        qualname = "".join(part.capitalize() for part in name.replace(":", "_").split("_"))
        register(name)(type(qualname, (base_class,), attributes))
        for variant, settings in (variants or {}).items():
            register_variant(name, variant, **settings)
