"""The pages about runs, results, checkpoints, engines and judges are followed as a reader would."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from walkthrough import Walkthrough

ROOT = Path(__file__).resolve().parent.parent


LOGS = ROOT / "plugins/olmo_eval_formats/tests/logs"


@pytest.mark.parametrize(
    "page",
    [
        "engines.md",
        *(
            pytest.param(page, marks=pytest.mark.slow)
            for page in ("runs.md", "tracking.md", "trust.md", "training-loop.md", "judges.md")
        ),
        pytest.param("results.md", marks=pytest.mark.engine),
    ],
)
def test_what_the_page_shows_happens(page: str, tmp_path: Path) -> None:
    walkthrough = Walkthrough(tmp_path / "work", tmp_path / "environment")
    walkthrough.prepare()
    (walkthrough.folder / "checkpoints").symlink_to(ROOT / "examples/tiny_model/checkpoints")
    (walkthrough.folder / "logs").symlink_to(LOGS)

    walkthrough.follow(ROOT / "docs" / page)
