"""docs/plugins.md is followed as a reader would: its files are written, its commands are run."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from walkthrough import Walkthrough

PAGE = Path(__file__).resolve().parent.parent / "docs/plugins.md"


def test_everything_on_the_page_works(tmp_path: Path) -> None:
    walkthrough = Walkthrough(tmp_path / "work")
    walkthrough.prepare()

    walkthrough.follow(PAGE)
