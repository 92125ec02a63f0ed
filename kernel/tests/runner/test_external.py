"""External evals: what they declare, how they fail, and that their runs are runs like any other."""

from __future__ import annotations

import asyncio
import inspect
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import anyio
import pyarrow.parquet as pq
import pytest

from olmo_eval import plugins
from olmo_eval.common.types import Identity, LMRequest, RequestType, SamplingParams
from olmo_eval.errors import ProviderError
from olmo_eval.evals.external import (
    Argument,
    ExternalEval,
    ExternalEvalResult,
    ExternalInstance,
    ExternalMetric,
)
from olmo_eval.providers.mock import MockProvider
from olmo_eval.registry import Owner
from olmo_eval.results.store import Run, Store
from olmo_eval.runner import apart

ACCURACY = ExternalMetric("accuracy", higher_is_better=True, bounds=(0, 1))
PERPLEXITY = ExternalMetric("perplexity", higher_is_better=False, unit="nats")
ASK = LMRequest(RequestType.COMPLETION, prompt="Heads or tails?")
ACME = Owner("acme-evals", "1.2", __name__)

Register = Callable[..., None]


@pytest.fixture
def register(bench: Any) -> Register:
    """Registers an external eval as an installed distribution would."""

    def add(kind: Any, name: str = "acme") -> None:
        plugins.manager().registry("external_evals").add(name, kind, ACME)

    return add


def reporting(result: Any, **attributes: Any) -> type[ExternalEval]:
    """An external eval that returns ``result``."""

    async def execute(self: Any, context: Any) -> Any:
        return result

    return type("Acme", (ExternalEval,), {"metrics": (ACCURACY,), "execute": execute, **attributes})


def raising(error: BaseException) -> type[ExternalEval]:
    async def execute(self: Any, context: Any) -> Any:
        raise error

    return type("Acme", (ExternalEval,), {"metrics": (ACCURACY,), "execute": execute})


def the_run(bench: Any) -> Run:
    (run,) = Store(str(bench.folder / "results")).runs()
    return run


def run_eval(bench: Any, *arguments: str) -> Any:
    return bench.cli("external", "run", "acme", "-m", "mock", *arguments)


class Guess(ExternalEval):
    """Half of the questions are guessed, which half depends on the seed."""

    arguments: ClassVar = {
        "questions": Argument("how many", 40),
        "loss": Argument("of every question", 5.0),
        "seed": Argument("of the guesses", 0),
    }
    metrics = (PERPLEXITY, ACCURACY)

    async def execute(self, context: Any) -> ExternalEvalResult:
        told = context.arguments
        instances = []
        for i in range(told["questions"]):
            (output,) = await context.generate(ASK, SamplingParams(max_tokens=8))
            loss = told["loss"] + (i % 3) / 10
            right = float((i + told["seed"]) % 2 == 0)
            instances.append(
                ExternalInstance(
                    f"q{i}",
                    loss,
                    question=ASK.prompt,
                    answer=output.text,
                    metadata={"level": i % 3, "tags": ["a", "b"]},
                    scores={"accuracy": right},
                )
            )
        mean = math.fsum(one.score or 0 for one in instances) / len(instances)
        right = math.fsum(one.scores["accuracy"] or 0 for one in instances) / len(instances)
        return ExternalEvalResult({"perplexity": mean, "accuracy": right}, instances)


# -- what is declared


def test_the_direction_of_a_metric_is_what_the_eval_declares(
    bench: Any, register: Register
) -> None:
    register(Guess)
    for loss in ("5", "9"):
        assert run_eval(bench, "-a", f"loss={loss}", "--name", f"loss{loss}").code == 0

    done = bench.cli(
        "compare", "name=loss5", "name=loss9", "--allow-different", "arguments", "--json"
    )
    shown = bench.cli("results", "show", "name=loss9").out

    (row,) = done.json["tasks"]
    assert row["metric"] == "perplexity"
    assert row["verdict"]["kind"] == "worse"
    assert "lower is better: perplexity" in shown


def test_every_metric_that_instances_have_scores_of_has_an_error(
    bench: Any, register: Register
) -> None:
    register(Guess)
    run_eval(bench)

    scores = {s.metric: s for s in the_run(bench).scores()}

    assert [s.n_scored for s in scores.values()] == [40, 40]
    assert scores["accuracy"].stderr == pytest.approx(0.08, abs=0.01)
    assert scores["perplexity"].stderr == pytest.approx(0.013, abs=0.001)
    assert scores["perplexity"].primary
    assert not scores["accuracy"].primary


