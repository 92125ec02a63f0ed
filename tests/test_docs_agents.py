"""The page on agents is followed as a reader would."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from walkthrough import Walkthrough

ROOT = Path(__file__).resolve().parent.parent


def test_everything_on_the_page_works(tmp_path: Path) -> None:
    walkthrough = Walkthrough(tmp_path / "work", tmp_path / "environment")
    walkthrough.prepare()

    walkthrough.follow(ROOT / "docs/agents.md")
