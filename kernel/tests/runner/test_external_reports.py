"""What an external eval may say of its arguments, its instances and itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from olmo_eval.common.types import MessageEvent, Trajectory
from olmo_eval.evals.external import (
    Argument,
    ExternalContext,
    ExternalEvalResult,
    ExternalInstance,
    SandboxedExternalEval,
)
from olmo_eval.results.store import Run, Store

sys.path.insert(0, str(Path(__file__).parent))

from external_evals import ACCURACY, register, run


def the_run(bench: Any) -> Run:
    (found,) = Store(str(bench.folder / "results")).runs()
    return found


async def right(self: Any, context: Any) -> ExternalEvalResult:
    return ExternalEvalResult({"accuracy": 1.0}, [ExternalInstance("a", 1.0)])


# -- instances


def test_an_instance_says_how_it_ended_and_what_happened_on_the_way(bench: Any) -> None:
    said = Trajectory((MessageEvent("user", "go"), MessageEvent("assistant", "gone")))

    async def execute(self: Any, context: Any) -> ExternalEvalResult:
        rows = [
            ExternalInstance("a", 1.0, trajectory=said),
            ExternalInstance("b", 0.0, outcome="limit_reached"),
            ExternalInstance("c", None, error="the container is gone"),
            ExternalInstance("d", None, outcome="judge_failed", error="no grade"),
        ]
        return ExternalEvalResult({"accuracy": 0.5}, rows)

    register(execute)

    assert run(bench).code == 1  # half of the instances have no score

    found = the_run(bench)
    rows = found.instances("acme").to_pylist()
    assert [(row["outcome"], row["error"]) for row in rows] == [
        ("scored", None),
        ("limit_reached", None),
        ("infra_failed", "the container is gone"),
        ("judge_failed", "no grade"),
    ]
    assert [turn["text"] for turn in found.turns("acme")] == ["go", "gone"]
    assert found.record["tasks"][0]["outcomes"]["limit_reached"] == 1


def test_a_scored_instance_has_a_score(bench: Any) -> None:
    async def execute(self: Any, context: Any) -> ExternalEvalResult:
        return ExternalEvalResult({"accuracy": 1.0}, [ExternalInstance("a", outcome="scored")])

    register(execute)

    assert "instance 'a' is scored, and has no 'accuracy'" in run(bench).err


# -- arguments


ARGUMENTS = {
    "task": Argument("which", type=str, required=True),
    "limit": Argument("how many", type=int),
    "level": Argument("how hard", "low", choices=("low", "high")),
    "workers": Argument("at once", 4, pace=True),
}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "needs the argument 'task': which"),
        (["-a", "task=x", "-a", "limit=many"], "expected int, got 'many'"),
        (["-a", "task=x", "-a", "level=mid"], "expected one of low, high"),
    ],
)
def test_an_argument_that_does_not_fit_is_refused_before_the_start(
    bench: Any, given: list[str], said: str
) -> None:
    register(right, arguments=ARGUMENTS)

    done = run(bench, *given)

    assert done.code == 2
    assert said in done.err
    assert not (bench.folder / "results").exists()


def test_arguments_are_listed_with_their_types(bench: Any) -> None:
    register(right, arguments=ARGUMENTS)

    listed = bench.cli("external", "list", "-f", "acme")
    (described,) = bench.cli("external", "list", "-f", "acme", "--json").json

    assert "-a task=STR (required)   which" in listed.out
    assert "-a limit=INT   how many" in listed.out
    assert described["arguments"]["level"]["choices"] == ["low", "high"]


def test_the_pace_is_no_part_of_what_is_run(bench: Any) -> None:
    register(right, arguments=ARGUMENTS)

    for workers in ("1", "8"):
        assert run(bench, "-a", "task=x", "-a", f"workers={workers}").code == 0

    assert "workers" not in the_run(bench).record["lock"]["tasks"]["acme"]["arguments"]


def test_files_that_arguments_name_are_part_of_what_is_run(bench: Any) -> None:
    def data(cls: Any, arguments: Any) -> dict[str, str]:
        return {"file": Path(arguments["task"]).read_text()}

    register(right, arguments=ARGUMENTS, data=classmethod(data))
    for text in ("one", "two", "two"):
        Path("questions.txt").write_text(text)
        assert run(bench, "-a", "task=questions.txt").code == 0

    first, second = (r.run_id for r in Store("results").runs())
    compared = bench.cli("compare", first, second)

    assert compared.code == 2
    assert "data differ" in compared.err


def test_results_are_called_after_the_benchmark_that_was_run(bench: Any) -> None:
    def part(cls: Any, arguments: Any) -> str:
        return str(arguments["task"])

    register(right, arguments=ARGUMENTS, part=classmethod(part))

    done = run(bench, "-a", "task=riddles")
    again = bench.cli("rescore", "latest")

    assert "acme:riddles  accuracy" in done.out
    assert the_run(bench).instances("acme:riddles").num_rows == 1
    assert "`olmo-eval external run acme -m mock` runs it anew" in again.err


# -- progress


def test_the_person_who_waits_sees_how_far_it_is(bench: Any) -> None:
    async def execute(self: Any, context: Any) -> ExternalEvalResult:
        context.message("warming up")
        for done in range(3):
            context.progress(done + 1, 3)
        return await right(self, context)

    register(execute)

    done = run(bench)

    assert "acme: warming up" in done.err
    assert "acme: 3 instances" in done.err
    assert "acme: finished 3 in" in done.err


# -- sandboxes


class Boxed(SandboxedExternalEval):
    name = "boxed"
    run_command = "true"
    metrics = (ACCURACY,)

    def read_results(self, folder: Path, output: str) -> ExternalEvalResult:
        return ExternalEvalResult({"accuracy": 1.0})


def test_an_eval_in_a_sandbox_is_refused_where_the_harness_has_none(bench: Any) -> None:
    register(Boxed.execute, needs=Boxed.needs, environment=Boxed.environment)

    done = run(bench)

    assert done.code == 2
    assert "task 'acme' needs a sandbox with 'bash'" in done.err


def test_one_whose_results_nobody_reads_is_refused_before_it_runs(bench: Any) -> None:
    class Unread(SandboxedExternalEval):
        name = "unread"
        run_command = "true"
        metrics = (ACCURACY,)

    register(Unread.execute, needs=Unread.needs, environment=Unread.environment)

    done = run(bench, "--sandbox", "local")

    assert done.code == 2
    assert "Unread does not say how its results are read" in done.err
    assert "define read_results" in done.err


def test_a_published_eval_sees_to_its_container_itself() -> None:
    class Published(SandboxedExternalEval):
        async def execute(
            self, provider: Any, args: Any, output_dir: Any, container_runtime: Any
        ) -> ExternalEvalResult:
            return ExternalEvalResult({"accuracy": 1.0})

    assert Published.needs({}) == ()
    assert Published.environment({}) is None
    assert Boxed.needs({}) == ("bash",)


@pytest.mark.anyio
async def test_an_eval_can_be_called_outside_of_a_run(tmp_path: Path) -> None:
    class Fails(SandboxedExternalEval):
        name = "fails"

        async def execute(self, context: Any) -> ExternalEvalResult:
            raise ValueError(f"with {context.arguments['n']}")

    found = await Fails().execute_with_provider(None, {"n": 3}, tmp_path / "out")

    assert (found.success, found.error, found.name) == (False, "with 3", "fails")
    assert found.duration_seconds is not None
    with pytest.raises(Exception, match="was not made by a run"):
        ExternalContext(None, {}, tmp_path).endpoint()