def test_what_an_eval_says_of_an_instance_is_kept(bench: Any, register: Register) -> None:
    register(Guess)
    run_eval(bench)

    rows = the_run(bench).instances("acme").to_pylist()

    assert rows[4]["metadata"] == '{"level":1,"tags":["a","b"]}'
    assert rows[4]["values"] == {"perplexity:external": 5.1, "accuracy:external": 1.0}
    assert rows[4]["outputs"][0]["text"] == "The answer is 42."


def test_a_metric_that_applies_to_some_instances_counts_those(
    bench: Any, register: Register
) -> None:
    hard = ExternalMetric("accuracy.hard", higher_is_better=True, bounds=(0, 1))
    instances = [
        ExternalInstance("a", 1.0),
        ExternalInstance("b", 0.0, scores={"accuracy.hard": 0.0}),
        ExternalInstance("c", None, scores={"accuracy.hard": None}, metadata={"cluster": 7}),
    ]
    register(reporting(ExternalEvalResult({"accuracy": 0.5, hard: 0.0}, instances)))

    done = run_eval(bench)

    assert done.code == 1
    assert "33.3% of the instances have no score" in done.err
    run = the_run(bench)
    assert run.status == "incomplete"
    whole, part = run.scores()
    assert (whole.n_scored, whole.n_expected) == (2, 3)
    assert (whole.worst_case, whole.best_case) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert (part.n_scored, part.n_expected, part.best_case) == (1, 2, 0.5)
    assert run.instances("acme").column("cluster").to_pylist() == [None, None, "7"]


def test_a_value_that_is_not_the_mean_of_its_instances_has_no_error_and_says_so(
    bench: Any, register: Register
) -> None:
    instances = [ExternalInstance("a", 1.0), ExternalInstance("b", 0.0)]
    register(reporting(ExternalEvalResult({"accuracy": 0.9}, instances)))

    done = run_eval(bench)
    run_eval(bench, "--name", "again")
    compared = bench.cli("compare", Store("results").runs()[0].run_id, "name=again")

    assert "accuracy is reported as 0.9, and the mean of the instances is 0.5" in done.err
    (score,) = Store("results").runs()[0].scores()
    assert (score.value, score.stderr) == (0.9, None)
    assert "a value of accuracy that is not the mean of its instances" in compared.out


def test_an_eval_without_instances_reports_its_metrics(bench: Any, register: Register) -> None:
    register(reporting(ExternalEvalResult({"accuracy": 0.25}, metadata={"version": "2.1"})))

    assert run_eval(bench).code == 0

    run = the_run(bench)
    assert [(s.metric, s.value, s.n_expected) for s in run.scores()] == [("accuracy", 0.25, 0)]
    assert run.record["tasks"][0]["metadata"] == {"version": "2.1"}
    assert run.instances("acme").num_rows == 0


