"""What starting costs: modules that must not be imported, and a bound on CPU time."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

HEAVY = {
    "aiohttp", "anyio", "cattrs", "datasets", "httpx", "litellm", "numpy", "pandas", "pyarrow",
    "requests", "rich", "safetensors", "scipy", "sympy", "tokenizers", "torch", "transformers",
    "vllm", "yaml",
}  # fmt: skip

_PROBE = """
import json, sys
sys.argv = ["olmo-eval", *{arguments!r}]
try:
    {code}
except SystemExit as end:
    assert not end.code, end.code
print("\\n" + json.dumps(sorted(sys.modules)))
"""
_RUN_MAIN = "from olmo_eval.cli.main import main; main()"


def modules_after(code: str, arguments: Sequence[str] = ()) -> set[str]:
    """The modules that a fresh interpreter has imported after ``code``."""
    script = _PROBE.format(code=code, arguments=list(arguments))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def roots(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize(
    "room",
    ["agents", "harness", "inference", "judges", "providers", "results", "sandbox", "testing"],
)
def test_importing_a_room_imports_what_is_used_of_it(room: str) -> None:
    loaded = modules_after(f"import olmo_eval.{room}")

    assert not roots(loaded) & HEAVY
    assert {name for name in loaded if name.startswith("olmo_eval")} == {
        "olmo_eval",
        "olmo_eval.exports",
        f"olmo_eval.{room}",
    }


def test_importing_the_package_imports_nothing_else() -> None:
    loaded = modules_after("import olmo_eval")

    assert not roots(loaded) & HEAVY
    assert {name for name in loaded if name.startswith("olmo_eval")} == {"olmo_eval"}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"]])
def test_help_imports_no_engine_and_no_numbers(arguments: list[str]) -> None:
    assert not roots(modules_after(_RUN_MAIN, arguments)) & HEAVY


LISTINGS = (
    "tasks suites models providers scorers metrics formatters sandboxes scaffolds tools judges "
    "executors plugins"
)


@pytest.mark.parametrize("command", LISTINGS.split())
def test_listing_imports_no_engine_and_no_benchmark(command: str) -> None:
    loaded = modules_after(_RUN_MAIN, [command])

    assert not roots(loaded) & (HEAVY - {"rich"})  # which draws the table
    assert not [name for name in loaded if name.startswith("olmo_eval_tasks.") and has_tasks(name)]


def has_tasks(module: str) -> bool:
    """Whether a module registers tasks by decorator, read from its source."""
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None
    return "@register(" in Path(spec.origin).read_text(encoding="utf-8")


def test_resolving_one_task_imports_one_benchmark() -> None:
    code = "from olmo_eval.evals.tasks.common import build_task; build_task('gsm8k')"
    benchmarks = {n for n in modules_after(code) if n.startswith("olmo_eval_tasks.")}

    assert "olmo_eval_tasks.benchmarks.gsm8k" in benchmarks
    assert not benchmarks & {
        "olmo_eval_tasks.benchmarks.arc",
        "olmo_eval_tasks.benchmarks.mmlu",
        "olmo_eval_tasks.benchmarks.piqa",
    }


def test_listing_runs_imports_no_tables_and_no_numbers(tmp_path: Path) -> None:
    run = tmp_path / "runs/20260101-000000-m-0"
    run.mkdir(parents=True)
    (run / "run.json").write_text('{"run_id": "m", "schema_version": 1, "status": "failed"}')
    listing = ["results", "list", "--results", str(tmp_path)]

    assert not roots(modules_after(_RUN_MAIN, listing)) & (HEAVY - {"rich"})


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "seconds"), [(["--help"], 0.15), (["tasks"], 0.5)])
def test_starting_takes_little_cpu_time(arguments: list[str], seconds: float) -> None:
    best = float("inf")
    for _ in range(20):  # a busy machine counts more for the same work
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-c", _RUN_MAIN, *arguments]
        subprocess.run(command, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        best = min(best, used)
        if best <= seconds:
            break

    assert best <= seconds
