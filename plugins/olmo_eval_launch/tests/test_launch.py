"""Jobs for schedulers: what is rendered is read by each one's own parser, schema or shell."""

from __future__ import annotations

import io
import json
import os
import runpy
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import yaml

from olmo_eval.cli.main import main
from olmo_eval.results.store import Store
from olmo_eval.runner.spec import RunSpec, TaskRequest

PACK = """
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Task, register

@register("sums")
class Sums(Task):
    data_source = DataSource(path="./sums", split="test")
    metrics = (AccuracyMetric(scorer=ExactMatchScorer),)
    def process_doc(self, doc, index=0):
        return Instance(doc["question"], doc["answer"], metadata={"id": doc["id"]})
"""
#: text that shells, YAML and Python would each take for something else
HOSTILE = 'it\'s "$HOME" `id` {x} %s\n#SBATCH --oops: é'
N = 200


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pack.py").write_text(PACK)
    (tmp_path / "sums").mkdir()
    rows = ({"id": f"s{n}", "question": f"{n} plus 1?", "answer": str(n + 1)} for n in range(N))
    (tmp_path / "sums/test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def spec(file: str, **more: Any) -> str:
    settings = {"model": "mock", "tasks": [TaskRequest("sums")], "results": "s3://evals/team"}
    made = RunSpec(**{**settings, "plugins": ("pack.py",), **more})
    Path(file).write_text(made.to_json())
    return file


def cli(*arguments: object) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    code = ended.value.code
    return (code if isinstance(code, int) else 0), out.getvalue(), err.getvalue()


def rendered(scheduler: str, *more: object) -> str:
    code, out, err = cli("launch", scheduler, *more, "--output", "-")
    assert code == 0, err
    return out


# -- slurm: bash runs the script as Slurm runs an element of the array


@pytest.fixture
def element(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Starts one element of an array job; ``scontrol`` notes what it is told."""
    programs = folder / "bin"
    programs.mkdir()
    for name, text in {
        "olmo-eval": f'exec "{sys.executable}" -m olmo_eval.cli "$@"',
        "scontrol": 'echo "$@" >> scontrol.log',
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)

    def start(script: str, number: int) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", script],
            env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}",
                 "SLURM_ARRAY_TASK_ID": str(number), "SLURM_ARRAY_JOB_ID": "77"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    return start


@pytest.mark.slow
def test_an_array_of_slurm_divides_its_runs(element: Any) -> None:
    specs = [spec(f"{n}.json", name=n, results="results") for n in ("one", "two")]
    code, _, err = cli("launch", "slurm", *specs, "--workers", 2, "--name", "Both of us!")
    assert code == 0, err
    assert "both-of-us.sbatch: 4 processes, 2 runs" in err
    assert "--array=0-3\n" in Path("both-of-us.sbatch").read_text()

    for process in [element("both-of-us.sbatch", n) for n in range(4)]:
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0, out

    runs = {run.summary["name"]: run for run in Store("results").runs()}
    assert {name: run.status for name, run in runs.items()} == dict.fromkeys(
        ("one", "two"), "complete"
    )
    assert all(run.scores()[0].n_scored == N for run in runs.values())


@pytest.mark.slow
def test_an_element_that_is_preempted_is_requeued_and_resumes(element: Any) -> None:
    slow = {"overrides": ("provider.kwargs.latency=0.1", "max_concurrency=2")}
    cli("launch", "slurm", spec("a.json", results="results", **slow), "--output", "job")
    process = element("job", 0)
    while not any(Path("results/runs").glob("*/journal/records.jsonl")):
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)

    assert process.returncode == 130, out
    assert Path("scontrol.log").read_text() == "requeue 77_0\n"
    (run,) = Store("results").runs()
    assert run.status == "interrupted"


@pytest.mark.slow
def test_what_fails_by_itself_is_not_requeued(element: Any) -> None:
    cli("launch", "slurm", spec("a.json", model="nothing:x", results="r"), "--output", "job")
    process = element("job", 0)
    process.communicate(timeout=60)

    assert process.returncode != 0
    assert not Path("scontrol.log").exists()


def test_directives_of_slurm(folder: Path) -> None:
    text = rendered(
        "slurm", spec("a.json"), "--gpus", 2, "--memory", "1.5Gi", "--hours", 0.5,
        "--option", "partition=gpu", "--option", "exclusive",
    )  # fmt: skip
    head = text.split("\n\n")[0]

    assert head.startswith("#!/bin/bash\n#SBATCH --")
    for line in ("mem=1536M", "time=30", "gpus-per-node=2", "partition=gpu", "exclusive",
                 "requeue", "signal=B:TERM@120"):  # fmt: skip
        assert f"#SBATCH --{line}\n" in f"{head}\n"


# -- kubernetes


@pytest.mark.engine
def test_kubernetes_schemas_know_all_of_it(folder: Path) -> None:
    validate = pytest.importorskip("kubernetes_validate").validate
    text = rendered(
        "kubernetes", spec("a.json"), spec("b.json", name=HOSTILE), "--workers", 3, "--gpus", 1,
        "--image", "registry/olmo-eval:1", "--secret", "api-keys", "--setup", "umask 002",
        "--option", "namespace=evals", "--option", "claim=shared:/results",
    )  # fmt: skip

    config, job = yaml.safe_load_all(text)
    validate(config, "1.31", strict=True)
    validate(job, "1.31", strict=True)
    assert job["spec"]["completions"] == 6
    assert json.loads(config["data"]["1.json"])["name"] == HOSTILE


@pytest.mark.engine
def test_a_pod_of_kubernetes_reads_its_spec(folder: Path) -> None:
    text = rendered("kubernetes", spec("a.json"), spec("b.json"), "--workers", 2, "--image", "i")
    config, job = yaml.safe_load_all(text)
    command = job["spec"]["template"]["spec"]["containers"][0]["command"]
    for name, content in config["data"].items():
        (folder / name).write_text(content)
    (folder / "olmo-eval").write_text('#!/bin/sh\necho "$@"; cat\n')
    (folder / "olmo-eval").chmod(0o755)

    said = subprocess.run(
        [*command[:2], command[2].replace("/etc/olmo-eval", str(folder))],
        env={"PATH": f"{folder}:{os.environ['PATH']}", "JOB_COMPLETION_INDEX": "3"},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip

    assert said == "run --spec - --workers join\n" + config["data"]["1.json"]


# -- beaker


@pytest.mark.engine
def test_beakers_own_parser_reads_the_experiment(folder: Path) -> None:
    beaker = pytest.importorskip("beaker")
    text = rendered(
        "beaker", spec("a.json", name=HOSTILE), "--workers", 2, "--gpus", 1, "--image", "org/image",
        "--secret", "OPENAI_API_KEY", "--option", "cluster=org/one,org/two",
        "--option", "budget=org/evals", "--option", "weka=evals",
    )  # fmt: skip
    Path("experiment.yaml").write_text(text)

    experiment = beaker.BeakerExperimentSpec.from_file("experiment.yaml")

    assert [task.name for task in experiment.tasks] == ["eval-mock-0", "eval-mock-1"]
    task = experiment.tasks[1]
    assert task.resources.gpu_count == 1
    assert task.context.auto_resume is True
    assert task.datasets[0].mount_path == "/weka/evals"
    assert (task.timeout, task.result.path) == (86_400 * 10**9, "/output")
    assert experiment.budget == "org/evals"
    assert task.constraints.cluster == ["org/one", "org/two"]
    variables = {v.name: v.value or v.secret for v in task.env_vars}
    assert json.loads(variables["OLMO_EVAL_SPEC"])["name"] == HOSTILE
    (folder / "olmo-eval").write_text("#!/bin/sh\ncat\n")
    (folder / "olmo-eval").chmod(0o755)
    environment = {**variables, "PATH": f"{folder}:{os.environ['PATH']}"}
    said = subprocess.run(task.command, env=environment, capture_output=True, text=True, check=True)
    assert RunSpec.from_json(said.stdout).name == HOSTILE


def test_beaker_needs_a_cluster(folder: Path) -> None:
    code, _, err = cli("launch", "beaker", spec("a.json"), "--image", "i")

    assert code == 2 and "--option cluster=" in err


# -- modal


@pytest.mark.engine
def test_modals_own_sdk_imports_the_app(folder: Path) -> None:
    modal = pytest.importorskip("modal")
    text = rendered(
        "modal", spec("a.json", name=HOSTILE), "--workers", 2, "--gpus", 1, "--image", "r/i:1",
        "--option", "gpu=H100", "--secret", "api-keys", "--setup", "pip install 'x>1'",
    )  # fmt: skip
    Path("app.py").write_text(text)

    names = runpy.run_path("app.py")

    assert isinstance(names["app"], modal.App)
    assert isinstance(names["work"], modal.Function)
    assert RunSpec.from_json(names["SPECS"][0]).name == HOSTILE


# -- what is refused, and submitting


@pytest.mark.parametrize("scheduler", ["kubernetes", "beaker", "modal"])
def test_results_in_a_folder_of_nowhere_are_refused(folder: Path, scheduler: str) -> None:
    code, _, err = cli("launch", scheduler, spec("a.json", results="results"), "--image", "i")

    assert code == 2
    assert "whatever folder a process starts in" in err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--memory", "lots"), "memory 'lots' is no size"),
        (("--option", "=x"), "has no name"),
        (("--output", "nowhere/job"), "cannot write nowhere/job"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(folder: Path, more: tuple[str, ...], said: str) -> None:
    code, _, err = cli("launch", "slurm", spec("a.json"), *more)

    assert code == 2
    assert said in err and "Traceback" not in err


def test_a_fresh_spec_is_refused(folder: Path) -> None:
    code, _, err = cli("launch", "slurm", spec("a.json", fresh=True))

    assert code == 2 and "would begin anew" in err


def test_a_job_is_submitted_by_the_schedulers_program(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(folder))
    code, _, err = cli("launch", "slurm", spec("a.json"), "--submit")
    assert code == 1 and "sbatch is not here" in err

    (folder / "sbatch").write_text('#!/bin/sh\necho "Submitted batch job 7"\n')
    (folder / "sbatch").chmod(0o755)
    code, out, _ = cli("launch", "slurm", spec("a.json"), "--submit")
    assert code == 0 and "Submitted batch job 7" in out

    (folder / "sbatch").write_text('#!/bin/sh\necho "no such partition" >&2; exit 1\n')
    code, _, err = cli("launch", "slurm", spec("a.json"), "--submit")
    assert code == 1
    assert "sbatch refuses the job: no such partition" in err and "eval-mock.sbatch" in err
