"""The everyday commands, as a person types them: a process each, real files, real tables."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parent.parent
FRESHQA = ROOT / "examples/freshqa.py"
ANNOUNCED = ROOT / "tests/data/announcement_freshqa.py"
QUESTIONS = ROOT / "examples/data/freshqa.jsonl"
PACK = ROOT / "examples/third_party_pack/src"

OlmoEval = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def olmo_eval(tmp_path: Path) -> OlmoEval:
    """Run ``olmo-eval`` in an empty folder; fails the test on an unexpected exit code."""

    def run(
        *arguments: object, code: int = 0, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "olmo_eval.cli", *map(str, arguments)],
            cwd=tmp_path,
            env=clean_environment() | (env or {}),
            capture_output=True,
            text=True,
            timeout=120,
        )
        shown = f"{arguments}\n{done.stdout}{done.stderr}"
        assert done.returncode == code, f"exit code {done.returncode}\n{shown}"
        assert "Traceback" not in done.stderr, shown
        return done

    return run


def clean_environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("OLMO_EVAL_")}


def runs(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob("results/runs/*/run.json"))


def record(run: Path) -> dict[str, Any]:
    """The whole record of a run."""
    summary, lock = (json.loads((run / name).read_text()) for name in ("run.json", "lock.json"))
    return {**summary, **lock}


# -- one run and its results


@pytest.mark.parametrize("written", ["10", '["10"]'])
def test_one_stop_sequence_is_not_its_digits(
    olmo_eval: OlmoEval, tmp_path: Path, written: str
) -> None:
    olmo_eval(
        "run", "-m", ROOT / "examples/tiny_model/checkpoints/step1000", "-t", "tiny_sums",
        "-o", f"stop_sequences={written}",
    )  # fmt: skip

    (run,) = runs(tmp_path)
    assert pq.read_table(run / "metrics.parquet")["value"].to_pylist() == [0.875]


def test_a_plain_file_is_evaluated(olmo_eval: OlmoEval, tmp_path: Path) -> None:
    printed = olmo_eval("run", "--plugin", FRESHQA, "-m", "mock", "-t", "internal_freshqa:3shot")

    assert "internal_freshqa:3shot" in printed.stdout
    (run,) = runs(tmp_path)
    about = record(run)
    assert about["status"] == "complete"
    assert about["plugins"]["tasks"]["internal_freshqa:3shot"]["distribution"] == "freshqa.py"
    assert about["plugins"]["providers"]["mock"]["distribution"] == "olmo-eval"


def test_results_are_read_with_pyarrow_alone(olmo_eval: OlmoEval, tmp_path: Path) -> None:
    olmo_eval(
        "run", "--plugin", FRESHQA, "-m", "mock", "-t", "internal_freshqa:zero",
        "-o", "provider.kwargs.skill=1",
    )  # fmt: skip

    (run,) = runs(tmp_path)
    (score,) = pq.read_table(run / "metrics.parquet").to_pylist()
    assert (score["metric"], score["value"], score["n_expected"]) == ("accuracy", 1.0, 32)
    assert score["ci_low"] < 1.0 <= score["ci_high"]
    file = "internal_freshqa%3Azero.parquet"
    instances = pq.read_table(run / "instances" / file).to_pylist()
    answers = pq.read_table(run / "answers" / file).to_pylist()
    assert len(instances) == 32
    first = instances[0]
    assert first["instance_id"] == "cap-fr"
    assert answers[0]["outputs"][0]["text"] == first["text"] == first["gold"] == "Paris"
    assert json.loads(answers[0]["request"]["messages"])[-1]["content"].endswith("of France?")
    assert first["values"]["accuracy:exact_match"] == 1.0


def test_json_output_is_json_and_progress_goes_elsewhere(olmo_eval: OlmoEval) -> None:
    printed = olmo_eval(
        "run", "--plugin", FRESHQA, "-m", "mock", "-t", "internal_freshqa", "--json"
    )

    (run,) = json.loads(printed.stdout)
    assert run["status"] == "complete"


def test_the_same_command_again_asks_nothing_again(olmo_eval: OlmoEval, tmp_path: Path) -> None:
    command = ("run", "--plugin", FRESHQA, "-m", "mock", "-t", "internal_freshqa")

    olmo_eval(*command)
    again = olmo_eval(*command)
    assert "complete" in again.stderr
    assert len(runs(tmp_path)) == 1

    olmo_eval(*command, "--fresh")
    assert len(runs(tmp_path)) == 2


def test_a_killed_run_resumes_to_the_same_results(olmo_eval: OlmoEval, tmp_path: Path) -> None:
    def command(where: str) -> list[str]:
        settings = ("provider.kwargs.skill=0.5", "provider.kwargs.latency=0.1", "max_concurrency=1")
        overrides = [part for setting in settings for part in ("-o", setting)]
        task = ["--plugin", str(FRESHQA), "-m", "mock", "-t", "internal_freshqa:3shot"]
        return ["run", *task, *overrides, "--results", where]

    process = subprocess.Popen(
        [sys.executable, "-m", "olmo_eval.cli", *command("killed")],
        cwd=tmp_path, env=clean_environment(),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    journal: list[Path] = []
    while time.monotonic() < deadline and not (journal and journal[0].stat().st_size > 3000):
        journal = list(tmp_path.glob("killed/runs/*/journal/*.jsonl"))
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()

    resumed = olmo_eval(*command("killed"))
    olmo_eval(*command("unbroken"))

    assert "resuming" in resumed.stderr
    tables = []
    for where in ("killed", "unbroken"):
        (table,) = tmp_path.glob(f"{where}/runs/*/instances/*.parquet")
        rows = pq.read_table(table).to_pylist()
        tables.append([{k: v for k, v in row.items() if k != "latency"} for row in rows])
    assert tables[0] == tables[1]


def test_limit_is_the_same_subset_whatever_else_runs(olmo_eval: OlmoEval, tmp_path: Path) -> None:
    task = ("run", "--plugin", FRESHQA, "-m", "mock", "-t", "internal_freshqa")

    olmo_eval(*task, "--limit", 5, "--results", "five")
    olmo_eval(*task, "-o", "limit=9", "-t", "internal_freshqa:3shot", "--results", "nine")

    ids = []
    for where in ("five", "nine"):
        (table,) = tmp_path.glob(f"{where}/runs/*/instances/internal_freshqa.parquet")
        ids.append(set(pq.read_table(table, columns=["instance_id"])["instance_id"].to_pylist()))
    assert (len(ids[0]), len(ids[1])) == (5, 9)
    assert ids[0] < ids[1]


def test_a_dry_run_writes_nothing(olmo_eval: OlmoEval, tmp_path: Path) -> None:
    printed = olmo_eval(
        "run", "--plugin", FRESHQA, "-m", "mock", "-t", "internal_freshqa:3shot", "--dry-run"
    )

    assert "internal_freshqa:3shot" in printed.stdout
    assert not (tmp_path / "results").exists()


# -- comparing


@pytest.fixture
def two_runs(olmo_eval: OlmoEval) -> OlmoEval:
    for name, skill in (("weak", 0.2), ("strong", 0.9)):
        olmo_eval(
            "run", "--plugin", FRESHQA, "-m", "mock", "-t", "internal_freshqa:zero",
            "-o", f"provider.kwargs.skill={skill}", "--name", name, "--group", "demo",
        )  # fmt: skip
    return olmo_eval


def test_a_comparison_ends_in_a_verdict(two_runs: OlmoEval) -> None:
    printed = two_runs("compare", "name=weak", "name=strong").stdout
    assert "better" in printed
    assert "McNemar" in printed

    found = json.loads(two_runs("compare", "name=weak", "name=strong", "--json").stdout)
    (task,) = found["tasks"]
    assert found["verdict"] == "better"
    assert task["name"] == "internal_freshqa:zero"

    back = json.loads(two_runs("compare", "name=strong", "name=weak", "--json").stdout)
    assert back["verdict"] == "worse"


def test_questions_that_flipped_are_shown_with_both_answers(two_runs: OlmoEval) -> None:
    printed = two_runs("compare", "name=weak", "name=strong", "--show", "improved", "-n", 40)

    assert "The answer is 42." in printed.stdout
    assert "What is the" in printed.stdout


def test_runs_are_listed_and_shown(two_runs: OlmoEval, tmp_path: Path) -> None:
    listed = two_runs("results", "list").stdout
    shown = two_runs("results", "show", "name=strong").stdout

    assert all(run.name in listed for run in runs(tmp_path))
    assert "internal_freshqa:zero" in shown


def test_the_python_interface_does_what_the_commands_do(two_runs: OlmoEval, tmp_path: Path) -> None:
    script = (
        "import olmo_eval\n"
        "found = olmo_eval.compare('name=weak', 'name=strong')\n"
        "print(found.kind, found.to_arrow().num_rows)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout.split() == ["better", "1"]


# -- the announcement's files, word for word


def test_the_announced_file_runs_on_a_local_file(olmo_eval: OlmoEval, tmp_path: Path) -> None:
    olmo_eval(
        "run", "--plugin", ANNOUNCED, "-m", "mock", "-t", "internal_freshqa:3shot",
        "-o", f"data_source={QUESTIONS}",
    )  # fmt: skip

    (run,) = runs(tmp_path)
    assert pq.read_table(run / "metrics.parquet").to_pylist()[0]["n_scored"] == 32


@pytest.mark.engine
def test_the_announced_file_runs_on_s3(olmo_eval: OlmoEval, s3: Any, tmp_path: Path) -> None:
    s3.create_bucket(Bucket="evals")
    s3.upload_file(str(QUESTIONS), "evals", "internal/freshqa.jsonl")
    olmo_eval("run", "--plugin", ANNOUNCED, "-m", "mock", "-t", "internal_freshqa:3shot")

    (run,) = runs(tmp_path)
    assert pq.read_table(run / "metrics.parquet").to_pylist()[0]["n_scored"] == 32
    assert "local-secret" not in (run / "run.json").read_text()


def test_the_announced_suite_is_listed_and_says_which_member_does_not_resolve(
    olmo_eval: OlmoEval,
) -> None:
    files = ("--plugin", FRESHQA, "--plugin", ROOT / "examples/freshqa_suite.py")

    assert "base_qa_few_shot" in olmo_eval("suites", *files, "-f", "few_shot").stdout
    refused = olmo_eval("run", *files, "-m", "mock", "-t", "base_qa_few_shot", code=2)
    assert "base_qa_few_shot" in refused.stderr
    assert "sciq:mc:3shot" in refused.stderr or "internal_freshqa:mc:3shot" in refused.stderr


# -- looking


def test_every_kind_is_listed(olmo_eval: OlmoEval) -> None:
    for kind in (
        "tasks", "suites", "models", "harnesses", "scaffolds", "providers", "sandboxes", "tools",
        "scorers", "judges",
    ):  # fmt: skip
        listed = json.loads(olmo_eval(kind, "--json").stdout)
        assert isinstance(listed, list)


def test_plugins_are_listed_with_their_failures(olmo_eval: OlmoEval, tmp_path: Path) -> None:
    package = tmp_path / "site"
    info = package / "broken_evals-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-evals\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[olmo_eval]\nbroken = broken_evals\n")
    (package / "broken_evals.py").write_text("raise RuntimeError('out of cheese')\n")
    env = {"PYTHONPATH": str(package)}

    printed = olmo_eval("plugins", env=env).stdout
    listed = json.loads(olmo_eval("plugins", "--json", env=env).stdout)

    assert "olmo-eval-tasks" in printed
    assert "broken-evals" in printed
    assert "RuntimeError: out of cheese" in printed
    assert "out of cheese" in json.dumps(listed)
    olmo_eval("run", "--plugin", FRESHQA, "-m", "mock", "-t", "internal_freshqa", env=env)


def test_a_task_shows_what_reaches_the_model(olmo_eval: OlmoEval) -> None:
    inspect = ("task", "inspect", "--plugin", "acme_evals", "acme_riddles:3shot")
    env = {"PYTHONPATH": str(PACK)}

    printed = olmo_eval(*inspect, "--request", env=env).stdout
    assert "Riddle: What has keys but opens no lock?" in printed
    (view,) = json.loads(olmo_eval(*inspect, "--skip", 1, "--json", env=env).stdout)
    assert view["request"]["prompt"].count("Riddle:") == 4
    assert view["request"]["prompt"].endswith("cannot clap?\nAnswer:")


# -- what is wrong is said in a line, with the way out


MOCK = ("run", "-m", "mock", "-t")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((*MOCK, "gsm9k"), 2, ["unknown task 'gsm9k'", "did you mean gsm8k"]),
        ((*MOCK, "internal_freshqa:4shot"), 2, ["no variant '4shot'", "3shot"]),
        ((*MOCK, "internal_freshqa", "-o", "limt=3"), 2, ["limt", "limit"]),
        ((*MOCK, "internal_freshqa", "-o", "limit"), 2, ["'limit' has no '='"]),
        ((*MOCK, "internal_freshqa", "-o", "limit=many"), 2, ["limit"]),
        ((*MOCK, "internal_freshqa", "--harness", "defualt"), 2, ["did you mean default"]),
        ((*MOCK, "internal_freshqa", "--provider", "moc"), 2, ["moc", "mock"]),
        ((*MOCK, "internal_freshqa", "-o", "num_fewshot=99"), 1, ["99", "32"]),
        ((*MOCK, "internal_freshqa", "-o", "data_source=no/where.jsonl"), 1, ["no/where.jsonl"]),
        (("run", "-m", "mock"), 2, ["-t"]),
        (("run", "-m", "no/such/checkpoint", "-t", "internal_freshqa"), None, ["no/such"]),
        (("compare", "a", "b"), None, ["a"]),
        (("taks",), 2, ["did you mean", "task"]),
        (("tasks", "--plugin", "nowhere.py"), 2, ["no such plugin file: nowhere.py"]),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_a_way_out(
    tmp_path: Path, arguments: tuple[str, ...], code: int | None, said: list[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "olmo_eval.cli", *arguments],
        cwd=tmp_path,
        env=clean_environment() | {"OLMO_EVAL_PLUGINS": str(FRESHQA)},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode in ((1, 2) if code is None else (code,)), done.stderr
    assert "Traceback" not in done.stderr
    for text in said:
        assert text in done.stderr, done.stderr


def test_a_malformed_row_names_file_and_line(olmo_eval: OlmoEval, tmp_path: Path) -> None:
    rows = QUESTIONS.read_text().splitlines()
    rows[6] = rows[6][:-5]
    (tmp_path / "torn.jsonl").write_text("\n".join(rows))

    failed = olmo_eval(
        "run", "--plugin", FRESHQA, "-m", "mock", "-t", "internal_freshqa",
        "-o", "data_source=torn.jsonl", code=1,
    )  # fmt: skip
    assert "torn.jsonl" in failed.stderr
    assert "7" in failed.stderr


def test_malformed_yaml_names_the_file(olmo_eval: OlmoEval, tmp_path: Path) -> None:
    (tmp_path / "harness.yaml").write_text("name: [unclosed\n")
    (tmp_path / "unknown.yaml").write_text("max_turn: 3\n")
    task = ("run", "--plugin", FRESHQA, "-m", "mock", "-t", "internal_freshqa")

    broken = olmo_eval(*task, "--harness-config", "harness.yaml", code=2)
    unknown = olmo_eval(*task, "--harness-config", "unknown.yaml", code=2)

    assert "harness.yaml" in broken.stderr
    assert "unknown.yaml" in unknown.stderr
    assert "max_turns" in unknown.stderr


def test_a_results_folder_that_cannot_be_written_is_an_error(
    olmo_eval: OlmoEval, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file\n")

    failed = olmo_eval(
        "run", "--plugin", FRESHQA, "-m", "mock", "-t", "internal_freshqa", "--results", "taken",
        code=1,
    )  # fmt: skip
    assert "taken" in failed.stderr


def test_debug_shows_where(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "olmo_eval.cli", "run", "-m", "mock", "-t", "gsm9k", "--debug"],
        cwd=tmp_path, env=clean_environment(), capture_output=True, text=True,
    )  # fmt: skip

    assert done.returncode == 2
    assert "Traceback" in done.stderr


# -- real benchmark data


def test_real_benchmarks_run_from_the_mirror(
    olmo_eval: OlmoEval, data_mirror: Path, tmp_path: Path
) -> None:
    olmo_eval(
        "run", "-m", "mock", "-t", "gsm8k:olmo3base", "-t", "arc_easy:mc:olmes", "-t", "mmlu",
        "--limit", 10, env={"OLMO_EVAL_DATA_MIRROR": str(data_mirror)},
    )  # fmt: skip

    (run,) = runs(tmp_path)
    scores = {row["name"]: row for row in pq.read_table(run / "metrics.parquet").to_pylist()}
    assert len(list((run / "instances").iterdir())) == 2 + 57
    assert scores["mmlu"]["kind"] == "suite"
    assert scores["mmlu"]["n_scored"] == 570


@pytest.mark.slow
def test_the_embedded_model_runs_real_benchmarks(
    olmo_eval: OlmoEval, data_mirror: Path, tmp_path: Path
) -> None:
    checkpoint = sorted((ROOT / "examples/tiny_model/checkpoints").iterdir())[0]
    olmo_eval(
        "run", "-m", checkpoint, "--provider", "embedded",
        "-t", "arc_challenge:rc", "-t", "piqa:bpb", "--limit", 20,
        env={"OLMO_EVAL_DATA_MIRROR": str(data_mirror)},
    )  # fmt: skip

    (run,) = runs(tmp_path)
    assert record(run)["model"]["provider"] == "embedded"
    assert all(row["n_scored"] == 20 for row in pq.read_table(run / "metrics.parquet").to_pylist())


def test_every_key_of_run_json_is_documented(olmo_eval: OlmoEval, tmp_path: Path) -> None:
    olmo_eval("run", "--plugin", FRESHQA, "-m", "mock", "-t", "internal_freshqa", "--limit", 2)

    (run,) = runs(tmp_path)
    page = (ROOT / "docs/schema.md").read_text(encoding="utf-8")
    listed = page.partition("## run.json and lock.json")[2]
    assert not [key for key in record(run) if f"`{key}`" not in listed]