MALFORMED: dict[str, tuple[Any, str]] = {
    "a dict": ({"accuracy": 1.0}, "returned a dict, not an ExternalEvalResult"),
    "nothing": (None, "returned None, not an ExternalEvalResult"),
    "no metrics": (ExternalEvalResult({}), "reports no metrics"),
    "an undeclared metric": (
        ExternalEvalResult({"f1": 0.5}),
        "reports the metric 'f1', which it does not declare",
    ),
    "a metric declared otherwise": (
        ExternalEvalResult({ExternalMetric("accuracy", higher_is_better=False): 0.5}),
        "reports the metric 'accuracy' other than it declares it",
    ),
    "a text": (ExternalEvalResult({"accuracy": "0.5"}), "as '0.5', which is not a number"),
    "NaN": (ExternalEvalResult({"accuracy": math.nan}), "as nan, which is not a finite number"),
    "out of bounds": (ExternalEvalResult({"accuracy": 50}), "as 50, outside of its bounds [0, 1]"),
    "another primary": (
        ExternalEvalResult({"accuracy": 1.0}, primary="acuracy"),
        "names 'acuracy' as its primary metric and does not report it",
    ),
    "an instance of another type": (
        ExternalEvalResult({"accuracy": 1.0}, [{"id": "a"}]),
        "returned a dict as instance 0, not an ExternalInstance",
    ),
    "an id twice": (
        ExternalEvalResult({"accuracy": 1.0}, [ExternalInstance("a", 1.0)] * 2),
        "returned two instances with the id 'a'",
    ),
    "an id that is a number": (
        ExternalEvalResult({"accuracy": 1.0}, [ExternalInstance(7, 1.0)]),
        "the id of instance 0 is not a text that names it: 7",
    ),
    "an instance that scores NaN": (
        ExternalEvalResult({"accuracy": 1.0}, [ExternalInstance("a", math.nan)]),
        "gives instance 'a' the 'accuracy' nan, which is not a finite number",
    ),
    "a score of something else": (
        ExternalEvalResult({"accuracy": 1.0}, [ExternalInstance("a", 1.0, scores={"f1": 1.0})]),
        "instance 'a' has a score of 'f1', which is not among the metrics: accuracy",
    ),
    "two primary scores": (
        ExternalEvalResult(
            {"accuracy": 1.0}, [ExternalInstance("a", 1.0, scores={"accuracy": 0.0})]
        ),
        "instance 'a' has two scores of 'accuracy': 1.0 and 0.0",
    ),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_result_is_one_clear_line(bench: Any, register: Register, what: str) -> None:
    result, said = MALFORMED[what]
    register(reporting(result))

    done = run_eval(bench)

    assert done.code == 1
    (line,) = [one for one in done.err.splitlines() if one.startswith("error:")]
    assert "external eval 'acme' of acme-evals 1.2" in line
    assert said in line
    assert "Traceback" not in done.err
    run = the_run(bench)
    assert run.record["status"] == "failed"
    assert said in run.record["error"]
    assert bench.cli("compare", run.run_id, run.run_id).code != 0


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"metrics": ("accuracy",)}, "metrics is not a tuple of ExternalMetric"),
        ({"metrics": (ACCURACY, ACCURACY)}, "declares a metric twice"),
        ({"arguments": {"n": 3}}, "arguments does not map names to Argument"),
        ({"timeout_seconds": 0}, "timeout_seconds is not a positive number"),
    ],
)
def test_a_malformed_declaration_is_refused(
    bench: Any, register: Register, attributes: dict[str, Any], said: str
) -> None:
    register(reporting(None, **attributes))

    done = run_eval(bench)
    listed = bench.cli("external", "list")

    assert (done.code, listed.code) == (1, 0)
    assert said in done.err
    assert said in listed.err
    assert not (bench.folder / "results").exists()


def test_a_metric_must_say_its_direction() -> None:
    with pytest.raises(TypeError, match="higher_is_better"):
        ExternalMetric("perplexity")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="bounds go from low to high"):
        ExternalMetric("share", higher_is_better=True, bounds=(1, 0))


def test_the_list_says_what_is_measured(bench: Any, register: Register) -> None:
    register(Guess)

    listed = bench.cli("external", "list", "-f", "acme").out

    assert "perplexity (nats): lower is better" in listed
    assert "accuracy: higher is better" in listed
    assert "-a questions=40   how many" in listed


# -- how it fails


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("bad\nthing"), "ValueError: bad thing"),
        (ProviderError("the server is gone", hint="start it"), "the server is gone"),
        (SystemExit(3), "called sys.exit(3)"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (GeneratorExit(), "GeneratorExit"),
        (asyncio.CancelledError(), "CancelledError"),
        (ExceptionGroup("two", [ValueError("one of them")]), "ValueError: one of them"),
    ],
    ids=repr,
)
def test_whatever_an_eval_raises_is_told_as_its_own_failure(
    bench: Any, register: Register, error: BaseException, said: str
) -> None:
    register(raising(error))

    done = run_eval(bench)

    line = inspect.getsourcelines(raising)[1] + 2
    assert done.code == 1
    told = [one for one in done.err.splitlines() if one.startswith("error:")]
    assert told == [
        f"error: external eval 'acme' of acme-evals 1.2 failed: {said} ({__file__}:{line})"
    ]
    assert the_run(bench).record["status"] == "failed"
    assert "Traceback" not in done.err


def test_debug_shows_where_an_eval_failed(bench: Any, register: Register) -> None:
    register(raising(ValueError("bad thing")))

    assert "in execute" in run_eval(bench, "--debug").err


