"""The page about the life of a run is followed as a reader would."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from walkthrough import Walkthrough

ROOT = Path(__file__).resolve().parent.parent


def test_a_run_lives_as_the_page_says(tmp_path: Path) -> None:
    walkthrough = Walkthrough(tmp_path / "work", tmp_path / "environment")
    walkthrough.prepare()
    (walkthrough.folder / "checkpoints").symlink_to(ROOT / "examples/tiny_model/checkpoints")

    walkthrough.follow(ROOT / "docs/runs.md")
