"""The page of external evals is followed as a reader would, in a real container."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from walkthrough import blocks

PAGE = Path(__file__).resolve().parent.parent / "docs/external.md"


def example(folder: Path) -> Path:
    """The eval of the page, as a file."""
    (block,) = (block for block in blocks(PAGE) if block.file)
    path = folder / block.file
    path.write_text(block.text)
    return path


def cli(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "olmo_eval.cli", "external", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_the_eval_of_the_page_is_found_and_wants_a_sandbox(tmp_path: Path) -> None:
    path = example(tmp_path)

    listed = cli(tmp_path, "list", "--plugin", path.name, "-f", "boxed")
    refused = cli(tmp_path, "run", "boxed_riddles", "-m", "mock", "--plugin", path.name)

    assert "a riddle in a box" in listed.stdout
    assert refused.returncode == 2
    assert "needs a sandbox with 'bash'" in refused.stderr


@pytest.mark.engine
@pytest.mark.parametrize("backend", ["docker", "podman"])
def test_the_eval_of_the_page_runs_in_a_container(tmp_path: Path, backend: str) -> None:
    pytest.importorskip(backend, reason=f"needs the Python SDK of {backend}")
    path = example(tmp_path)

    done = cli(
        tmp_path, "run", "boxed_riddles", "-m", "mock", "--plugin", path.name, "--sandbox", backend
    )

    assert done.returncode == 0, done.stderr
    assert "boxed_riddles  accuracy  1.0000" in done.stdout
    (kept,) = tmp_path.glob("results/runs/*/external/results/scores.json")
    assert kept.read_text() == '{"accuracy": 1.0}'
