"""The site of the documentation: built without a warning, whole, and at home without a network."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "WARNING -" not in done.stderr
    return folder


def test_every_page_of_the_documentation_is_a_page_of_the_site(site: Path) -> None:
    pages = {p.relative_to(ROOT / "docs").with_suffix("") for p in ROOT.glob("docs/**/*.md")}
    made = {p.relative_to(site).with_suffix("") for p in site.glob("**/*.html")}

    assert pages <= made
    assert {Path("index"), Path("changes"), Path("packages/kernel")} <= made


def test_fences_that_name_a_file_show_its_name(site: Path) -> None:
    page = (site / "plugins.html").read_text(encoding="utf-8")

    assert '<span class="filename">riddles.py</span>' in page
    assert "```" not in page


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in site.glob("**/*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r'<(?:script|img|iframe)[^>]* src="https?:', text), page.name
        assert not re.findall(r'<link[^>]* rel="stylesheet"[^>]* href="https?:', text), page.name


def test_links_to_files_outside_the_documentation_lead_to_their_pages(site: Path) -> None:
    home = (site / "index.html").read_text(encoding="utf-8")
    judges = (site / "judges.html").read_text(encoding="utf-8")

    assert 'href="changes.html"' in home
    assert 'href="packages/olmo_eval_scaffolds.html#llm"' in judges
