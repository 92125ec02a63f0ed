"""Parallelism, subsets, several tasks and models in one run, and memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olmo_eval.common.overrides import parse_override
from olmo_eval.errors import UsageError
from olmo_eval.evals.tasks.common import build_task
from olmo_eval.results.store import Run, open_run
from olmo_eval.runner.feed import selected

Tables = Callable[[Run], dict[str, Any]]


# -- parallelism


def test_parallelism_changes_nothing(bench: Any, tables: Tables) -> None:
    found = [
        tables(
            bench.evaluate(
                "sums:2shot", "sums:warm", "pick", "prose",
                skill=0.5, latency=[0.0, 0.002], faults={"fail": 0.05, "transient": 0.1},
                harness={"max_concurrency": concurrency}, results=f"by-{concurrency}",
            )
        )
        for concurrency in (1, 7, 64)
    ]  # fmt: skip

    assert found[0] == found[1] == found[2]


def test_rows_are_in_the_order_of_the_data(bench: Any) -> None:
    run = bench.evaluate("sums", latency=[0.0, 0.01])

    assert run.instances("sums")["instance_id"].to_pylist() == [f"s{n}" for n in range(40)]
    assert run.instances("sums")["position"].to_pylist() == list(range(40))


# -- subsets


def subset(limit: int | None, seed: int = 42) -> list[str]:
    settings = [f"limit={'null' if limit is None else limit}", f"seed={seed}"]
    task = build_task("sums", [parse_override(text) for text in settings])
    return [name for name, _ in selected(task)]


def test_a_limit_is_a_nested_seeded_subset_in_the_order_of_the_data(bench: Any) -> None:
    five, nine = subset(5), subset(9)

    assert (len(five), len(nine)) == (5, 9)
    assert set(five) < set(nine)
    assert five != [f"s{n}" for n in range(5)]
    assert set(subset(5, seed=1)) != set(five)
    order = subset(None)
    assert nine == sorted(nine, key=order.index)
    assert subset(1000) == order


def test_a_limit_does_not_depend_on_the_order_of_the_data(bench: Any) -> None:
    before = subset(9)
    bench.edit("sums/test.jsonl", lambda rows: rows[::-1])

    assert subset(9) == before[::-1]


def test_more_data_changes_a_subset_only_by_what_is_new(bench: Any) -> None:
    before = set(subset(9))

    def more(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [*({**row, "id": f"new-{row['id']}"} for row in rows[:5]), *rows]

    bench.edit("sums/test.jsonl", more)

    assert {name for name in subset(9) if not name.startswith("new-")} <= before


def test_equal_ids_are_refused(bench: Any) -> None:
    bench.edit("sums/test.jsonl", lambda rows: [*rows, rows[0]])

    failed = bench.cli("run", "-m", "mock", "-t", "sums")

    assert failed.code == 1
    assert "sums: two instances have the id 's0'" in failed.err


# -- several tasks and models


def runs_of(done: Any) -> list[Run]:
    assert done.code == 0, done.err
    return [open_run(run["location"]) for run in done.json]


def test_one_run_a_model(bench: Any) -> None:
    bench.write("a.jsonl", [{"instance_id": f"s{n}", "outputs": ["1"]} for n in range(40)])
    done = bench.cli(
        "run", "-m", "mock", "-m", "replay:a.jsonl", "-m", "mock", "-t", "sums", "--json"
    )

    assert [run.model for run in runs_of(done)] == ["mock", "replay:a.jsonl"]


def test_a_models_failure_keeps_the_runs_before_it(bench: Any) -> None:
    bench.write("few.jsonl", [{"outputs": ["1"]}])
    done = bench.cli("run", "-m", "mock", "-m", "replay:few.jsonl", "-t", "sums", "--json")

    assert done.code == 1
    assert "few.jsonl" in done.err
    (run,) = done.json
    assert run["status"] == "complete"


def test_overrides_bind_to_the_task_before_them(bench: Any) -> None:
    done = bench.cli(
        "run", "-m", "mock", "-t", "sums", "-o", "limit=5", "-o", "temperature=0.5",
        "-t", "pick", "-t", "sums:2shot", "-o", "limit=7", "--json",
    )  # fmt: skip

    (run,) = runs_of(done)
    sizes = {e["name"]: (e["n_expected"], e["overrides"]) for e in run.record["tasks"]}
    assert sizes == {
        "sums[temperature=0.5]": (5, ["limit=5", "temperature=0.5"]),
        "pick": (30, []),
        "sums:2shot": (7, ["limit=7"]),
    }


def test_overrides_of_a_suite_reach_every_member(bench: Any) -> None:
    done = bench.cli("run", "-m", "mock", "-t", "nested", "-o", "limit=4", "-t", "prose", "--json")

    (run,) = runs_of(done)
    assert [e["n_expected"] for e in run.record["tasks"]] == [4, 4, 4, 20]


@pytest.mark.parametrize("place", ["before", "between", "after"])
def test_harness_settings_bind_to_the_harness_wherever_they_stand(bench: Any, place: str) -> None:
    setting = ("-o", "provider.kwargs.skill=1")
    arguments = {
        "before": (*setting, "-m", "mock", "-t", "sums"),
        "between": ("-t", "sums", *setting, "-m", "mock"),
        "after": ("-H", "default", "-t", "sums", "-m", "mock", *setting),
    }

    (run,) = runs_of(bench.cli("run", *arguments[place], "--json"))

    assert run.scores()[0].value == 1.0


def test_a_task_setting_needs_a_task_before_it(bench: Any) -> None:
    first, after_harness = ("-o", "limit=3", "-t", "sums"), ("-t", "sums", "-H", "default")
    for arguments in (first, (*after_harness, "-o", "limit=3")):
        refused = bench.cli("run", "-m", "mock", *arguments)
        assert refused.code == 2
        assert "no -t stands before it" in refused.err
        assert "-t TASK -o limit=3" in refused.err


def test_one_spec_in_two_ways_is_two_tasks(bench: Any) -> None:
    done = bench.cli(
        "run", "-m", "mock", "-t", "sums", "-t", "sums", "-o", "num_fewshot=2",
        "-t", "sums", "-o", "num_fewshot=3", "-t", "sums", "--json",
    )  # fmt: skip

    (run,) = runs_of(done)
    assert run.task_names == ["sums", "sums[num_fewshot=2]", "sums[num_fewshot=3]"]
    prompts = [run.instances(n)["request"][0].as_py()["prompt"] for n in run.task_names]
    assert [prompt.count("Q:") for prompt in prompts] == [1, 3, 4]


def test_the_python_interface_takes_overrides_of_both_kinds(bench: Any) -> None:
    run = bench.evaluate("sums", overrides={"limit": 6, "provider.kwargs.skill": 1.0})

    assert run.record["tasks"][0]["n_expected"] == 6
    assert run.scores()[0].value == 1.0


@pytest.mark.parametrize(
    "arguments",
    [{"limit": 0}, {"overrides": ["nope=1"]}, {"harness": {"max_turn": 3}}, {"provider": "nix"}],
    ids=str,
)
def test_a_wrong_argument_is_a_usage_error(bench: Any, arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        bench.evaluate("sums", **arguments)


@pytest.mark.anyio
async def test_evaluate_works_where_a_loop_already_runs(bench: Any) -> None:
    run = bench.evaluate("sums", skill=1.0)

    assert run.scores()[0].value == 1.0


# -- memory

_MEASURED = """
import json, sys
from olmo_eval import evaluate, plugins
plugins.manager().load(sys.argv[1])
run = evaluate("mock", ["sums"], results=sys.argv[2])
# not ru_maxrss, which a child inherits from whoever started it
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
peak = int(status["VmHWM"].split()[0]) // 1024
print(json.dumps([peak, run.scores()[0].n_scored]))
"""


def measured(bench: Any, n: int) -> int:
    """The peak memory of a run of ``n`` instances, in MB."""
    with open("sums/test.jsonl", "w") as file:
        for i in range(n):
            row = {"id": f"s{i}", "question": f"{i} plus 1? " + "word " * 40, "answer": str(i)}
            file.write(json.dumps(row) + "\n")
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, str(bench.pack), f"results-{n}"],
        capture_output=True, text=True, check=True, env=bench.environment,
    )  # fmt: skip
    peak, scored = json.loads(done.stdout)
    assert scored == n
    return int(peak)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_instances_text(bench: Any) -> None:
    small, large = measured(bench, 20_000), measured(bench, 200_000)

    assert large < 400
    assert large - small < 120  # a few numbers an instance; its text alone would be 50 MB more
    assert Path("results-200000").is_dir()