def test_a_class_that_is_no_external_eval_is_named(bench: Any, register: Register) -> None:
    register(dict)

    done = run_eval(bench)

    assert done.code == 1
    assert "of acme-evals 1.2: <class 'dict'> is not a subclass of ExternalEval" in done.err


async def waits(self: Any, context: Any) -> None:
    try:
        await anyio.sleep(60)
    finally:
        (context.folder / "cleaned_up").touch()


RELEASE = threading.Event()


async def blocks(self: Any, context: Any) -> None:
    await context.generate(ASK, SamplingParams(max_tokens=8))
    RELEASE.wait(60)


@pytest.mark.parametrize(("execute", "more"), [(waits, ""), (blocks, " and still blocks")])
def test_an_eval_that_does_not_return_ends_at_its_limit(
    bench: Any, register: Register, monkeypatch: pytest.MonkeyPatch, execute: Any, more: str
) -> None:
    RELEASE.clear()
    monkeypatch.setattr(apart, "GRACE", 0.05 if more else 10)
    register(reporting(None, execute=execute, timeout_seconds=0.1))

    try:
        done = run_eval(bench)
        left = [one for one in threading.enumerate() if isinstance(one, apart.Apart)]
    finally:
        RELEASE.set()

    assert done.code == 1
    assert f"external eval 'acme' of acme-evals 1.2 did not finish in 0.1 s{more}" in done.err
    assert len(left) == (execute is blocks)
    run = the_run(bench)
    assert run.record["status"] == "failed"
    assert (Path(run.location) / "external/cleaned_up").exists() == (execute is waits)


STUCK = """
import asyncio, time
import olmo_eval
from olmo_eval.evals.external import ExternalEval, ExternalMetric
from olmo_eval.runner import apart

apart.GRACE = 0

class Stuck(ExternalEval):
    metrics = (ExternalMetric("accuracy", higher_is_better=True),)

    async def execute(self, context):
        (context.folder / "begun").touch()
        await asyncio.to_thread(time.sleep, 600)

@olmo_eval.hookimpl
def register_external_evals(register):
    register("stuck", Stuck)
"""


@pytest.mark.parametrize(
    ("grace", "signals"),
    [("0.1", [signal.SIGINT]), ("0.1", [signal.SIGTERM]), ("60", [signal.SIGINT] * 2)],
)
def test_ctrl_c_ends_an_eval_and_the_process_even_where_a_thread_is_stuck(
    bench: Any, grace: str, signals: list[signal.Signals]
) -> None:
    (bench.folder / "stuck.py").write_text(STUCK.replace("GRACE = 0", f"GRACE = {grace}"))
    process = bench.start("external", "run", "stuck", "-m", "mock", "--plugin", "stuck.py")
    while not list(bench.folder.glob("results/runs/*/external/begun")):
        assert process.poll() is None
        time.sleep(0.02)

    process.send_signal(signals[0])
    said = iter(process.stderr.readline, "")
    assert any("Ctrl-C again stops at once" in line for line in said)
    for number in signals[1:]:
        process.send_signal(number)
    _, err = process.communicate(timeout=20)

    assert process.returncode == 130, err
    assert err.startswith("error: external eval 'stuck' was stopped")
    assert "Traceback" not in err
    assert the_run(bench).record["status"] == "interrupted"


def test_many_requests_at_once_stay_within_the_concurrency_of_the_provider(
    bench: Any, register: Register
) -> None:
    seen: list[int] = []

    async def execute(self: Any, context: Any) -> ExternalEvalResult:
        running = 0
        inner = context.provider._provider.inner
        ask = inner.generate

        async def counted(*arguments: Any) -> Any:
            nonlocal running
            running += 1
            seen.append(running)
            await anyio.sleep(0.001)
            running -= 1
            return await ask(*arguments)

        inner.generate = counted
        async with anyio.create_task_group() as group:
            for _ in range(30):
                group.start_soon(context.generate, ASK, SamplingParams(max_tokens=8))
        return ExternalEvalResult({"accuracy": 1.0})

    register(reporting(None, execute=execute))

    assert run_eval(bench, "-o", "max_concurrency=4").code == 0
    assert (len(seen), max(seen)) == (30, 4)


# -- a run like any other


