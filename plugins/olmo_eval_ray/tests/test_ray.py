"""Runs on a real Ray cluster of two nodes, on this machine."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from olmo_eval import plugins
from olmo_eval.cli.main import main
from olmo_eval.errors import PluginError, UsageError
from olmo_eval.results.store import Run, Store
from olmo_eval.runner.spec import RunSpec
from olmo_eval_ray.parcel import installed_plugins, packed, unpacked

#: a task of so many sums, and a model that notes in a folder what it was asked
PACK = """
import asyncio, os, re
import olmo_eval
from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import Capability, Instance, LMOutput, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Task, register
from olmo_eval.errors import ProviderError
from olmo_eval.providers.provider import Provider

@register("sums")
class Sums(Task):
    data_source = DataSource(path="./sums", split="test")
    formatter = GenerationFormatter(template="Q: {question}\\nA:")
    sampling_params = SamplingParams(temperature=0.0, max_tokens=16)
    metrics = (AccuracyMetric(scorer=ExactMatchScorer),)
    def process_doc(self, doc, index=0):
        return Instance(doc["question"], doc["answer"], metadata={"id": doc["id"]})

class Noting(Provider):
    capabilities = frozenset({Capability.GENERATE, Capability.CHAT})
    default_concurrency = 4
    async def start(self):
        if os.environ.get("OLMO_EVAL_TEST_BROKEN"):
            raise ProviderError("no weights are here", hint="load them")
    async def generate(self, request, params):
        await asyncio.sleep(float(os.environ.get("OLMO_EVAL_TEST_SECONDS", "0")))
        n = int(re.findall(r"(\\d+) plus 1", request.prompt or str(request.messages))[-1])
        with open(f"asked-{os.getpid()}.log", "a") as log:
            log.write(f"{n}\\n")
        return [LMOutput(str(n + n % 2))]

@olmo_eval.hookimpl
def register_providers(register):
    register("noting", Noting)
"""
TIMES = ("latency", "reused", "reused_from")
OF_RUN = ("run_id", "model", "step", "tokens", "group", "run_name")
N = int(os.environ.get("OLMO_EVAL_TEST_INSTANCES", "160"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pack.py").write_text(PACK)
    rows = ({"id": f"s{n}", "question": f"{n} plus 1?", "answer": str(n + 1)} for n in range(N))
    (tmp_path / "sums").mkdir()
    (tmp_path / "sums/test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two nodes of Ray; the second may be killed."""
    pytest.importorskip("ray", reason="needs olmo-eval-ray[ray]")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    made = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "object_store_memory": 80 << 20},
    )
    made.add_node(num_cpus=1, object_store_memory=80 << 20)
    yield made
    made.shutdown()


def command(*more: str) -> list[str]:
    arguments = ("run", "--plugin", "pack.py", "-m", "noting:a", "-t", "sums", *more)
    return [sys.executable, "-m", "olmo_eval.cli", *arguments]


