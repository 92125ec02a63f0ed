"""A run is a value: its spec says all of it, here and anywhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from olmo_eval import evaluate
from olmo_eval.agents.tools import tool
from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.overrides import Override
from olmo_eval.errors import UsageError
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.results.store import Store
from olmo_eval.runner.record import run_record
from olmo_eval.runner.resolve import resolve, resolving_once
from olmo_eval.runner.spec import INSPECTED, RunSpec, TaskRequest

WORDS = st.text(max_size=12)
NAMES = st.sampled_from(["limit", "provider.kwargs.skill", "sandboxes.0.memory", "max_turns"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, width=32) | WORDS
FINITE = SCALARS.filter(lambda x: x not in (float("inf"), float("-inf")))
JSON = st.recursive(
    FINITE, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)
)
OVERRIDES = st.lists(st.builds("{}={}".format, NAMES, WORDS | JSON.map(json.dumps)), max_size=3)
HARNESSES = st.builds(
    lambda kwargs, prompt, turns, tools, size, judged: HarnessConfig.from_dict(
        {
            "provider": {"kind": "mock", "kwargs": kwargs, "devices": ["0", "1"]},
            "system_prompt": prompt,
            "max_turns": turns,
            "tools": tools,
            "sandboxes": [{"mode": "local", "memory": size, "kwargs": kwargs}],
            "auxiliary_providers": {judged: {"model": "m", "timeout": 3.5}},
            "judges": {judged: {"provider": judged}},
            "required_secrets": ["SERVICE_API_KEY"],
        }
    ),
    st.dictionaries(NAMES, JSON, max_size=3),
    st.none() | WORDS,
    st.none() | st.integers(1, 99),
    st.lists(WORDS, max_size=2),
    st.sampled_from(["512m", "2g"]),
    st.sampled_from(["judge", "other"]),
)
SPECS = st.builds(
    RunSpec,
    model=WORDS,
    tasks=st.lists(st.builds(TaskRequest, WORDS, OVERRIDES), max_size=3),
    kind=st.sampled_from(["run", "rescore", "external"]),
    rescored=st.none() | WORDS,
    external=st.none() | WORDS,
    arguments=OVERRIDES,
    provider=st.none() | WORDS,
    harness=WORDS | HARNESSES,
    overrides=OVERRIDES,
    limit=st.none() | st.integers(1),
    seed=st.none() | st.integers(0),
    plugins=st.lists(WORDS, max_size=2),
    name=st.none() | WORDS,
    group=st.none() | WORDS,
    step=st.none() | st.integers(0),
    results=WORDS,
    fresh=st.booleans(),
    reuse=st.booleans(),
    reuse_by_name=st.booleans(),
    max_cost=st.none() | st.floats(0, 1e6),
    inspect=st.lists(st.sampled_from(INSPECTED), max_size=3),
)


@given(SPECS)
@settings(deadline=None)
def test_json_holds_all_of_a_spec(spec: RunSpec) -> None:
    assert RunSpec.from_json(spec.to_json()) == spec


def test_settings_of_python_are_written_as_on_the_command_line() -> None:
    given = RunSpec("mock", overrides=["limit=3"])

    assert RunSpec.from_json('{"model": "mock", "overrides": "limit=3", "results": "x"}') == evolve(
        given, results="x"
    )
    assert json.loads(evolve(given, results="x").to_json()) == {
        "model": "mock", "overrides": ["limit=3"], "results": "x",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "spec is not valid JSON"),
        ("[]", "spec: expected an object of settings, got []"),
        ('{"modle": "mock"}', "spec: unknown key 'modle'"),
        ('{"kind": "rerun"}', "spec: kind must be one of run, rescore, external, got 'rerun'"),
        ('{"limit": "3"}', "spec.limit: expected int, got '3'"),
        ('{"tasks": [{"spec": "sums", "overides": []}]}', "spec.tasks[0]: unknown key 'overides'"),
        ('{"tasks": [{"spec": "sums", "overrides": ["limit"]}]}',
         "spec.tasks[0].overrides[0]: override 'limit' has no '='"),
        ('{"overrides": [3]}', "spec.overrides[0]: expected a text KEY=VALUE, got 3"),
        ('{"harness": {"sandboxes": [{"memory": "lots"}]}}',
         "spec.harness.sandboxes[0]: memory: expected a size such as 512m, got 'lots'"),
        ('{"max_cost": -1}', "max_cost must be a finite number, at least 0"),
        ('{"inspect": ["everything"]}', "spec: inspect must be one of instance, request"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(text: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        RunSpec.from_json(text)

    assert said in refused.value.message


SECRETS = {
    "a setting": {"harness": {"provider": {"kwargs": {"api_key": "x"}}}},
    "a header": {"harness": {"provider": {"kwargs": {"headers": {"Authorization": "Basic x"}}}}},
    "an override": {"overrides": ["provider.kwargs.api_key=x"]},
    "an argument": {"arguments": ["password=x"]},
    "a task's override": {"tasks": [{"spec": "sums", "overrides": ["token=x"]}]},
    "a password in a URL": {"harness": {"provider": {"base_url": "https://me:hush@example.com"}}},
    "the value of a variable": {"harness": {"system_prompt": "Say swordfish-77."}},
}


@pytest.mark.parametrize("what", SECRETS)
def test_a_secret_is_refused_wherever_it_stands(what: str, monkeypatch: Any) -> None:
    data = SECRETS[what]

    with monkeypatch.context() as patch:
        patch.setenv("DOOR_API_KEY", "swordfish-77")
        with pytest.raises(UsageError, match="holds a secret, which a spec never does") as refused:
            RunSpec.from_json(json.dumps(data))
        for secret in ("hush", "swordfish", "Basic"):
            assert secret not in refused.value.message

    harness = data.get("harness")
    spec = RunSpec(
        harness=HarnessConfig.from_dict(harness) if isinstance(harness, dict) else "default",
        overrides=data.get("overrides", ()),
        arguments=data.get("arguments", ()),
        tasks=[TaskRequest(**task) for task in data.get("tasks", ())],
    )
    monkeypatch.setenv("DOOR_API_KEY", "swordfish-77")
    with pytest.raises(UsageError, match="holds a secret"):
        spec.to_json()


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"harness": HarnessConfig(tools=(add,))}, r"spec.harness.tools\[0\] is a Tool"),
        ({"harness": HarnessConfig(scaffold_kwargs={"wait": float("inf")})}, "wait is inf"),
    ],
)
def test_what_only_this_process_has_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=f"{said}, which only this process has"):
        RunSpec(**settings).to_json()


def test_an_object_as_an_override_makes_a_run_here_and_is_no_data(bench: Any) -> None:
    formatter = GenerationFormatter(template="{question}")

    run = bench.evaluate("sums", overrides={"limit": 2, "formatter": formatter})
    spec = RunSpec("mock", overrides=[Override(("formatter",), formatter, "formatter={}")])

    assert run.record["status"] == "complete"
    with pytest.raises(UsageError, match="formatter is a GenerationFormatter"):
        spec.to_json()


# -- what is made of it


@pytest.mark.parametrize(
    "arguments",
    [
        ("-t", "sums:2shot", "-o", "limit=7", "-t", "pick"),
        ("-t", "both", "--limit", "5", "--seed", "3", "--name", "a", "--group", "b"),
        ("-t", "sums", "-o", "provider.kwargs.skill=0.4", "-o", "system_prompt=Hi."),
        ("-t", "sums", "--harness-config", "h.yaml", "--step", "5"),
        ("-t", "sums", "--provider", "mock", "--fresh"),
    ],
)
def test_the_spec_of_a_command_is_the_same_run(bench: Any, arguments: tuple[str, ...]) -> None:
    (bench.folder / "h.yaml").write_text("name: brief\nmax_total_tokens: 900\n")
    command = ("run", "-m", "mock:x/step70", *arguments)

    printed = bench.cli(*command, "--print-spec").out
    assert not (bench.folder / "results").exists()
    assert bench.cli(*command).code == 0
    (run,) = Store("results").runs()
    (bench.folder / "h.yaml").unlink()
    (bench.folder / "spec.json").write_text(printed)
    again = bench.cli("run", "--spec", "spec.json")

    assert run_record(resolve(RunSpec.from_json(printed)))["identity"] == run.record["identity"]
    fresh = "--fresh" in arguments
    assert (f"run {run.run_id} is complete; --fresh makes it anew" in again.err) == (not fresh)
    assert len(Store("results").runs()) == 1 + fresh


def test_evaluate_makes_the_run_of_the_same_spec(bench: Any) -> None:
    spec = RunSpec("mock", [TaskRequest("sums")], overrides=["limit=4", "max_turns=2"], name="same")

    run = evaluate("mock", "sums", overrides=["limit=4", "max_turns=2"], name="same")

    assert run_record(resolve(spec))["identity"] == run.record["identity"]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (RunSpec("mock"), "nothing to run"),
        (RunSpec(tasks=[TaskRequest("sums")]), "no model is named"),
        (RunSpec("mock", [TaskRequest("sums")], rescored="x"), "rescored is set, which a run run"),
        (RunSpec("mock", kind="rescore", rescored="x"), "model is set, which a rescore run"),
        (RunSpec(kind="rescore"), "no run to score again is named"),
        (RunSpec("mock", kind="external"), "no external eval is named"),
        (RunSpec("mock", kind="external", external="x", limit=3), "limit is set, which an exter"),
        (RunSpec("mock", [TaskRequest("sums")], overrides=["provider.kind=replay"]),
         "'provider.kind=replay' contradicts -m mock"),
        (RunSpec("mock", [TaskRequest("sums")], plugins=["gone.py"]), "no such plugin file"),
    ],
)  # fmt: skip
def test_what_a_spec_cannot_mean_is_refused(bench: Any, spec: RunSpec, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        resolve(spec)


def test_a_spec_is_resolved_once_where_nothing_changes_meanwhile(bench: Any) -> None:
    spec = RunSpec("mock", [TaskRequest("sums")])
    other = evolve(spec, model="mock:other")

    with resolving_once():
        job = resolve(spec)
        assert resolve(spec) is job
        assert resolve(other).plan is job.plan
        assert resolve(evolve(spec, limit=3)).plan is not job.plan
    assert resolve(spec) is not job


def test_a_run_that_is_scored_again_has_a_spec_too(bench: Any) -> None:
    first = bench.evaluate("sums", skill=0.5)
    rescored = RunSpec(
        kind="rescore", rescored=first.run_id, tasks=[TaskRequest("sums")], name="again"
    )

    made = bench.cli("run", "--spec", write(bench, rescored), "--json").json[0]
    by_hand = bench.cli("rescore", first.run_id, "-t", "sums", "--name", "again", "--json").json[0]

    assert made["run_id"] == by_hand["run_id"]
    assert Store("results").find("name=again,kind=rescore").record["rescored_from"] == first.run_id


def write(bench: Any, spec: RunSpec) -> str:
    (bench.folder / "spec.json").write_text(spec.to_json())
    return "spec.json"


# -- executors

CHILD = """
import json, subprocess, sys
import olmo_eval
from olmo_eval.runner.executor import Executor


