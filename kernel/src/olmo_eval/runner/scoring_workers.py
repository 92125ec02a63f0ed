"""How many answers are scored at once, where scoring takes time."""

from __future__ import annotations

from collections.abc import Iterable

from olmo_eval.common.scorers import AsyncScorer, Scorer
from olmo_eval.evals.tasks.common import Task, hooks
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.runner.plan import PlannedTask
from olmo_eval.runner.processes import cores
from olmo_eval.sandbox.sizing import places

#: scorers that wait for something unknown: few enough for a service, enough to hide its latency
_WAITING = 64


def scored_at_once(scorers: Iterable[Scorer]) -> bool:
    """Whether all of these only look: they take microseconds, less than handing them over would."""
    return not any(isinstance(s, AsyncScorer) or s.cpu_bound for s in scorers)


def task_scored_at_once(task: Task) -> bool:
    """Whether a task's scorers only look, and it leaves the scoring to them."""
    return scored_at_once(task.scorers_once) and not hooks.overrides(task, "score_responses")


def scoring_workers(config: HarnessConfig, tasks: Iterable[PlannedTask]) -> int:
    """The harness's ``scoring_concurrency``, else as many as keep what the scorers need busy: the
    processors, the sandboxes, or the judges' models."""
    if config.scoring_concurrency is not None:
        return config.scoring_concurrency
    planned = list(tasks)
    scorers = [s for one in planned for s in one.task.scorers_once]
    own = [_WAITING for one in planned if hooks.overrides(one.task, "score_responses")]
    return max([*own, *(_workers(config, scorer) for scorer in scorers)], default=1)


def _workers(config: HarnessConfig, scorer: Scorer) -> int:
    if scored_at_once([scorer]):
        return 1
    if not isinstance(scorer, AsyncScorer):
        return cores()
    if any(need == "judge" or need.startswith("judge:") for need in scorer.requires):
        providers = {judge.provider for judge in config.graders.values()}
        known = [config.auxiliary_providers.get(name) for name in providers]
        return sum(p.max_concurrency or _WAITING for p in known if p is not None) or _WAITING
    offering = [places(s) for s in config.sandboxes if scorer.requires & set(s.capabilities)]
    return sum(offering) or _WAITING
