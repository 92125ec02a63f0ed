"""Tasks for olmo-eval.

Every command imports this module, so it only says where things are: the modules that it names are
imported when somebody uses what they hold.
"""

from collections.abc import Callable
from typing import Any

import olmo_eval
from olmo_eval.evals.suites import Suite

OLMO_EVAL_API = 1


@olmo_eval.hookimpl
def register_tasks(register: Callable[..., Any]) -> None:
    register("acme_riddles", "acme_evals.riddles")
    register("acme_sums", "acme_evals.sums")


@olmo_eval.hookimpl
def register_scorers(register: Callable[..., Any]) -> None:
    register("acme_mention", "acme_evals.scoring:MentionScorer")


@olmo_eval.hookimpl
def register_metrics(register: Callable[..., Any]) -> None:
    register("acme_every_sample", "acme_evals.scoring:EverySampleMetric")


@olmo_eval.hookimpl
def register_suites(register: Callable[..., Any]) -> None:
    suite = Suite(
        name="acme",
        tasks=("acme_riddles:3shot", "acme_sums"),
        description="riddles after three examples, and sums",
    )
    register(suite.name, suite)
