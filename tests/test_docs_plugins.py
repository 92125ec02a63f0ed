"""Pages that teach are followed as a reader would: files are written, commands are run."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from walkthrough import Walkthrough

ROOT = Path(__file__).resolve().parent.parent


def test_everything_on_the_page_works(tmp_path: Path) -> None:
    walkthrough = Walkthrough(tmp_path / "work", tmp_path / "environment")
    walkthrough.prepare()

    walkthrough.follow(ROOT / "docs/plugins.md")


def test_the_example_package_works(tmp_path: Path) -> None:
    walkthrough = Walkthrough(ROOT, tmp_path / "environment")
    walkthrough.prepare()

    walkthrough.follow(ROOT / "examples/third_party_pack/README.md")