def test_the_harness_is_what_answers(bench: Any, register: Register) -> None:
    asked: list[LMRequest] = []

    async def execute(self: Any, context: Any) -> ExternalEvalResult:
        inner = context.provider._provider.inner
        ask = inner.generate

        async def seen(request: LMRequest, params: SamplingParams) -> Any:
            asked.append(request)
            return await ask(request, params)

        inner.generate = seen
        await context.generate(ASK, SamplingParams(max_tokens=8))
        scored = LMRequest(RequestType.LOGLIKELIHOOD, prompt="1 +", continuations=(" 1", " 2"))
        return ExternalEvalResult({"accuracy": len(await context.loglikelihood(scored)) / 2})

    register(reporting(None, execute=execute))
    done = run_eval(bench, "-o", "system_prompt=Be brief.")

    assert done.code == 0, done.err
    assert [request.system_prompt for request in asked] == ["Be brief."]
    assert the_run(bench).record["lock"]["harness"]["system_prompt"] == "Be brief."


def test_the_record_says_what_was_run_and_who_supplied_it(bench: Any, register: Register) -> None:
    register(Guess)
    arguments = ["-a", "questions=3", "--group", "nightly"]
    done = bench.cli("external", "run", "acme", "-m", "mock:x/step70-tokens2B", *arguments)

    assert done.code == 0, done.err
    record = the_run(bench).record
    assert record["kind"] == "external"
    assert (record["model"]["step"], record["model"]["tokens"]) == (70, 2_000_000_000)
    assert record["group"] == "nightly"
    assert record["plugins"]["external_evals"] == {
        "acme": {"distribution": "acme-evals", "version": "1.2"}
    }
    lock = record["lock"]["tasks"]["acme"]
    assert lock["arguments"] == {"questions": 3, "loss": 5.0, "seed": 0}
    assert lock["prompt_code"]["class"] == f"{__name__}:Guess"
    assert lock["versions"] == {"acme-evals": "1.2"}
    assert __name__ in record["lock"]["code"]["reach"][lock["code"]]
    assert record["sessions"][0]["ended"] == record["finished"]
    assert not {"reuse_key", "ask_key"} & set(record)


def test_the_step_may_be_given(bench: Any, register: Register) -> None:
    register(Guess)
    run_eval(bench, "--step", "123", "-a", "questions=2")

    assert the_run(bench).record["model"]["step"] == 123


def test_other_arguments_forbid_a_comparison_unless_they_may_differ(
    bench: Any, register: Register
) -> None:
    register(Guess)
    for seed in ("0", "1"):
        run_eval(bench, "-a", f"seed={seed}", "--name", f"seed{seed}")

    refused = bench.cli("compare", "name=seed0", "name=seed1")
    allowed = bench.cli("compare", "name=seed0", "name=seed1", "--allow-different", "arguments")

    assert refused.code == 2
    assert "arguments (seed) differ: 0 against 1 (task code, source code equal)" in refused.err
    assert "--allow-different arguments" in refused.err
    assert allowed.code == 0
    assert "arguments (seed) differ: 0 against 1 (allowed)" in allowed.out


def test_runs_that_disagree_on_the_direction_are_not_compared(
    bench: Any, register: Register
) -> None:
    instances = [ExternalInstance("a", 1.0), ExternalInstance("b", 0.0)]
    for name, higher in (("before", False), ("after", True)):
        metric = ExternalMetric("loss", higher_is_better=higher)
        kind = reporting(ExternalEvalResult({metric: 0.5}, instances))
        with plugins.fresh_manager():
            plugins.manager().registry("external_evals").add("acme", kind, ACME)
            assert run_eval(bench, "--name", name).code == 0

    done = bench.cli("compare", "name=before", "name=after")

    assert done.code == 2
    assert "higher loss is better in run" in done.err