def start(*more: str, seconds: float = 0.0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*more),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        env={**os.environ, "OLMO_EVAL_TEST_SECONDS": str(seconds)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def here(*more: str) -> tuple[int, str]:
    """The command in this process: its exit code, and all that it said."""
    said = io.StringIO()
    with (
        plugins.fresh_manager([]),
        redirect_stdout(said),
        redirect_stderr(said),
        pytest.raises(SystemExit) as ended,
    ):
        main(command(*more)[3:])
    code = ended.value.code
    return (code if isinstance(code, int) else 0), said.getvalue()


def asked() -> Counter[str]:
    logs = (path.read_text().split() for path in Path().glob("asked-*.log"))
    return Counter(n for log in logs for n in log)


def tables(run: Run) -> dict[str, Any]:
    left_out = (*TIMES, *OF_RUN)
    return {
        str(path.relative_to(run.location)): [
            {k: v for k, v in row.items() if k not in left_out}
            for row in pq.read_table(path).to_pylist()
        ]
        for path in sorted(Path(run.location).rglob("*.parquet"))
    }


def the_run(results: str = "results") -> Run:
    (run,) = Store(results).runs()
    return run


@pytest.mark.engine
def test_what_ctrl_c_left_is_finished_without_ray(cluster: Any, folder: Path) -> None:
    process = start("--executor", "ray", "--address", cluster.address, seconds=0.1)
    while asked().total() < 20:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130, out
    assert 20 <= asked().total() < N

    code, said = here()

    assert code == 0 and "is taken over" in said
    assert the_run().status == "complete"
    assert asked().total() == N


@pytest.mark.engine
def test_what_every_worker_says_is_the_error_of_the_run(
    cluster: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLMO_EVAL_TEST_BROKEN", "yes")

    code, said = here("--executor", "ray", "--address", cluster.address, "--workers", "1")

    assert code == 1
    assert "error: no weights are here" in said and "load them" in said
    assert "Traceback" not in said


@pytest.mark.engine
def test_no_cluster_is_an_error_in_two_lines(folder: Path) -> None:
    pytest.importorskip("ray", reason="needs olmo-eval-ray[ray]")

    code, said = here("--executor", "ray", "--address", "127.0.0.1:1")

    assert code == 2
    assert "no Ray cluster is reached" in said
    assert "Traceback" not in said


@pytest.mark.engine
def test_a_node_that_is_killed_in_the_middle_changes_nothing(
    cluster: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last one: the cluster has one node less. ``benchmarks/faults.py ray`` kills more."""
    monkeypatch.setenv("OLMO_EVAL_TEST_SECONDS", "0.1")

    def kill() -> None:
        while asked().total() < 30:
            time.sleep(0.05)
        cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    code, said = here("--executor", "ray", "--address", cluster.address, "--workers", "2")
    killer.join(10)

    assert code == 0, said
    assert "is lost" in said
    run = the_run()
    assert run.status == "complete"
    names = run.instances("sums")["instance_id"].to_pylist()
    assert names == [f"s{n}" for n in range(N)]
    assert asked().total() <= N + 2 * 4  # what was in flight on the node
    monkeypatch.setenv("OLMO_EVAL_TEST_SECONDS", "0")
    assert here("--results", "alone")[0] == 0
    assert tables(run) == tables(the_run("alone"))


# -- what travels


def test_a_plugin_file_travels_by_its_content(folder: Path, tmp_path: Path) -> None:
    with plugins.fresh_manager([]):
        parcel = packed(RunSpec(model="mock", plugins=("pack.py",)), "")
    (folder / "pack.py").unlink()

    with unpacked(parcel) as spec:
        assert spec.joins
        assert Path(spec.plugins[0]).read_text() == PACK
    assert Path(spec.results).is_absolute()


def test_two_plugin_files_of_one_name_are_refused(folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "other/pack.py").write_text("# another")

    with pytest.raises(UsageError, match=r"called pack\.py"):
        packed(RunSpec(model="mock", plugins=("pack.py", "other/pack.py")), "")


def test_another_version_of_a_plugin_is_refused(folder: Path) -> None:
    from attrs import evolve

    parcel = packed(RunSpec(model="mock"), "")
    assert parcel.distributions == installed_plugins()
    other = evolve(parcel, distributions={**parcel.distributions, "olmo-eval": "9.9"})

    with pytest.raises(PluginError, match=r"olmo-eval is 9\.9 where") as refused, unpacked(other):
        pass
    assert "pip install olmo-eval==9.9" in str(refused.value.hint)


def test_a_results_folder_that_is_not_here_is_refused(folder: Path) -> None:
    parcel = packed(RunSpec(model="mock"), "/nowhere/results/.seen-1")

    with pytest.raises(UsageError, match="does not see /nowhere/results"), unpacked(parcel):
        pass


def test_settings_travel_and_secrets_do_not(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLMO_EVAL_DATA_MIRROR", "/data")
    monkeypatch.setenv("OLMO_EVAL_API_KEY", "a-secret-of-mine")

    parcel = packed(RunSpec(model="mock"), "")

    assert parcel.variables["OLMO_EVAL_DATA_MIRROR"] == "/data"
    assert "a-secret-of-mine" not in str(parcel)
