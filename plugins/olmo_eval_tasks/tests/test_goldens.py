"""What reaches the model, for every task and variant: rendered once, looked at, kept.

``invented.json`` holds whole requests on the invented rows of ``invented/``; ``published.json``
holds digests on real rows, whose texts are not ours to keep.
"""

from __future__ import annotations

import json
import os
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from olmo_eval.errors import DataError
from olmo_eval.evals.tasks.common import build_task
from olmo_eval.evals.tasks.common.registry import variants_of
from olmo_eval_tasks import plugin
from olmo_eval_tasks.subjects import (
    AGIEVAL_EXAMS,
    BBH_TASKS,
    BBQ_CATEGORIES,
    GENETURING_MODULES,
    LAB_BENCH_SETS,
    MATH_SUBJECTS,
    MMLU_PRO_CATEGORIES,
    MMLU_SUBJECTS,
    OMEGA_SETTINGS,
)

#: modules whose data is bundled, made, a package's or the user's own, with tests of their own
ELSEWHERE = (
    *("tiny.tasks", "benchmarks.perplexity", "benchmarks.ruler", "benchmarks.serialized"),
    *("benchmarks.scicode", "benchmarks.swe_bench", "benchmarks.terminal"),
)
#: combinations that suites and people use
COMPOSED = (
    "arc_easy:mc:olmes",
    "arc_challenge:olmo3base:bpb",
    "arc_easy:mc:olmo3base",
    "csqa:olmo3base:bpb",
    "hellaswag:mc:olmo3base",
    "winogrande:mc:olmo3base",
    "piqa:olmo3base:bpb",
    "boolq:mc:olmes",
    "mmlu_pro:mc:0shot",
    "openbookqa:mc:olmes",
    "socialiqa:olmo3base:bpb",
    "humaneval:3shot:bpb",
    "codex_humaneval:3shot:bpb",
    "minerva_math_algebra:olmes:bpb",
)


#: of families whose tasks are parts of one large file, all but a few
PARTS = (
    *(f"agieval_{exam}" for exam in AGIEVAL_EXAMS if exam not in ("aqua_rat", "lsat_ar")),
    *(f"mmlu_pro_{category}" for category in MMLU_PRO_CATEGORIES[1:]),
)

#: of families whose tasks differ in their data alone, all but one
ALIKE = (
    *PARTS,
    *(f"_{subject}" for subject in MMLU_SUBJECTS if subject != "anatomy"),
    *(f"_{subject}" for subject in MATH_SUBJECTS[1:]),
    *(f"bbh_{task}" for task in BBH_TASKS if task != "dyck_languages"),
    *(f"bbq_{category}" for category in BBQ_CATEGORIES if category != "race_x_ses"),
    *(f"geneturing_{module}" for module in GENETURING_MODULES[1:]),
    *(f"_{setting}" for settings in OMEGA_SETTINGS.values() for setting in settings[1:]),
    *(f"lab_bench_{part}" for part in LAB_BENCH_SETS if part != "protocolqa"),
)


def specs(*, one_subject: bool = False) -> list[str]:
    """Every task and task:variant, and the compositions; families down to one subject if asked."""
    languages = [
        name
        for family in ("code_fresh", "multilingual_mbpp")
        for name in plugin.BENCHMARKS[family]
        if one_subject and name not in ("code_fresh_c", "mt_mbpp_c", "mt_mbpp_v2fix_c")
    ]
    found = []
    for module, names in plugin.TASKS.items():
        if module in ELSEWHERE:
            continue
        import_module(f"olmo_eval_tasks.{module}")
        for name in names:
            if name.partition(":")[0].endswith(ALIKE if one_subject else PARTS):
                continue
            if name in languages:
                continue
            found += [name, *(f"{name}:{variant}" for variant in variants_of(name))]
    # The separate task minerva_math_<subject>:bpb has the name of a variant of the plain one.
    return sorted({*found, *COMPOSED})


def test_requests_on_invented_rows(
    invented_mirror: Path, golden: Any, first: Any, render: Any
) -> None:
    golden("invented.json", {spec: render(*first(spec)) for spec in specs(one_subject=True)})


def test_requests_on_real_rows(
    data_mirror: Path, golden: Any, first: Any, render: Any, digest: Any
) -> None:
    rendered = {}
    for spec in specs():
        if spec.startswith("bfcl_"):
            continue  # data of a package that may be installed
        try:
            task, instance = first(spec)
            whole = render(task, instance)
        except DataError:
            continue  # the mirror need not hold every split; the golden file says which it held
        request = whole["request"]
        rendered[spec] = {
            "request": digest(request),
            "type": request["request_type"],
            "prompt_characters": len(request["prompt"]),
            "continuations": len(request.get("continuations", ())),
            "shots": task.config.num_fewshot,
            "primary": whole["primary"],
        }
    golden("published.json", rendered)


def published() -> list[dict[str, Any]]:
    path = os.environ.get("OLMO_EVAL_REQUEST_EXAMPLES")
    if not path:
        return []
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    names = tuple(name for names in plugin.TASKS.values() for name in names)
    known = {*names, *(n.partition(":")[0] for n in names)}
    examples = [json.loads(line) for line in lines]
    return [example for example in examples if example["spec"].partition(":")[0] in known]


@pytest.mark.skipif(
    not os.environ.get("OLMO_EVAL_REQUEST_EXAMPLES"),
    reason="needs published requests: set OLMO_EVAL_REQUEST_EXAMPLES",
)
@pytest.mark.parametrize("example", published(), ids=lambda example: example["spec"])
def test_requests_are_the_published_ones_byte_for_byte(
    example: dict[str, Any], data_mirror: Path, first: Any, render: Any
) -> None:
    task, instance = first(example["spec"])

    mine = render(task, instance)

    assert mine["request"] == example["request"]
    assert mine["gold"] == example["gold"]
    assert task.config.num_fewshot == example["num_fewshot"]
    published_sampling = {k: v for k, v in example["sampling"].items() if v is not None}
    assert mine["sampling"] == published_sampling


def test_every_spec_has_metrics_and_valid_sampling(invented_mirror: Path) -> None:
    for spec in specs(one_subject=True):
        config = build_task(spec).config
        assert config.primary() in config.metrics
        for metric in config.metrics:
            metric.check(config.sampling_params)