def test_an_external_run_is_not_scored_again(bench: Any, register: Register) -> None:
    register(Guess)
    run_eval(bench)

    done = bench.cli("rescore", "latest")

    assert done.code == 2
    assert "external eval 'acme', which scores its answers itself" in done.err
    assert "`olmo-eval external run acme -m mock` runs it anew" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-a", "qestions=3"], "external eval 'acme' has no argument 'qestions'"),
        (["-a", "questions=many"], "expected int, got 'many'"),
        (["-a", "questions=true"], "expected int, got True"),
        (["-o", "limit=3"], "'limit=3' is a setting of tasks, which an external eval"),
        (["-o", "provider.kind=replay"], "'provider.kind=replay' contradicts -m mock"),
        (["-o", "required_secrets=[ACME_PASS]"], "the environment lacks ACME_PASS"),
        (["-o", "tools=[nothing]"], "unknown tool 'nothing'"),
        (
            ["-o", "system_prompt=x", "-o", 'provider.kwargs.capabilities=["generate"]'],
            "provider 'mock' cannot chat",
        ),
        (["-H", "default", "--harness-config", "x.yaml"], "exclude each other"),
    ],
)
def test_what_cannot_be_is_refused_before_the_start(
    bench: Any, register: Register, arguments: list[str], said: str
) -> None:
    register(Guess)

    done = run_eval(bench, *arguments)

    assert done.code == 2
    assert said in done.err
    assert not (bench.folder / "results").exists()


def test_a_missing_secret_of_the_eval_is_named(bench: Any, register: Register) -> None:
    register(reporting(None, required_secrets=("ACME_LOGIN",)))

    done = run_eval(bench)

    assert done.code == 2
    assert "external eval 'acme' needs the environment variable ACME_LOGIN" in done.err


def test_observers_hear_of_an_external_run(bench: Any, register: Register) -> None:
    register(Guess)
    heard = bench.folder / "heard.txt"
    (bench.folder / "observer.py").write_text(
        "import olmo_eval\n\n\ndef note(text):\n"
        f"    with open({str(heard)!r}, 'a') as file:\n        print(text, file=file)\n\n\n"
        "@olmo_eval.hookimpl\ndef run_started(run):\n    note('started ' + run['status'])\n\n\n"
        "@olmo_eval.hookimpl\ndef task_finished(task, metrics):\n"
        "    note(f'{task} {sorted(metrics)}')\n\n\n"
        "@olmo_eval.hookimpl\ndef run_finished(run):\n    note('finished ' + run['status'])\n"
    )

    run_eval(bench, "--plugin", "observer.py")

    assert heard.read_text().splitlines() == [
        "started running",
        "acme ['accuracy:external', 'perplexity:external']",
        "finished complete",
    ]


# -- once more


def ids() -> list[str]:
    return [run.run_id for run in Store("results").runs()]


def test_a_finished_run_of_the_same_eval_is_shown_as_it_is(bench: Any, register: Register) -> None:
    register(Guess)

    first, second = run_eval(bench, "--json"), run_eval(bench, "--json")

    assert first.json == second.json
    assert f"run {first.json['run_id']} is complete; --fresh makes it anew" in second.err
    assert len(ids()) == 1


@pytest.mark.parametrize(
    "other",
    [("-a", "seed=1"), ("-o", "system_prompt=x"), ("-o", "provider.kwargs.skill=1"), ("--fresh",),
     ("--name", "other")],
)  # fmt: skip
def test_whatever_is_another_eval_is_another_run(
    bench: Any, register: Register, other: tuple[str, ...]
) -> None:
    register(Guess)
    run_eval(bench)

    assert run_eval(bench, *other).code == 0
    assert len(set(ids())) == 2


def test_another_code_is_another_run(bench: Any) -> None:
    for value in ("0.25", "0.5"):
        (bench.folder / "coin.py").write_text(
            STUCK.replace("stuck", "coin").replace(
                "await asyncio.to_thread(time.sleep, 600)",
                "from olmo_eval.evals.external import ExternalEvalResult\n"
                f"        return ExternalEvalResult({{'accuracy': {value}}})",
            )
        )
        command = ("external", "run", "coin", "-m", "mock", "--plugin", "coin.py")
        assert bench.command(*command).code == 0
        assert bench.command(*command).code == 0

    assert [run.scores()[0].value for run in Store("results").runs()] == [0.25, 0.5]


