"""Whole runs on the example tasks: every engine gives the same table, also when its server is
killed in mid-run."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from olmo_eval_providers.extras import importable

pytestmark = [pytest.mark.engine, pytest.mark.slow]

#: half trained: its scores are neither all right nor all wrong
MODEL = str(Path(__file__).parents[4] / "examples" / "tiny_model" / "checkpoints" / "step600")
ENGINES = [kind for kind in ("hf", "vllm") if importable(kind)]
SERVER = "vllm.entrypoints.openai.api_server"
needs_vllm = pytest.mark.skipif(not importable("vllm"), reason="vLLM is not installed")
needs_litellm = pytest.mark.skipif(not importable("litellm"), reason="litellm is not installed")


def command(kind, results, *more, model=MODEL):
    run = ("-m", "olmo_eval.cli", "run", "-m", model, "-t", "tiny", "--provider", kind)
    return [sys.executable, *run, "--results", str(results), "--json", *more]


def table(output):
    """(task, metric, value, questions scored) of a finished run."""
    (run,) = json.loads(output)
    assert run["status"] == "complete"
    return [(m["name"], m["metric"], m["value"], m["n_scored"]) for m in run["metrics"]]


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The table of the embedded engine."""
    asked = command("embedded", tmp_path_factory.mktemp("embedded"))
    found = table(subprocess.run(asked, stdout=subprocess.PIPE, check=True, timeout=300).stdout)
    values = [value for name, metric, value, _ in found if metric in ("acc_raw", "accuracy")]
    assert any(0 < value < 1 for value in values), "a model that differs from chance and from truth"
    return found


@pytest.mark.parametrize("kind", ENGINES)
def test_the_table_is_the_same(kind, expected, tmp_path):
    asked = command(kind, tmp_path, "-o", "provider.dtype=float32")
    ended = subprocess.run(asked, stdout=subprocess.PIPE, timeout=300)
    assert ended.returncode == 0
    assert table(ended.stdout) == expected


def answered(results):
    """Answers in the journals of the runs under ``results``."""
    files = [path for path in results.glob("runs/*/journal/*") if path.is_file()]
    return sum(path.read_bytes().count(b'"kind":"answer"') for path in files)


def when_under_way(run, results):
    """Wait until ``run`` has some of its answers, and is far from all."""
    deadline = time.monotonic() + 240
    while answered(results) < 40:
        assert run.poll() is None, "the run ended before anything could be killed"
        assert time.monotonic() < deadline, "the run does not get under way"
        time.sleep(0.02)


def children(pid):
    """(pid, command line) of the processes that ``pid`` started."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, IndexError):
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
            if entry.name.isdigit() and parent == str(pid):
                yield int(entry.name), (entry / "cmdline").read_bytes().decode()


@needs_vllm
def test_kill_9_of_our_own_server_changes_nothing(expected, tmp_path):
    settings = ("-o", "provider.dtype=float32", "-o", "provider.max_concurrency=8")
    asked = command("vllm_server", tmp_path, *settings)
    with subprocess.Popen(asked, stdout=subprocess.PIPE) as run:
        when_under_way(run, tmp_path)
        (server,) = [pid for pid, line in children(run.pid) if SERVER in line]
        os.kill(server, signal.SIGKILL)
        done = answered(tmp_path)
        output, _ = run.communicate(timeout=300)
    assert run.returncode == 0
    assert table(output) == expected
    assert done < sum(n for _, metric, _, n in expected if metric == "acc_raw")
    (record,) = tmp_path.glob("runs/*/lock.json")
    (sitting,) = json.loads(record.read_text())["sessions"]
    assert sitting["engine"]["restarts"] == 1


def start_server(port, log):
    """A vLLM server that somebody else runs; returns when it answers."""
    flags = ("--model", MODEL, "--dtype", "float32", "--enforce-eager", "--enable-prefix-caching")
    address = ("--host", "127.0.0.1", "--port", str(port))
    with log.open("ab") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", SERVER, *flags, *address],
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    deadline = time.monotonic() + 240
    while True:
        assert server.poll() is None and time.monotonic() < deadline, log.read_text()[-2000:]
        with contextlib.suppress(OSError), urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
            return server
        time.sleep(0.2)


def end(server):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


@needs_vllm
@needs_litellm
def test_a_run_whose_service_dies_stops_with_one_line_and_resumes(expected, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "none-is-needed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    results, log = tmp_path / "results", tmp_path / "server.log"
    asked = command(
        "litellm",
        results,
        *("-o", f"provider.base_url=http://127.0.0.1:{port}/v1"),
        *("-o", f"provider.tokenizer={MODEL}"),
        *("-o", "provider.max_concurrency=8", "-o", "provider.max_retries=1"),
        model="openai/any",
    )
    server = start_server(port, log)
    try:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(asked, text=True, **pipes) as run:
            when_under_way(run, results)
            end(server)
            _, said = run.communicate(timeout=300)
        assert run.returncode == 1
        (error,) = [line for line in said.splitlines() if line.startswith("error: ")]
        assert f"127.0.0.1:{port}" in error
        assert "is the server running there?" in said
        assert "Traceback" not in said
        kept = answered(results)
        server = start_server(port, log)
        again = subprocess.run(asked, text=True, timeout=300, **pipes)
        assert again.returncode == 0, again.stderr
        assert "instances are done" in again.stderr
        assert table(again.stdout) == expected
        assert kept >= 40
    finally:
        end(server)
