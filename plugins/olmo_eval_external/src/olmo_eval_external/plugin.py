"""What this distribution adds to olmo-eval."""

from __future__ import annotations

from typing import Any

from olmo_eval.hookspecs import hookimpl

OLMO_EVAL_API = 1


@hookimpl
def register_external_evals(register: Any) -> None:
    register("harbor", "olmo_eval_external.harbor:Harbor")
    register("inspect", "olmo_eval_external.inspect:Inspect")
    register("lm_eval", "olmo_eval_external.lm_eval:LMEval")
    register("tau2", "olmo_eval_external.tau2:Tau2")
