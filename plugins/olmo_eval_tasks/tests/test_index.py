"""The index says what the modules register, and costs nothing to read."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from olmo_eval import plugins
from olmo_eval.evals.suites.suite import find_suite
from olmo_eval.evals.suites.units import refuse_mixed
from olmo_eval.evals.tasks.common import Task, parse_spec
from olmo_eval.evals.tasks.common.registry import variants_of
from olmo_eval.evals.tasks.common.spec import task_config
from olmo_eval_tasks import plugin


@pytest.mark.parametrize("module", plugin.TASKS)
def test_a_module_registers_exactly_what_the_index_says(module: str) -> None:
    home = import_module(f"olmo_eval_tasks.{module}").__name__
    registry = plugins.manager().registry("tasks")

    for name in plugin.TASKS[module]:
        task = registry.get(name)
        assert issubclass(task, Task)
        assert task.__module__ == home
    registered = {
        entry.name
        for entry in registry.entries()
        if getattr(entry.target, "__module__", "") == home
    }
    assert registered == set(plugin.TASKS[module])


def test_variants_belong_to_tasks_of_the_index() -> None:
    for module in plugin.TASKS:
        import_module(f"olmo_eval_tasks.{module}")
    names = {name for names in plugin.TASKS.values() for name in names}

    without = {n for n in names if not variants_of(n) and not n.startswith("omega_")}

    plain = {
        "expertqa",
        "humaneval:olmo3base",
        "litsearch",
        "litsearch_rerank",
        "minervamath",
        "mt_bench",
        "perplexity",
        "simpleqa:search",
        "swe_bench",
        "swe_bench_lite",
        "swe_bench_verified",
        "swe_tiny",
        "terminal",
        "terminal_tiny",
        "tiny_text",
        "truthfulqa_mc2",
    }
    assert {
        name for name in without if not name.startswith(("geneturing_", "ifeval", "ruler_"))
    } <= plain


def test_reading_the_index_imports_no_benchmark() -> None:
    script = (
        "import sys; import olmo_eval_tasks.plugin;"
        "print([m for m in sys.modules if m.startswith('olmo_eval_tasks.')])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert loaded.stdout.strip() == "['olmo_eval_tasks.subjects', 'olmo_eval_tasks.plugin']"


def test_every_scorer_is_where_the_index_says() -> None:
    registry = plugins.manager().registry("scorers")

    assert {name: registry.get(name)().name for name in plugin.SCORERS} == {
        name: name for name in plugin.SCORERS
    }


def test_data_that_is_not_public_is_marked_and_says_how_to_get_it() -> None:
    registry = plugins.manager().registry("tasks")

    said = {
        name
        for names in plugin.BENCHMARKS.values()
        for name in names
        if registry.get(name).card.access
    }

    marked = {name for family in plugin.ACCESS for name in plugin.BENCHMARKS[family]}
    assert said == marked


def test_every_benchmark_has_a_card() -> None:
    registry = plugins.manager().registry("tasks")

    for family in ("arc", "csqa", "piqa", "hellaswag", "winogrande", "mmlu", "drop", "bbq"):
        for name in plugin.BENCHMARKS[family]:
            card = registry.get(name).card
            assert card.citation and card.licence and card.url.startswith("https://"), name


def test_every_suite_averages_numbers_of_one_unit() -> None:
    from olmo_eval_tasks.suites import SUITES
    from olmo_eval_tasks.tiny.suites import SUITES as TINY

    for suite in (*SUITES, *TINY):
        configs = {spec: task_config(parse_spec(spec)) for spec in suite.expand()}
        refuse_mixed(suite, {spec: config.primary() for spec, config in configs.items()})


@pytest.mark.parametrize(
    ("suite", "direct", "tasks"),
    [
        ("mmlu", 4, 57),
        ("mmlu:mc:olmo3base", 4, 57),
        ("mmlu:rc:olmo3base", 4, 57),
        ("mmlu:bpb", 57, 57),
        ("mmlu:per_question", 4, 57),
        ("mmlu:rc:olmo3base:per_question", 4, 57),
        ("mmlu:stem", 18, 18),
        ("mmlu:humanities:rc:olmo3base", 13, 13),
        ("mmlu:social_sciences", 12, 12),
        ("mmlu:other", 14, 14),
        ("arc:rc:olmo3base", 2, 2),
        ("minerva_math", 7, 7),
        ("minerva_math:bpb:olmo3base", 7, 7),
    ],
)
def test_suites_have_their_published_sizes(suite: str, direct: int, tasks: int) -> None:
    found = find_suite(suite)

    assert found is not None
    assert len(found.members()) == direct
    assert len(found.expand()) == tasks
