"""``--json``: standard output is one document, whatever else prints."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

CHATTY = """
import ctypes
import os
import subprocess
import sys

import olmo_eval
from attrs import frozen
from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import Scorer
from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Task, register
from olmo_eval.providers import Capability, Provider

print("printed at import")


@frozen
class Chatty(Scorer):
    name = "chatty"

    def score(self, instance, output):
        print("printed in score")
        return 1.0


@register("chatty")
class Talk(Task):
    data_source = DataSource(path="./sums", split="test")
    formatter = GenerationFormatter()
    metrics = (AccuracyMetric(scorer=Chatty),)

    def process_doc(self, doc):
        print("printed in process_doc")
        return Instance(doc["question"], doc["answer"], metadata={"id": doc["id"]})


class Engine(Provider):
    capabilities = frozenset(Capability)

    async def start(self):
        os.write(1, b"written to 1\\n")
        subprocess.run(["echo", "said by a process"])
        libc = ctypes.CDLL(None)
        libc.puts(b"put by C")  # stays in C's buffer until the process exits

    async def generate(self, request, params):
        return [LMOutput("1")]


@olmo_eval.hookimpl
def register_providers(register):
    register("chatty", Engine)


@olmo_eval.hookimpl
def run_finished(run):
    print("printed in run_finished")
"""

SAID = (
    "printed at import",
    "printed in process_doc",
    "printed in score",
    "printed in run_finished",
    "written to 1",
    "said by a process",
)


@pytest.fixture
def chatty(bench: Any) -> tuple[str, ...]:
    (bench.folder / "chatty.py").write_text(CHATTY)
    return ("run", "--plugin", "chatty.py", "-m", "chatty:x", "-t", "chatty", "--limit", "3")


def test_nothing_but_the_document_is_on_standard_output(
    bench: Any, chatty: tuple[str, ...]
) -> None:
    done = bench.command(*chatty, "--json")

    assert done.code == 0, done.err
    (run,) = json.loads(done.out)
    assert run["metrics"][0]["value"] == 1.0
    for text in (*SAID, "put by C"):
        assert text in done.err


def test_in_a_process_of_somebody_else(bench: Any, chatty: tuple[str, ...]) -> None:
    done = bench.cli(*chatty, "--json")

    assert done.json[0]["metrics"][0]["value"] == 1.0
    assert "printed in score" in done.err
    assert bench.cli("results", "list", "--json").json[0]["status"] == "complete"


def test_without_json_prints_stay_where_they_were(bench: Any, chatty: tuple[str, ...]) -> None:
    done = bench.command(*chatty)

    assert all(text in done.out for text in SAID)


@pytest.mark.parametrize("ending", ["| head -c 1", ">&-", "2>&-"])
def test_whatever_the_shell_does_with_it(bench: Any, ending: str) -> None:
    run = f"run --plugin {bench.pack} -m mock -t sums --limit 3 --json {ending}"
    command = f"{sys.executable} -m olmo_eval.cli {run}"

    done = subprocess.run(
        ["bash", "-c", command], cwd=bench.folder, env=bench.environment, capture_output=True
    )

    assert done.returncode == 0
    assert b"Traceback" not in done.stderr and b"error" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    if ending == "2>&-":
        assert len(json.loads(done.stdout)) == 1


def test_a_command_of_a_plugin_prints_as_it_likes(bench: Any) -> None:
    (bench.folder / "greets.py").write_text(
        "import click, olmo_eval\n"
        "@click.command()\n"
        "@click.option('--json', is_flag=True)\n"
        "def greet(json): click.echo('[]')\n"
        "@olmo_eval.hookimpl\n"
        "def register_commands(cli): cli.add_command(greet)\n"
    )

    assert bench.command("greet", "--json", "--plugin", "greets.py").out == "[]\n"
