"""Task specs: ``name:variant:variant``, where names may contain colons themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import attrs
from attrs import frozen

from olmo_eval import plugins
from olmo_eval.common.overrides import Override, apply_overrides
from olmo_eval.common.suggest import closest, did_you_mean
from olmo_eval.errors import UnknownNameError, UsageError
from olmo_eval.evals.tasks.common.beside import beside
from olmo_eval.evals.tasks.common.config import CONFIG_FIELDS, SAMPLING_FIELDS, TaskConfig
from olmo_eval.evals.tasks.common.registry import apply_settings, variant_settings, variants_of
from olmo_eval.evals.tasks.common.task import Task
from olmo_eval.registry import Owner


@frozen
class TaskSpec:
    """A parsed spec: a registered name, and the variants to apply from left to right."""

    name: str
    variants: tuple[str, ...] = ()
    distribution: str | None = None

    def __str__(self) -> str:
        return ":".join((self.name, *self.variants))

    def __iter__(self) -> Iterator[Any]:
        """``name, variants = spec``."""
        return iter((self.name, list(self.variants)))

    @property
    def registered(self) -> str:
        """The name to look up, qualified by its distribution where the spec was."""
        return f"{self.distribution}:{self.name}" if self.distribution else self.name


def parse_spec(text: str) -> TaskSpec:
    """Parse ``[distribution:]name[:variant...]``; the longest registered name wins.

    Raises:
        UnknownNameError: no prefix of it is a registered task; the hint offers close names.
        UsageError: an empty part.
    """
    parts = text.split(":")
    if not all(part.strip() for part in parts):
        raise UsageError(f"bad task spec {text!r}: a part between colons is empty")
    registry = plugins.manager().registry("tasks")
    names = set(registry.names())
    for end in range(len(parts), 0, -1):
        name = ":".join(parts[:end])
        if name in names:
            return TaskSpec(name, tuple(parts[end:]))
    for end in range(len(parts), 1, -1):
        if ":".join(parts[:end]) in registry:
            return TaskSpec(":".join(parts[1:end]), tuple(parts[end:]), parts[0])
    hint = did_you_mean(parts[0], names, otherwise="`olmo-eval tasks` lists them all")
    raise UnknownNameError(f"unknown task {text!r}", hint=hint)


def task_class(spec: TaskSpec) -> type[Task]:
    """The class of a spec's task, imported now if need be."""
    cls = plugins.manager().registry("tasks").get(spec.registered)
    if not (isinstance(cls, type) and issubclass(cls, Task)):
        raise UsageError(f"task {spec.name!r} is registered as {cls!r}, which is not a Task class")
    return cls


def task_owner(spec: TaskSpec) -> Owner:
    return plugins.manager().registry("tasks").entry(spec.registered).owner


def task_config(spec: TaskSpec) -> TaskConfig:
    """The configuration of a spec: class attributes, then variants from left to right.

    Raises:
        UnknownNameError: a variant the task does not have.
        CollisionError: a variant that several distributions claim.
        UsageError: a class attribute or a variant has a value that its setting does not take.
    """
    cls = task_class(spec)
    config = cls.default_config(spec.name)
    for variant in spec.variants:
        settings = variant_settings(spec.name, variant, spec.distribution)
        if settings is None:
            raise UnknownNameError(
                f"task {spec.name!r} has no variant {variant!r}", hint=_variant_hint(spec, variant)
            )
        try:
            config = apply_settings(config, settings)
        except (ValueError, TypeError) as error:
            raise UsageError(f"variant {spec.name}:{variant}: {error.args[0]}") from error
    return beside(config, cls, first=True)


def _variant_hint(spec: TaskSpec, variant: str) -> str:
    known = variants_of(spec.name, spec.distribution)
    if not known:
        return "it has no variants"
    close = closest(variant, known)
    lead = f"did you mean {' or '.join(close)}? " if close else ""
    return f"{lead}it has: {', '.join(known)}"


def is_task_setting(key: str) -> bool:
    """Whether an override's first segment is a setting of tasks (or of their sampling)."""
    return key == "name" or key in SAMPLING_FIELDS or key in CONFIG_FIELDS


def build_task(spec: TaskSpec | str, overrides: Iterable[Override] = ()) -> Task:
    """The task of a spec, with overrides applied after its variants.

    Raises:
        UnknownNameError: unknown task or variant. UsageError: a bad override.
    """
    parsed = parse_spec(spec) if isinstance(spec, str) else spec
    config = apply_overrides(
        task_config(parsed), map(_expand_sampling, overrides), where=f"task {parsed}"
    )
    cls = task_class(parsed)
    return cls(beside(config, cls, first=False))


def _expand_sampling(override: Override) -> Override:
    """``temperature=0.7`` means ``sampling_params.temperature=0.7``."""
    if override.path[0] in SAMPLING_FIELDS:
        return attrs.evolve(override, path=("sampling_params", *override.path))
    return override
