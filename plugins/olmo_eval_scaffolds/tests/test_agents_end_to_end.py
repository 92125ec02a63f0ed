"""Agents from the command line: a served model, a real loop, real containers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from olmo_eval.testing.server import Reply, ScriptedServer

pytestmark = pytest.mark.engine
pytest.importorskip("aiohttp", reason="joining a server needs olmo-eval-providers[server]")

TASK = """
from olmo_eval.common.formatters import ChatFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import Instance
from olmo_eval.evals.tasks.common import Task, register


@register("products")
class Products(Task):
    formatter = ChatFormatter()
    metrics = (AccuracyMetric(scorer=ExactMatchScorer),)

    @property
    def instances(self):
        for a in range(3, 9):
            yield Instance(f"What is {a} times 7?", str(a * 7), metadata={"id": str(a)})
"""


def command(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "olmo_eval.cli", *arguments]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=300)


def run(server: ScriptedServer, folder: Path, *arguments: str) -> Path:
    """The folder of a complete run of ``products``."""
    (folder / "products.py").write_text(TASK)
    done = command(
        *("run", "-m", "scripted", "--provider", "vllm_server", "-t", "products"),
        *("-o", f"provider.base_url={server.base_url}", "--plugin", "products.py"),
        *("--results", str(folder / "results"), "--json", *arguments),
        folder=folder,
    )
    assert done.returncode == 0, done.stderr
    (record,) = json.loads(done.stdout)
    assert record["status"] == "complete"
    return Path(record["location"])


def accuracy(made: Path) -> float:
    rows = pq.read_table(made / "metrics.parquet").to_pylist()
    (value,) = {row["value"] for row in rows if row["metric"] == "accuracy"}
    return float(value)


def numbers(body: Mapping[str, Any]) -> list[str]:
    asked = next(m["content"] for m in body["messages"] if m["role"] == "user")
    return re.findall(r"\d+", str(asked))


def coder(body: Mapping[str, Any]) -> Reply:
    """Works a product out with every tool of the harness, one a turn, and submits what it read."""
    a, b = numbers(body)
    heard = [m["content"] for m in body["messages"] if m["role"] == "tool"]
    steps: list[tuple[str, dict[str, Any]]] = [
        ("bash", {"command": f"mkdir work && cd work && a={a}"}),
        ("bash", {"command": f"echo $((a * {b} - 1)) > result; basename $PWD"}),
        ("python", {"code": f"text = open('work/result').read()\nprint(int(text) == {a}*{b}-1)"}),
        ("edit_file", {"path": "work/result", "old": str(int(a) * 7 - 1), "new": str(int(a) * 7)}),
        ("write_file", {"path": "done", "content": "yes\n"}),
        ("read_file", {"path": "work/result"}),
        ("bash", {"command": "cat result ../done"}),
    ]
    if len(heard) < len(steps):
        name, arguments = steps[len(heard)]
        return {"tool_calls": [{"name": name, "arguments": arguments}]}
    assert heard[1:3] == ["work", "True"], heard
    answer = heard[-1].split()[0]
    return {"text": "Done.", "tool_calls": [{"name": "submit", "arguments": {"answer": answer}}]}


def test_code_agent_works_in_a_container_of_its_own(tmp_path: Path) -> None:
    pytest.importorskip("docker", reason="the backend docker needs olmo-eval-sandboxes[docker]")
    with ScriptedServer(coder) as server:
        made = run(server, tmp_path, "--harness", "code_agent", "--sandbox", "docker")

    assert accuracy(made) == 1.0
    assert len(server.requests) == 6 * 8
    turns: dict[str, list[dict[str, Any]]] = {}
    for row in pq.read_table(made / "turns/products.parquet").to_pylist():
        turns.setdefault(row["instance_id"], []).append(row)
    assert len(turns) == 6
    for rows in turns.values():
        called = [row["tool"] for row in rows if row["type"] == "tool_call"]
        assert called[-1] == "submit" and len(called) == 8
    offered = {tool["function"]["name"] for tool in server.requests[0]["tools"]}
    assert offered == {"bash", "python", "read_file", "write_file", "edit_file", "submit"}


def test_a_harness_changes_nothing_that_is_measured(tmp_path: Path) -> None:
    """The same question, system prompt and sampling reach the model; tools come on top."""

    def answer(body: Mapping[str, Any]) -> Reply:
        a, b = numbers(body)
        return str(int(a) * int(b))

    asked = {}
    for harness in ("default", "code_agent"):
        with ScriptedServer(answer) as server:
            run(server, tmp_path, "--harness", harness, "--fresh", "--limit", "1")
        (asked[harness],) = server.requests
    plain = asked.pop("default")
    body = asked["code_agent"]
    assert {k: v for k, v in body.items() if k not in ("tools", "tool_choice")} == plain


def searcher(body: Mapping[str, Any]) -> Reply:
    a, _ = numbers(body)
    heard = [m["content"] for m in body["messages"] if m["role"] == "tool"]
    if not heard:
        query = {"query": f"multiplication table of {a}"}
        return {"tool_calls": [{"name": "search", "arguments": query}]}
    if len(heard) == 1:
        found = re.search(r"\[(table-\d+)\]", heard[0])
        assert found is not None, heard
        return {"tool_calls": [{"name": "fetch", "arguments": {"id": found[1]}}]}
    return re.findall(r"\d+", heard[1].splitlines()[-1])[-1]


def test_search_agent_reads_a_corpus(tmp_path: Path) -> None:
    pytest.importorskip("bm25s", reason="search needs olmo-eval-scaffolds[search]")
    documents = [
        {"id": f"table-{n}", "title": f"Table of {n}", "text": f"Seven times it is {n * 7}"}
        for n in range(2, 20)
    ]
    (tmp_path / "tables.jsonl").write_text("\n".join(map(json.dumps, documents)))
    with ScriptedServer(searcher) as server:
        corpus = "tools.0.corpus=tables.jsonl"
        made = run(server, tmp_path, "--harness", "search_agent", "-o", corpus)
    assert accuracy(made) == 1.0
    assert "sha256:" in (made / "lock.json").read_text()
