"""Everything a task file imports."""

from olmo_eval.evals.tasks.common.card import Card
from olmo_eval.evals.tasks.common.choices import MultipleChoiceTask, logprob_accuracies
from olmo_eval.evals.tasks.common.config import OutputScoreAggregation, SandboxEnv, TaskConfig
from olmo_eval.evals.tasks.common.lookup import (
    clear_registry,
    format_mc,
    format_rc,
    get_base_task_name,
    get_sandbox_envs,
    get_task,
    get_task_dependencies,
    list_tasks,
    list_variants,
    parse_overrides,
    parse_task_spec,
    task_exists,
)
from olmo_eval.evals.tasks.common.registry import register, register_subtasks, register_variant
from olmo_eval.evals.tasks.common.spec import TaskSpec, build_task, parse_spec
from olmo_eval.evals.tasks.common.task import Task

__all__ = [
    "Card",
    "MultipleChoiceTask",
    "OutputScoreAggregation",
    "SandboxEnv",
    "Task",
    "TaskConfig",
    "TaskSpec",
    "build_task",
    "clear_registry",
    "format_mc",
    "format_rc",
    "get_base_task_name",
    "get_sandbox_envs",
    "get_task",
    "get_task_dependencies",
    "list_tasks",
    "list_variants",
    "logprob_accuracies",
    "parse_overrides",
    "parse_spec",
    "parse_task_spec",
    "register",
    "register_subtasks",
    "register_variant",
    "task_exists",
]
