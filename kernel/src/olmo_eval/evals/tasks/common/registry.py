"""How task files register tasks and variants."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import attrs

from olmo_eval import plugins
from olmo_eval.common.sequences import items
from olmo_eval.common.suggest import did_you_mean
from olmo_eval.errors import CollisionError, UsageError
from olmo_eval.evals.tasks.common.config import CONFIG_FIELDS, SAMPLING_FIELDS, TaskConfig
from olmo_eval.evals.tasks.common.named import named_formatter
from olmo_eval.evals.tasks.common.task import Task
from olmo_eval.registry import Entry, Owner

T = TypeVar("T", bound=type[Task])

Settings = Mapping[str, Any]


def register(name: str) -> Callable[[T], T]:
    """Class decorator: register a task under ``name`` (which may contain colons)."""

    def decorate(cls: T) -> T:
        plugins.add("tasks", name, cls)
        return cls

    return decorate


def register_variant(task_name: str, variant: str, overrides: Any = None, **settings: Any) -> None:
    """Name a set of settings of a task: ``register_variant("gsm8k", "zero", num_fewshot=0)``, or
    ``register_variant("gsm8k", "zero", {"num_fewshot": 0})``.

    Settings are fields of ``TaskConfig``, or of ``SamplingParams``, which then change only that
    one sampling parameter. The task may be anybody's, and need not be loaded; the variant belongs
    to the distribution of the module that calls this. The hook ``register_variants`` does the same
    for a plugin's entry module.

    Raises:
        UsageError: a setting that does not exist, or a variant that this distribution has
            registered with other settings.
    """
    if ":" in variant or not variant:
        raise UsageError(f"bad variant name {variant!r} for task {task_name!r}")
    given = {**(overrides or {}), **settings}
    _check_settings(f"variant {task_name}:{variant}", given)
    plugins.add("variants", f"{task_name}:{variant}", given)


def _check_settings(what: str, settings: Any) -> None:
    """Raise UsageError where ``settings`` has one that no task has."""
    if not isinstance(settings, Mapping):
        raise UsageError(
            f"{what} is {settings!r}, which is not a mapping of settings",
            hint='write register("TASK:VARIANT", {"num_fewshot": 4})',
        )
    for key in settings:
        if key not in CONFIG_FIELDS | SAMPLING_FIELDS:
            raise UsageError(
                f"{what}: unknown setting {key!r}",
                hint=did_you_mean(str(key), CONFIG_FIELDS | SAMPLING_FIELDS),
            )


def variants_of(task_name: str, supplier: str | None = None) -> list[str]:
    """The names of the variants of a task whose module is loaded, in order.

    ``supplier`` is the distribution of the task, where several have one of that name.
    """
    found = (name.rpartition(":") for name in plugins.manager().registry("variants").names())
    names = [variant for task, _, variant in found if task == task_name]
    return [name for name in names if claims_of_variant(task_name, name, supplier)]


def variant_settings(task_name: str, variant: str, supplier: str | None = None) -> Settings | None:
    """What a variant of a task sets; None where there is no such variant.

    Raises:
        CollisionError: several distributions claim it.
        UsageError: it is not a mapping of settings that tasks have.
    """
    claims = claims_of_variant(task_name, variant, supplier)
    if not claims:
        return None
    if len(claims) > 1:
        raise _collision(task_name, variant, claims)
    return settings_of(claims[0])


def settings_of(claim: Entry[Settings]) -> Settings:
    """What a registered variant sets; a formatter that it names is made.

    Raises:
        UsageError: it is not a mapping of settings that tasks have.
    """
    settings: Settings = plugins.manager().registry("variants").resolve(claim)
    _check_settings(f"variant {claim.name} of {claim.owner}", settings)
    formatter = settings.get("formatter")
    if isinstance(formatter, str):
        return {**settings, "formatter": named_formatter(formatter)}
    return settings


def contested_variants() -> dict[str, list[Owner]]:
    """Variants that several distributions claim, of tasks whose modules are loaded."""
    found: dict[str, list[Owner]] = {}
    manager = plugins.manager()
    for name in manager.registry("variants").collisions():
        task, _, variant = name.rpartition(":")
        suppliers: list[str | None] = [
            claim.owner.distribution for claim in manager.registry("tasks").claims(task)
        ]
        for supplier in suppliers or [None]:
            claims = claims_of_variant(task, variant, supplier)
            if len(claims) > 1:
                found[name] = [claim.owner for claim in claims]
    return found


def claims_of_variant(
    task_name: str, variant: str, supplier: str | None = None
) -> list[Entry[Settings]]:
    """Who claims a variant of the task that ``supplier`` supplies.

    A distribution with a task of that name itself means its own.
    """
    manager = plugins.manager()
    tasks = [claim.owner.distribution for claim in manager.registry("tasks").claims(task_name)]
    mine = supplier if supplier is not None else tasks[0] if len(tasks) == 1 else None
    others = set(tasks) - {mine} if mine is not None else set()
    claims = manager.registry("variants").claims(f"{task_name}:{variant}")
    return [claim for claim in claims if claim.owner.distribution not in others]


def _collision(task_name: str, variant: str, claims: list[Entry[Settings]]) -> CollisionError:
    named = " and ".join(
        f"{claim.owner}{f' ({claim.place})' if claim.place else ''}" for claim in claims
    )
    tasks = plugins.manager().registry("tasks").claims(task_name)
    owners = {task.owner.distribution for task in tasks}
    guests = [c.owner.distribution for c in claims if c.owner.distribution not in owners]
    who = " or ".join(guests) if len(guests) == len(claims) else " and ".join(guests)
    return CollisionError(
        f"variant {task_name}:{variant} is claimed by {named}",
        hint=f"{who} must give it another name; -o sets the same settings meanwhile",
    )


def apply_settings(config: TaskConfig, settings: Settings) -> TaskConfig:
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
    task_prefix: str,
    data_source: str,
    subtask_attr: str = "subset",
    class_attrs: Mapping[str, Any] | None = None,
    variants: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    split: str = "test",
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
