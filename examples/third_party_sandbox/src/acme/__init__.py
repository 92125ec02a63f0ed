"""A sandbox for olmo-eval: where commands of models run."""

from collections.abc import Callable
from typing import Any

import olmo_eval

OLMO_EVAL_API = 1


@olmo_eval.hookimpl
def register_sandboxes(register: Callable[..., Any]) -> None:
    register("acme", "acme.backend:AcmeBackend")
