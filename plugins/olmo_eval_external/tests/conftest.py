"""A folder with small tasks of each framework, and the command line in a process of its own."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen


@frozen
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@frozen
class Folder:
    """A folder in which commands are given."""

    path: Path

    def write(self, name: str, text: str) -> str:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return str(target)

    def cli(self, *arguments: object) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "olmo_eval.cli", *map(str, arguments)],
            cwd=self.path,
            env={**os.environ, "HF_HOME": str(self.path / "hf"), "HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def run(self, name: str, model: object, *arguments: object) -> Done:
        """An external eval in the environment of the tests, which has the frameworks."""
        command = ("external", "run", name, "-m", model, "-a", f"venv={sys.prefix}")
        return self.cli(*command, *arguments)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setenv("OLMO_EVAL_CACHE", str(tmp_path / "cache"))
    return Folder(tmp_path)


@pytest.fixture
def needs() -> Callable[[str], None]:
    """Skips the test where a distribution is not installed."""

    def check(distribution: str) -> None:
        try:
            importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            pytest.skip(f"needs {distribution}: make test-engines")

    return check


@pytest.fixture
def checkpoints() -> Path:
    """Checkpoints of the tiny model, which learns sums."""
    return Path(__file__).parents[3] / "examples/tiny_model/checkpoints"


@pytest.fixture
def sums(folder: Folder) -> list[dict[str, Any]]:
    """Sums as the tiny model has learnt them, in ``tasks/sums.jsonl``."""
    rows = []
    for n in range(24):
        a, b = 11 + 3 * n, 20 + (7 * n) % 60
        choices = [str(a + b), str(a + b + 1), str(a + b - 1), str(a + b + 10)]
        gold = n % 4
        choices[0], choices[gold] = choices[gold], choices[0]
        row = {"question": f"What is {a} + {b}?", "answer": str(a + b)}
        rows.append({**row, "choices": choices, "gold": gold, "id": f"sum-{n}"})
    folder.write("tasks/sums.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    return rows
