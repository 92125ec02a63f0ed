"""What decides an agent's answer besides its request, and whether an answer stands without it."""

from __future__ import annotations

import hashlib
import json
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
    """A digest of what decides an answer besides its first request: the environment in which an
    agent works on ``instance`` (what the instance says of it, and the code by which the task sets
    it up), and the further turns of a conversation. None where there is neither: a model that only
    answers once cannot tell."""
    worked = harness.scaffold is not None and (instance.environment is not None or task.has_setup)
    if not (worked or task.converses):
        return None
    spec = instance.environment.digest if worked and instance.environment is not None else ""
    kind: Any = type(task)
    code = _code(kind) if task.has_setup or task.converses else ""
    if task.converses:
        spec += json.dumps([instance.question, dict(instance.metadata)], default=str)
    return hashlib.sha256(f"{spec} {code}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


@cache
def _code(cls: Any) -> str:
    return CodeReader().read(cls).digest
