"""What decides an agent's answer besides its request, and whether an answer stands without it."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Any

from olmo_eval.agents.needs import of_models
from olmo_eval.common.types import Instance
from olmo_eval.evals.tasks.common import Task
from olmo_eval.harness.answered import keeps_environment
from olmo_eval.harness.runtime import Harness
from olmo_eval.runner.code import CodeReader
from olmo_eval.runner.lock import auxiliary_lock, without_secrets


def stands_alone(harness: Harness, task: Task) -> bool:
    """Whether a recorded answer to ``task`` can be scored: not where a scorer looks at the
    environment that an agent left, which is gone."""
    return harness.scaffold is None or not keeps_environment(task)


def environment_digest(harness: Harness, task: Task, instance: Instance) -> str | None:
    """A digest of what decides an answer besides its first request: the environment in which an
    agent works on ``instance`` (what the instance says of it, and the code by which the task sets
    it up), the further turns of a conversation, and the other models that take part in it. None
    where there is none of these: a model that only answers once cannot tell."""
    worked = harness.scaffold is not None and (instance.environment is not None or task.has_setup)
    others = _others(harness, task)
    if not (worked or task.converses or others):
        return None
    spec = instance.environment.digest if worked and instance.environment is not None else ""
    kind: Any = type(task)
    code = _code(kind) if task.has_setup or task.converses else ""
    if task.converses:
        spec += json.dumps([instance.question, dict(instance.metadata)], default=str)
    spec += json.dumps(others, sort_keys=True) if others else ""
    return hashlib.sha256(f"{spec} {code}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _others(harness: Harness, task: Task) -> dict[str, Any]:
    """What decides what the models say that take part in an episode of ``task``, by name."""
    scaffold = harness.scaffold
    names = of_models(task.requires) | (of_models(scaffold.requires) if scaffold else frozenset())
    known = harness.config.auxiliary_providers
    taking_part = {name: auxiliary_lock(known[name]) for name in sorted(names & known.keys())}
    return dict(without_secrets(taking_part))


@cache
def _code(cls: Any) -> str:
    return CodeReader().read(cls).digest
