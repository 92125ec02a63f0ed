"""Everything a task file imports."""

from olmo_eval.evals.tasks.common.card import Card
from olmo_eval.evals.tasks.common.choices import MultipleChoiceTask, logprob_accuracies
from olmo_eval.evals.tasks.common.config import SandboxEnv, TaskConfig
from olmo_eval.evals.tasks.common.registry import register, register_subtasks, register_variant
from olmo_eval.evals.tasks.common.spec import TaskSpec, build_task, parse_spec
from olmo_eval.evals.tasks.common.task import Task

__all__ = [
    "Card",
    "MultipleChoiceTask",
    "SandboxEnv",
    "Task",
    "TaskConfig",
    "TaskSpec",
    "build_task",
    "logprob_accuracies",
    "parse_spec",
    "register",
    "register_subtasks",
    "register_variant",
]