def test_a_run_that_failed_begins_anew_and_keeps_what_it_wrote(
    bench: Any, register: Register
) -> None:
    seen: list[list[str]] = []

    async def execute(self: Any, context: Any) -> ExternalEvalResult:
        seen.append([path.name for path in context.folder.iterdir()])
        (context.folder / "log.txt").write_text(f"attempt {len(seen)}")
        if len(seen) < 3:
            raise ValueError("not yet")
        return ExternalEvalResult({"accuracy": 1.0})

    register(reporting(None, execute=execute))

    codes = [run_eval(bench).code for _ in range(3)]
    last = run_eval(bench, "--json").json

    assert codes == [1, 1, 0]
    assert seen == [[], [], []]
    assert ids() == [last["run_id"]]
    folder = Path(the_run(bench).location)
    kept = [(folder / name / "log.txt").read_text() for name in ("external.1", "external.2")]
    assert [*kept, (folder / "external/log.txt").read_text()] == [
        "attempt 1", "attempt 2", "attempt 3"
    ]  # fmt: skip
    assert len(the_run(bench).record["sessions"]) == 3
    assert the_run(bench).status == "complete"
    assert "error" not in the_run(bench).record


class Named(MockProvider):
    """A model behind a name."""

    how: ClassVar = Identity.NAME

    @classmethod
    def identify(cls, config: Any) -> dict[str, Any]:
        return {"fingerprint": "name:x", "known_by": str(cls.how)}


@pytest.mark.parametrize(
    ("how", "runs"), [(Identity.NAME, 2), (Identity.PLACE, 2), (Identity.SERVICE, 1)]
)
def test_a_model_that_may_change_behind_its_name_is_evaluated_anew(
    bench: Any, register: Register, how: Identity, runs: int
) -> None:
    register(Guess)
    kind = type("Served", (Named,), {"how": how})
    plugins.manager().registry("providers").add("named", kind, ACME)

    for _ in range(2):
        assert bench.cli("external", "run", "acme", "-m", "named:x").code == 0

    assert len(set(ids())) == runs


def test_a_step_is_set_on_the_run_that_is_there(bench: Any, register: Register) -> None:
    register(Guess)
    run_eval(bench)

    done = run_eval(bench, "--step", "600")

    assert "now has the step 600" in done.err
    assert [run.record["model"]["step"] for run in Store("results").runs()] == [600]


def test_a_key_is_no_part_of_what_is_run(bench: Any, register: Register) -> None:
    register(reporting(ExternalEvalResult({"accuracy": 1.0}), arguments={"api_key": Argument("")}))

    for key in ("first-key-1", "second-key-2"):
        assert run_eval(bench, "-a", f"api_key={key}").code == 0

    assert len(ids()) == 1


SLOW = STUCK.replace("stuck", "slow").replace(
    "await asyncio.to_thread(time.sleep, 600)",
    "while not (context.folder.parent / 'go').exists():\n"
    "            await asyncio.sleep(0.02)\n"
    "        from olmo_eval.evals.external import ExternalEvalResult\n"
    "        return ExternalEvalResult({'accuracy': 1.0})",
)


def test_two_processes_make_one_run(bench: Any) -> None:
    (bench.folder / "slow.py").write_text(SLOW)
    command = ("external", "run", "slow", "-m", "mock", "--plugin", "slow.py", "--json")
    first = bench.start(*command)
    while not (begun := list(bench.folder.glob("results/runs/*/external/begun"))):
        assert first.poll() is None
        time.sleep(0.02)

    second = bench.start(*command)
    said = iter(second.stderr.readline, "")
    assert any("is being made by process" in line for line in said)
    (begun[0].parent.parent / "go").touch()
    made = [process.communicate(timeout=60)[0] for process in (first, second)]

    assert made[0] == made[1]
    assert len(ids()) == 1


def test_a_spec_makes_the_run_of_the_command(bench: Any, register: Register) -> None:
    register(Guess)
    command = ("-a", "questions=3", "-o", "system_prompt=x")
    (bench.folder / "spec.json").write_text(run_eval(bench, *command, "--print-spec").out)
    assert not (bench.folder / "results").exists()

    (made,) = bench.cli("run", "--spec", "spec.json", "--json").json

    assert run_eval(bench, *command, "--json").json["run_id"] == made["run_id"]
    assert "perplexity" in bench.cli("run", "--spec", "spec.json").out


# -- secrets


SECRET = "acme-secret-31337"


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ACME_API_KEY", SECRET)
    return SECRET


def leaking(folder: Path) -> Iterator[str]:
    """The files of a run, but for the eval's own, in which the secret stands."""
    for path in folder.rglob("*"):
        if not path.is_file() or "external" in path.parts:
            continue
        texts = [path.read_bytes().decode("latin-1")]
        if path.suffix == ".parquet":
            texts.append(str(pq.read_table(path).to_pylist()))
        if any(SECRET in text for text in texts):
            yield path.name