class Child(Executor):
    def execute(self, spec, progress):
        progress.message("made in a child")
        command = [sys.executable, "-m", "olmo_eval.cli", "run", "--spec", "-", "--json"]
        done = subprocess.run(command, input=spec.to_json(), stdout=subprocess.PIPE, text=True)
        (run,) = json.loads(done.stdout)
        return run["location"]


class Silent(Executor):
    def execute(self, spec, progress):
        return None


@olmo_eval.hookimpl
def register_executors(register):
    register("child", Child)
    register("silent", Silent)
"""


@pytest.fixture
def child(bench: Any) -> tuple[str, ...]:
    (bench.folder / "child.py").write_text(CHILD)
    return ("--plugin", "child.py", "--executor", "child")


def test_a_run_made_in_a_child_has_the_same_tables(
    bench: Any, child: tuple[str, ...], tables: Any
) -> None:
    command = ("run", "-m", "mock", "-t", "both", "--limit", "9", "-o", "provider.kwargs.skill=0.6")

    done = bench.cli(*command, *child, "--results", "there")
    bench.cli(*command, "--results", "here")

    assert done.code == 0, done.err
    assert "made in a child" in done.err
    assert "results: there/runs/" in done.out
    (there,), (here,) = Store("there").runs(), Store("here").runs()
    assert there.record["identity"] == here.record["identity"]
    assert tables(there) == tables(here)


def test_what_another_machine_may_have_is_not_asked_for_here(
    bench: Any, child: tuple[str, ...]
) -> None:
    done = bench.cli("run", "-m", "mock", "-t", "no_such_task", *child[:2], "--executor", "silent")

    assert done.code == 1
    assert "executor 'silent' of child.py" in done.err
    assert "returned None" in done.err
    assert "the location of the run" in done.err


# -- on the command line


def test_a_spec_may_come_from_standard_input(bench: Any, monkeypatch: Any) -> None:
    import io

    spec = RunSpec("mock", [TaskRequest("sums", ["limit=3"])])
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(spec.to_json().encode())))

    done = bench.cli("run", "--spec", "-", "--json")

    assert done.code == 0, done.err
    assert Store("results").runs()[0].record["tasks"][0]["n_expected"] == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--spec", "none.json"), "spec none.json: No such file"),
        (("--spec", "spec.json", "-t", "sums", "--limit", "3"), "-t, --limit cannot be added"),
        (("-m", "mock", "-m", "mock:b", "-t", "sums", "--print-spec"), "these are 2"),
        (("-m", "mock", "-t", "sums", "-o", "provider.kwargs.api_key=sk-12345", "--print-spec"),
         "spec.overrides[0] (provider.kwargs.api_key) holds a secret"),
        (("-t", "sums"), "Missing option '-m' / '--model'"),
    ],
)  # fmt: skip
def test_a_command_that_says_too_much_or_too_little_is_refused(
    bench: Any, arguments: tuple[str, ...], said: str
) -> None:
    write(bench, RunSpec("mock", [TaskRequest("sums")]))

    done = bench.cli("run", *arguments)

    assert done.code == 2
    assert said in done.err


def test_a_dry_run_shows_the_plan(bench: Any) -> None:
    tasks = ("-m", "mock", "-t", "sums", "--limit", "6")
    file = write(bench, RunSpec("mock", [TaskRequest("sums")], limit=6))

    planned = bench.cli("plan", *tasks).out

    assert bench.cli("run", *tasks, "--dry-run").out == planned
    assert bench.cli("run", "--spec", file, "--dry-run").out == planned
    assert not (bench.folder / "results").exists()
