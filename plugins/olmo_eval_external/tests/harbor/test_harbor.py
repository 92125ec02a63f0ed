"""Harbor itself, with containers of Podman and a scripted model."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from olmo_eval.results.run import Run
from olmo_eval.results.store import Store

pytestmark = pytest.mark.engine

TOML = """
version = "1.0"
[verifier]
timeout_sec = 60.0
[agent]
timeout_sec = 60.0
[environment]
build_timeout_sec = 120.0
"""
#: a task that a verifier checks
TEST = """#!/bin/bash
if [ "$(cat /app/hello.txt)" = hello ]; then echo 1; else echo 0; fi > /logs/verifier/reward.txt
"""


@pytest.fixture(autouse=True)
def podman() -> None:
    if shutil.which("podman") is None or "OLMO_EVAL_SANDBOX_IMAGE" not in os.environ:
        pytest.skip("needs podman and an image with bash: set OLMO_EVAL_SANDBOX_IMAGE")


def write_task(folder: Any, name: str, solution: str, test: str = TEST) -> Path:
    image = os.environ["OLMO_EVAL_SANDBOX_IMAGE"]
    made = f"FROM {image}\nUSER root\n{{more}}RUN mkdir -p /app && chmod 777 /app\nWORKDIR /app\n"
    folder.write(f"tasks/{name}/task.toml", TOML)
    folder.write(f"tasks/{name}/instruction.md", "Write hello to /app/hello.txt.")
    folder.write(f"tasks/{name}/environment/Dockerfile", made.replace("{more}", ""))
    folder.write(f"tasks/{name}/tests/test.sh", test)
    folder.write(f"tasks/{name}/solution/solve.sh", f"#!/bin/bash\n{solution}\n")
    return folder.path / "tasks" / name


def the_run(folder: Any) -> Run:
    (found,) = Store(str(folder.path / "results")).runs()
    return found


def run(folder: Any, *arguments: str) -> Any:
    path = folder.path / "tasks"
    return folder.run("harbor", "mock", "-a", f"path={path}", "-a", "sandbox=podman", *arguments)


def test_solutions_are_rewarded_and_what_fails_is_missing(folder: Any) -> None:
    write_task(folder, "right", "echo hello > /app/hello.txt")
    write_task(folder, "wrong", "echo bye > /app/hello.txt")
    write_task(folder, "broken", "true", test="#!/bin/bash\nexit 3\n")

    done = run(folder, "-a", "agent=oracle")

    assert done.code == 1 and "33.3% of the instances have no score" in done.err, done.err
    found = the_run(folder)
    (score,) = found.scores()
    assert (score.metric, score.value) == ("reward", 0.5)
    rows = {row["instance_id"]: row for row in found.instances("harbor:tasks").to_pylist()}
    assert {name: row["outcome"] for name, row in rows.items()} == {
        "right": "scored", "wrong": "scored", "broken": "infra_failed",
    }  # fmt: skip
    assert rows["right"]["values"]["reward:external"] == 1.0
    assert rows["wrong"]["values"]["reward:external"] == 0.0
    assert "Reward" in rows["broken"]["error"]


def test_what_runs_out_of_time_leaves_no_container(folder: Any) -> None:
    write_task(folder, "endless", "sleep 600")

    done = run(folder, "-a", "agent=oracle", "-a", "timeout=30")

    assert done.code == 1 and "did not finish in 30 s" in done.err
    (trial,) = folder.path.rglob("external/harbor/endless__*/")
    listed = subprocess.run(
        ["podman", "ps", "--all", "--format", "{{.Names}}"], capture_output=True, text=True
    )
    assert trial.name.lower() not in listed.stdout


def with_tmux(task: Path) -> None:
    """Put the terminal that the agent types into in the image: this machine's own."""
    root = task / "environment/root"
    tmux = shutil.which("tmux")
    if tmux is None:
        pytest.skip("needs tmux: apt-get install tmux")
    linked = subprocess.run(["ldd", tmux], capture_output=True, text=True, check=True).stdout
    libraries = [word for word in linked.split() if word.startswith("/")]
    described = [f"/lib/terminfo/{letter}" for letter in "stx"]
    for place in (tmux, *libraries, *described, "/usr/lib/locale/C.utf8"):
        target = root / place.lstrip("/").removeprefix("usr/")
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if Path(place).is_dir() else shutil.copy)(place, target)
    file = task / "environment/Dockerfile"
    copied = "USER root\nCOPY root/bin /usr/bin/\nCOPY root/lib /usr/lib/\nENV LC_ALL=C.UTF-8\n"
    file.write_text(file.read_text().replace("USER root\n", copied))


def test_an_agent_types_what_the_model_says(folder: Any) -> None:
    with_tmux(write_task(folder, "hello", "true"))
    typed = {"keystrokes": "echo hello > /app/hello.txt\n", "duration": 0.5}
    first = {"analysis": "Nothing there.", "plan": "Write it.", "commands": [typed]}
    last = {"analysis": "Done.", "plan": "", "commands": [], "task_complete": True}
    replies = json.dumps([json.dumps(one) for one in (first, last, last)])

    done = run(folder, "-a", "max_turns=5", "-o", f"provider.kwargs.replies={replies}")

    assert done.code == 0, done.err
    found = the_run(folder)
    assert [score.value for score in found.scores()] == [1.0]
    turns = list(found.turns("harbor:tasks"))
    assert any("echo hello" in str(turn["arguments"]) for turn in turns if turn["tool"])
    assert any(turn["text"] and "Write hello" in turn["text"] for turn in turns)
    written = "".join(p.read_text() for p in folder.path.rglob("external/harbor/**/config.json"))
    assert "127.0.0.1" in written and "llm_kwargs" not in written