def test_no_secret_reaches_the_tables_of_an_external_eval(
    bench: Any, register: Register, secret: str
) -> None:
    one = ExternalInstance(
        f"id {secret}",
        1.0,
        question=f"is it {secret}?",
        answer=f"yes: {secret}",
        gold=secret,
        metadata={"cluster": secret, "headers": {"Authorization": secret}},
    )
    metric = ExternalMetric(f"with {secret}", higher_is_better=True)
    result = ExternalEvalResult({"accuracy": 1.0, metric: 1.0}, [one], metadata={"log": [secret]})
    register(reporting(result, arguments={"api_key": Argument("of the service", "")}))

    done = run_eval(bench, "-a", "api_key=argument-secret-1")

    assert done.code == 0, done.err
    run = the_run(bench)
    assert list(leaking(Path(run.location))) == []
    assert "argument-secret-1" not in (Path(run.location) / "run.json").read_text()
    assert run.instances("acme").to_pylist()[0]["question"] == "is it [redacted]?"
    assert SECRET not in done.out + done.err


def test_no_secret_reaches_the_record_of_an_eval_that_fails(
    bench: Any, register: Register, secret: str
) -> None:
    kind = raising(RuntimeError(f"cannot log in with {secret} and argument-secret-1"))
    kind.arguments = {"password": Argument("of the service", "")}
    register(kind)

    done = run_eval(bench, "-a", "password=argument-secret-1")

    kept = (Path(the_run(bench).location) / "run.json").read_text()
    assert "cannot log in with [redacted] and [redacted]" in kept
    assert SECRET not in done.err + kept
    assert "argument-secret-1" not in done.err + kept


def test_a_file_of_the_eval_that_holds_a_secret_is_named(
    bench: Any, register: Register, secret: str
) -> None:
    async def execute(self: Any, context: Any) -> ExternalEvalResult:
        (context.folder / "journal").mkdir()
        (context.folder / "journal/service.log").write_text("x" * 2**20 + f"\nkey {secret}")
        (context.folder / "clean.log").write_text("nothing")
        return ExternalEvalResult({"accuracy": 1.0})

    register(reporting(None, execute=execute))

    done = run_eval(bench)

    assert "external/journal/service.log holds a secret" in done.err
    (remark,) = the_run(bench).record["remarks"]
    assert remark.startswith("external/journal/service.log")


# -- in a bucket


@pytest.fixture
def bucket(bench: Any, s3: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of an S3 server with the bucket ``evals``."""
    monkeypatch.setenv("OLMO_EVAL_CACHE", str(bench.folder / "cache"))
    s3.create_bucket(Bucket="evals")
    return s3


@pytest.mark.engine
def test_results_and_checkpoints_may_be_in_a_bucket(
    bench: Any, register: Register, bucket: Any
) -> None:
    async def execute(self: Any, context: Any) -> ExternalEvalResult:
        (context.folder / "journal").mkdir()
        (context.folder / "journal/log.txt").write_text("all is well")
        assert Path(context.provider.config.model).joinpath("config.json").is_file()
        return ExternalEvalResult({"accuracy": 1.0}, [ExternalInstance("a", 1.0)])

    register(reporting(None, execute=execute))
    checkpoint = "s3://evals/run1/step10"
    bucket.put_object(Bucket="evals", Key="run1/step10/config.json", Body=b"{}")

    command = (
        "external", "run", "acme", "-m", checkpoint, "--provider", "mock",
        "--results", "s3://evals/team", "--json",
    )  # fmt: skip
    done = bench.cli(*command)
    again = bench.cli(*command, "--step", "20")

    assert done.code == 0, done.err
    assert "is complete; --fresh makes it anew" in again.err
    assert again.json["run_id"] == done.json["run_id"]
    assert done.json["location"].startswith("s3://evals/team/runs/")
    assert not (bench.folder / "s3:").exists()
    (run,) = Store("s3://evals/team").runs()
    assert (run.model, run.record["model"]["step"], run.status) == (checkpoint, 20, "complete")
    assert set(run.metrics()["step"].to_pylist()) == {20}
    assert run.instances("acme").num_rows == 1
    kept = bucket.list_objects_v2(Bucket="evals", Prefix="team/")["Contents"]
    assert any(entry["Key"].endswith("/external/journal/log.txt") for entry in kept)
