"""What is wrong is said in one line, with the way out, and the right exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

MOCK = ("run", "-m", "mock", "-t")
SUMS = (*MOCK, "sums")

USAGE: list[tuple[tuple[object, ...], list[str]]] = [
    ((*MOCK, "sms"), ["unknown task 'sms'", "did you mean sums"]),
    ((*MOCK, "bth"), ["unknown task or suite 'bth'", "did you mean the suite both"]),
    ((*MOCK, "sums:3shot"), ["no variant '3shot'", "did you mean 2shot"]),
    ((*MOCK, "sums::"), ["bad task spec 'sums::'"]),
    ((*MOCK, ""), ["bad task spec ''"]),
    ((*SUMS, "-o", "limt=3"), ["'limt'", "did you mean limit"]),
    ((*SUMS, "-o", "formatter.templte=x"), ["formatter.templte", "did you mean template"]),
    ((*SUMS, "-o", "provider.kwargs.skil=1"), ["skil", "did you mean skill"]),
    ((*SUMS, "-o", "limit"), ["'limit' has no '='"]),
    ((*SUMS, "-o", "limit=0"), ["limit=0"]),
    ((*SUMS, "-o", "limit=ten"), ["limit=ten", "expected int"]),
    ((*SUMS, "-o", "temperature=-1"), ["temperature=-1"]),
    ((*SUMS, "-o", "metrics=[acuracy]"), ["unknown metric 'acuracy'", "did you mean accuracy"]),
    ((*SUMS, "-o", "metrics=[accuracy:exact]"), ["exact", "exact_match"]),
    ((*SUMS, "-o", "metrics=null"), ["task 'sums' has no metrics"]),
    ((*SUMS, "-o", "primary_metric=f1"), ["no metric 'f1'", "accuracy"]),
    ((*SUMS, "-o", "answer_extractor=no.where:f"), ["no.where:f", "cannot be imported"]),
    ((*SUMS, "-o", "max_concurrency=0"), ["max_concurrency"]),
    ((*SUMS, "-o", "provider.max_concurrency=0"), ["max_concurrency"]),
    ((*SUMS, "-o", "provider.max_concurrency=-4"), ["max_concurrency"]),
    ((*SUMS, "-o", "provider.timeout=0"), ["timeout"]),
    ((*SUMS, "-o", "provider.max_retries=-1"), ["max_retries"]),
    ((*SUMS, "-o", "provider.kwargs.latency=soon"), ["latency", "'soon'"]),
    ((*SUMS, "-o", "scaffold=no_such"), ["no_such"]),
    ((*SUMS, "-o", 'tools=["no_such"]'), ["no_such"]),
    ((*SUMS, "--harness", "defalt"), ["did you mean default"]),
    ((*SUMS, "--harness-config", "none.yaml"), ["none.yaml"]),
    ((*SUMS, "-H", "default", "--harness-config", "h.yaml"), ["exclude each other"]),
    ((*SUMS, "--provider", "mok"), ["mok", "mock"]),
    ((*SUMS, "--limit", "0"), ["--limit"]),
    ((*SUMS, "--seed", "x"), ["--seed"]),
    ((*SUMS, "--fail-if-missing", "101"), ["--fail-if-missing"]),
    ((*SUMS, "--lmit", "3"), ["--lmit", "--limit"]),
    (("run", "-m", "mock"), ["nothing to run", "-t TASK"]),
    (("run", "-t", "sums"), ["-m"]),
    (("run", "-m", "", "-t", "sums"), ["model"]),
    (("run", "-m", "mock:", "-t", "pick", "-o", "provider.kwargs.capabilities=[chat]"),
     ["cannot measure log-likelihoods"]),
    (("run", "-m", "mock", "-t", "sums", "-o", "required_secrets=[NO_SUCH_KEY]"), ["NO_SUCH_KEY"]),
    ((*SUMS, "-o", "formatter=null", "-o", "num_fewshot=2"),
     ["2 few-shot examples", "without a formatter", "num_fewshot=0"]),
    (("task", "inspect", "sums", "-o", "formatter=null", "-o", "num_fewshot=2"),
     ["2 few-shot examples", "without a formatter", "num_fewshot=0"]),
    (("plan", "-m", "mock", "-t", "sms"), ["did you mean sums"]),
    (("rescore", "nothing"), ["no run 'nothing'"]),
    (("results", "show", "nothing"), ["no run 'nothing'"]),
    (("results", "show"), ["RUN"]),
    (("reslts",), ["did you mean results"]),
    (("run", "--plugin", "nowhere.py", "-m", "mock", "-t", "sums"), ["nowhere.py"]),
    (("run", "--plugin"), ["--plugin"]),
    (("task", "inspect", "sms"), ["did you mean sums"]),
    (("suite", "inspect", "bth"), ["both"]),
]  # fmt: skip

FAILED: list[tuple[tuple[object, ...], list[str]]] = [
    ((*SUMS, "-o", "num_fewshot=99"), ["99", "10", "num_fewshot=10"]),
    ((*SUMS, "-o", "data_source=none.jsonl"), ["none.jsonl", "no such file"]),
    ((*SUMS, "-o", "data_source=empty.jsonl"), ["empty.jsonl"]),
    ((*SUMS, "-o", "data_source=torn.jsonl"), ["torn.jsonl", "3"]),
    ((*SUMS, "-o", "data_source=other.jsonl"), ["other.jsonl", "no field 'id'", "text"]),
    (("run", "--plugin", "broken.py", "-m", "mock", "-t", "sums"), ["broken.py", "out of cheese"]),
    (("compare", "brokenrun", "latest"), ["brokenrun"]),
]


@pytest.fixture
def clumsy(bench: Any) -> Any:
    """A bench with files that are wrong in every way."""
    rows = [json.dumps(row) for row in bench.read("sums/test.jsonl")]
    Path("torn.jsonl").write_text("\n".join([*rows[:2], rows[2][:-4], *rows[3:]]))
    Path("empty.jsonl").write_text("")
    bench.write("other.jsonl", [{"text": "no question here"}])
    Path("broken.py").write_text("raise RuntimeError('out of cheese')")
    Path("h.yaml").write_text("max_turns: 3")
    return bench


@pytest.mark.parametrize(("arguments", "said"), USAGE, ids=lambda v: " ".join(map(str, v)))
def test_a_wrong_request_is_usage(clumsy: Any, arguments: Any, said: list[str]) -> None:
    check(clumsy.cli(*arguments), 2, said)
    assert not Path("results/runs").exists() or not list(Path("results/runs").glob("2*"))


@pytest.mark.parametrize(("arguments", "said"), FAILED, ids=lambda v: " ".join(map(str, v)))
def test_a_run_that_cannot_be_made_fails(clumsy: Any, arguments: Any, said: list[str]) -> None:
    clumsy.evaluate("sums", results="results")
    Path("results/runs/brokenrun").mkdir()
    Path("results/runs/brokenrun/run.json").write_text("{")

    check(clumsy.cli(*arguments), 1, said)


def check(done: Any, code: int, said: list[str]) -> None:
    assert done.code == code, done.err
    assert done.out == "" or done.out == "[]\n"
    assert "Traceback" not in done.err
    assert "defect" not in done.err
    lines = [line for line in done.err.splitlines() if line.lower().startswith("error")]
    assert len(lines) == 1, done.err
    for text in said:
        assert text in done.err, done.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name: [unclosed", "no valid YAML"),
        ("max_turn: 3", "max_turns"),
        ("max_turns: three", "max_turns"),
        ("- a\n- list", "expected a mapping"),
        ("provider: {kind: mock, timeout: soon}", "provider.timeout"),
        ("sandboxes: [{memory: lots}]", "expected a size such as 512m"),
        ("tool_choice: maybe", "tool_choice"),
        ("tools: {calculator: 1}", "harness.tools: expected a list"),
        ("required_secrets: 3", "harness.required_secrets: expected a list"),
        ("!!python/object/apply:os.system ['true']", "no valid YAML"),
    ],
)
def test_a_malformed_harness_names_file_and_key(bench: Any, content: str, said: str) -> None:
    Path("harness.yaml").write_text(content)

    refused = bench.cli(*SUMS, "--harness-config", "harness.yaml")

    check(refused, 2, ["harness.yaml", said])


@pytest.mark.parametrize("config", [None, "{", "[]", "{}", '{"model_type": "llama"}'])
def test_a_folder_that_is_no_checkpoint(bench: Any, config: str | None) -> None:
    pytest.importorskip("olmo_eval_providers")
    folder = Path("checkpoint")
    folder.mkdir()
    if config is not None:
        (folder / "config.json").write_text(config)

    done = bench.cli("run", "-m", "checkpoint", "-t", "sums", "--provider", "embedded")

    assert done.code in (1, 2)
    check(done, done.code, ["checkpoint"])


def test_a_dead_endpoint(bench: Any) -> None:
    plugin = Path(__file__).parent.parent / "packs/http_model.py"
    done = bench.cli(
        "run", "--plugin", plugin, "-m", "http_model:x", "-t", "sums",
        "-o", "provider.base_url=http://127.0.0.1:9", "-o", "provider.max_retries=0",
    )  # fmt: skip

    check(done, 1, ["127.0.0.1:9", "20 requests in a row failed", "rerun the same command"])


def test_a_suite_names_every_member_that_does_not_resolve(bench: Any) -> None:
    from olmo_eval.evals.suites import Suite, register

    register(Suite("hopeful", ("sums", "sms:2shot", "sums:2shots")))

    check(bench.cli(*MOCK, "hopeful"), 2, [
        "suite 'hopeful': 2 of 3 members cannot be run", "'sms:2shot'", "did you mean sums",
        "'sums:2shots'", "did you mean 2shot",
    ])  # fmt: skip


def test_a_traceback_appears_with_debug_only(bench: Any) -> None:
    assert "Traceback" not in bench.cli(*MOCK, "sms").err
    assert "Traceback" in bench.cli(*MOCK, "sms", "--debug").err


def test_help_is_no_error(bench: Any) -> None:
    for arguments in (("--help",), ("run", "--help"), ("compare", "-h"), ("--version",)):
        assert bench.cli(*arguments).code == 0
