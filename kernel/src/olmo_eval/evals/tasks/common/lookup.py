"""Tasks by their specs, as functions: for notebooks, scripts and task packs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from olmo_eval import plugins
from olmo_eval.common.overrides import parse_override
from olmo_eval.common.text import LABELS
from olmo_eval.errors import OlmoEvalError, UnknownNameError
from olmo_eval.evals.tasks.common.config import SandboxEnv
from olmo_eval.evals.tasks.common.registry import apply_settings, variants_of
from olmo_eval.evals.tasks.common.spec import TaskSpec, build_task, parse_spec, task_class
from olmo_eval.evals.tasks.common.task import Task


def get_task(spec: str, config_overrides: Mapping[str, Any] | None = None) -> Task:
    """The task of a spec, ``config_overrides`` (settings of tasks) after its variants.

    Raises:
        UnknownNameError: unknown task or variant. UsageError: a bad setting.
    """
    task = build_task(spec)
    if not config_overrides:
        return task
    return type(task)(apply_settings(task.config, config_overrides))


def list_tasks() -> list[str]:
    """The names of all registered tasks, in order."""
    return plugins.manager().registry("tasks").names()


def list_variants(task_name: str | None = None) -> Any:
    """The variants of a task, in order; of every task, by name, where none is named.

    A task's module is imported to find them.
    """
    if task_name is not None:
        task_class(parse_spec(task_name))
        return variants_of(task_name)
    found = {name: variants_of(name) for name in list_tasks()}
    return {name: variants for name, variants in found.items() if variants}


def task_exists(spec: str) -> bool:
    """Whether a spec names a registered task, and variants that it has."""
    try:
        parsed = parse_spec(spec)
        known = list_variants(parsed.name) if parsed.variants else ()
    except OlmoEvalError:
        return False
    return all(variant in known for variant in parsed.variants)


def parse_task_spec(spec: str) -> TaskSpec:
    """A spec in its parts: ``name, variants = parse_task_spec("arc_easy:mc")``.

    Raises:
        UnknownNameError: no such task.
    """
    return parse_spec(spec)


def get_base_task_name(spec: str) -> str:
    """The registered name in a spec; the spec up to its first colon where nothing is registered."""
    try:
        return parse_spec(spec).name
    except UnknownNameError:
        return spec.partition(":")[0]


def parse_overrides(override_str: str) -> dict[str, Any]:
    """``"limit=10,temperature=0.5"`` as values by key; commas inside brackets do not part.

    Raises:
        UsageError: a part without ``=``.
    """
    parts, depth, start = [], 0, 0
    for place, character in enumerate(override_str):
        depth += (character in "[{(") - (character in "]})")
        if character == "," and depth == 0:
            parts.append(override_str[start:place])
            start = place + 1
    parts.append(override_str[start:])
    overrides = [parse_override(part.strip()) for part in parts if part.strip()]
    return {override.key: override.value for override in overrides}


def get_task_dependencies(specs: str | Iterable[str]) -> list[str]:
    """The packages that tasks say they need (``dependencies``), each once, in order."""
    listed = [d for spec in _each(specs) for d in build_task(spec).config.dependencies]
    return list(dict.fromkeys(listed))


def get_sandbox_envs(specs: str | Iterable[str]) -> list[SandboxEnv]:
    """The sandbox environments that tasks declare (``sandbox_env``), each once, in order."""
    found = [build_task(spec).config.sandbox_env for spec in _each(specs)]
    return list(dict.fromkeys(env for env in found if env is not None))


def _each(specs: str | Iterable[str]) -> tuple[str, ...]:
    return (specs,) if isinstance(specs, str) else tuple(specs)


def clear_registry() -> None:
    """Forget every task and variant of this process: for tests of task packs."""
    for kind in ("tasks", "variants"):
        plugins.manager().registry(kind).clear()


def format_mc(question: str, choices: Iterable[str], answer: str | None = None) -> str:
    """A question with lettered choices, as OLMES puts it, and its ``answer`` where one is given."""
    lines = "\n".join(f" {label}. {text}" for label, text in zip(LABELS, choices, strict=False))
    return _ended(f"Question: {question}\n{lines}\nAnswer:", answer)


def format_rc(question: str, answer: str | None = None) -> str:
    """A question without its choices, as OLMES puts it, and its ``answer`` where one is given."""
    return _ended(f"Question: {question}\nAnswer:", answer)


def _ended(text: str, answer: str | None) -> str:
    return text if answer is None else f"{text} {answer}"
