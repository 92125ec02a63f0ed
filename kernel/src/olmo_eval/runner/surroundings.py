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


class Surroundings:
    """What surrounds the model in a run while it works on the instances of ``task``."""

    def __init__(self, harness: Harness, task: Task) -> None:
        self._task = task
        self._agent = harness.scaffold is not None
        others = _others(harness, task)
        self._others = json.dumps(others, sort_keys=True) if others else ""
        kind: Any = type(task)
        self._code = _code(kind) if task.has_setup or task.converses else ""
        #: whether a recorded answer can be scored: not where a scorer looks at the environment that
        #: an agent left, which is gone
        self.stands_alone = not (self._agent and keeps_environment(task))

    def digest(self, instance: Instance) -> str | None:
        """A digest of what decides an answer besides its first request: the environment in which
        an agent works on ``instance`` (what the instance says of it, and the code by which the task
        sets it up), the further turns of a conversation, and the other models that take part in it.
        None where there is none of these: a model that only answers once cannot tell."""
        task = self._task
        worked = self._agent and (instance.environment is not None or task.has_setup)
        if not (worked or task.converses or self._others):
            return None
        spec = instance.environment.digest if worked and instance.environment is not None else ""
        if task.converses:
            spec += json.dumps([instance.question, dict(instance.metadata)], default=str)
        text = f"{spec}{self._others} {self._code}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


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
