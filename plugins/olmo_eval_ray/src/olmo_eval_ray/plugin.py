"""What this distribution adds to olmo-eval."""

from __future__ import annotations

from typing import Any

from olmo_eval.hookspecs import hookimpl

OLMO_EVAL_API = 1


@hookimpl
def register_executors(register: Any) -> None:
    register("ray", "olmo_eval_ray.executor:RayExecutor")


@hookimpl
def register_checks(register: Any) -> None:
    register("ray", "olmo_eval_ray.checks:ray")
