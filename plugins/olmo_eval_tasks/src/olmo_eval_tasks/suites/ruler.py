"""RULER by context length: all kinds, and each of its four categories (Hsieh et al. 2024)."""

from __future__ import annotations

from olmo_eval.evals.suites import Suite
from olmo_eval_tasks.subjects import RULER_KINDS, RULER_LENGTHS

_GROUPS = {
    "all": RULER_KINDS,
    "niah": tuple(kind for kind in RULER_KINDS if kind.startswith("niah_")),
    "qa": ("qa_1", "qa_2"),
    "aggregation": ("cwe", "fwe"),
    "multi_hop_tracing": ("vt",),
}

SUITES: tuple[Suite, ...] = tuple(
    Suite(
        name=f"ruler_{group}__{length}",
        tasks=tuple(f"ruler_{kind}__{length}" for kind in kinds),
        description=f"RULER, {group.replace('_', ' ')}, {length:,} tokens",
    )
    for length in RULER_LENGTHS
    for group, kinds in _GROUPS.items()
)
