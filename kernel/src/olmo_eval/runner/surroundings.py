"""What decides an agent's answer besides its request, and whether an answer stands without it."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

from olmo_eval.common.types import Instance
from olmo_eval.evals.tasks.common import Task
from olmo_eval.harness.answered import keeps_environment
from olmo_eval.harness.runtime import Harness
from olmo_eval.runner.code import CodeReader


def stands_alone(harness: Harness, task: Task) -> bool:
    """Whether a recorded answer to ``task`` can be scored: not where a scorer looks at the
    environment that an agent left, which is gone."""
    return harness.scaffold is None or not keeps_environment(task)


def environment_digest(harness: Harness, task: Task, instance: Instance) -> str | None:
    """A digest of the environment in which an agent works on ``instance``: what the instance says
    of it, and the code by which the task sets it up. None where nothing does, or nobody works
    there: a model that only answers cannot tell."""
    if harness.scaffold is None or (instance.environment is None and not task.has_setup):
        return None
    spec = "" if instance.environment is None else instance.environment.digest
    kind: Any = type(task)
    code = _code(kind) if task.has_setup else ""
    return hashlib.sha256(f"{spec} {code}".encode()).hexdigest()[:32]


@cache
def _code(cls: Any) -> str:
    return CodeReader().read(cls).digest
