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
    ((*SUMS, "--limit", "99999999999"), ["limit must be"]),
    ((*SUMS, "--seed", "x"), ["--seed"]),
    ((*SUMS, "--seed", "-1"), ["seed must be"]),
    ((*SUMS, "--max-cost", "nan"), ["--max-cost", "nan is not a finite number"]),
    ((*SUMS, "--fail-if-missing", "nan"), ["--fail-if-missing", "nan is not a finite number"]),
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
    (("task", "inspect", "sums", "--skip", "99999999999999999999"), ["no instance number"]),
    (("suite", "inspect", "bth"), ["both"]),
]  # fmt: skip

#: a value for -o, and what its setting must be
OUT_OF_BOUNDS = [
    ("max_tokens=0", "max_tokens must be a whole number from 1 to 2147483647, got 0"),
    ("max_tokens=4294967297", "max_tokens must be"),
    ("temperature=1e999", "temperature must be a finite number, at least 0, got inf"),
    ("temperature=NaN", "expected float"),
    ("temperature=-0.1", "temperature must be"),
    ("top_p=7", "top_p must be a finite number, above 0 and at most 1, got 7"),
    ("top_p=0", "top_p must be"),
    ("top_k=-3", "top_k must be a whole number from 0 to 2147483647, got -3"),
    ("logprobs=-1", "logprobs must be"),
    ("num_samples=0", "num_samples must be"),
    ("num_samples=1000000000", "num_samples must be a whole number from 1 to 100000"),
    ("stop_sequences=", "stop_sequences must not hold an empty text"),
    ('stop_sequences=["a", ""]', "stop_sequences must not hold an empty text"),
    ("sampling_params.seed=-1", "seed must be"),
    ("seed=18446744073709551616", "seed must be a whole number from 0 to 9223372036854775807"),
    ("fewshot_seed=-1", "fewshot_seed must be"),
    ("num_fewshot=-1", "num_fewshot must be"),
    ("num_fewshot=99999999999", "num_fewshot must be"),
    ("limit=-5", "limit must be"),
    ("limit=99999999999999999999", "limit must be"),
    ("max_length=0", "max_length must be"),
    ("provider.timeout=1e999", "timeout must be"),
    ("provider.timeout=-1", "timeout must be a finite number, above 0, got -1"),
    ("provider.max_model_len=0", "max_model_len must be"),
    ("provider.max_retries=-1", "max_retries must be"),
    ("provider.num_instances=0", "num_instances must be"),
    ("provider.max_concurrency=1000000000", "max_concurrency must be"),
    ("provider.kwargs.faults.fail=2", "fail must be"),
    ("provider.kwargs.latency=1e999", "latency must be seconds"),
    ("max_turns=0", "max_turns must be"),
    ("max_total_tokens=0", "max_total_tokens must be"),
    ("max_total_tokens=-10", "max_total_tokens must be"),
    ("timeout=0", "timeout must be"),
    ("timeout=1e999", "timeout must be"),
    ("scoring_concurrency=0", "scoring_concurrency must be"),
    ('sandboxes=[{"cpus": 0}]', "cpus must be"),
    ('sandboxes=[{"memory": "0"}]', "memory: expected a size"),
    ('sandboxes=[{"command_timeout": -1}]', "command_timeout must be"),
]

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


@pytest.mark.parametrize(("override", "said"), OUT_OF_BOUNDS)
def test_a_number_out_of_bounds_is_refused_with_its_place(
    bench: Any, override: str, said: str
) -> None:
    place = "provider.kwargs" if ".kwargs." in override else f"override {override!r}"

    check(bench.cli(*SUMS, "-o", override), 2, [place, said])


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
        ("name: [unclosed", "not valid YAML"),
        ("max_turn: 3", "max_turns"),
        ("max_turns: three", "max_turns"),
        ("- a\n- list", "expected a mapping"),
        ("provider: {kind: mock, timeout: soon}", "provider.timeout"),
        ("timeout: .nan", "harness: timeout must be a finite number, above 0, got nan"),
        ("max_total_tokens: 0", "harness: max_total_tokens must be"),
        ("provider: {max_model_len: 0}", "harness.provider: max_model_len must be"),
        ("sandboxes: [{memory: lots}]", "expected a size such as 512m"),
        ("tool_choice: maybe", "tool_choice"),
        ("tools: {calculator: 1}", "harness.tools: expected a list"),
        ("required_secrets: 3", "harness.required_secrets: expected a list"),
        ("!!python/object/apply:os.system ['true']", "not valid YAML"),
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
