"""Suites over the benchmarks of this package, named as in OLMES and OLMo settings.

``olmo3base`` suites are the settings of OLMo 3's base model evaluation (OLMo Team 2025,
https://arxiv.org/abs/2512.13961). Members are specs, so that listing suites imports no benchmark.
"""

from __future__ import annotations

from olmo_eval.evals.suites import Suite
from olmo_eval_tasks.suites import code, families, mmlu, olmobase, ruler, science

SUITES: tuple[Suite, ...] = tuple(
    suite for module in (olmobase, mmlu, families, code, science, ruler) for suite in module.SUITES
)
