"""What is installed: templates and static files, and how much of them there is."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent
SOURCE = PACKAGE / "src/olmo_eval_viewer"
#: bytes of JavaScript that a page may need
_MOST_SCRIPT = 100_000


def _parts(folder: str) -> set[str]:
    return {f"olmo_eval_viewer/{folder}/{path.name}" for path in (SOURCE / folder).iterdir()}


@pytest.mark.slow
def test_the_wheel_has_every_template_and_static_file(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=PACKAGE, check=True, capture_output=True)

    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert _parts("templates") | _parts("static") <= names


def test_scripts_are_small_and_nothing_comes_from_elsewhere() -> None:
    scripts = list((SOURCE / "static").glob("*.js"))
    assert sum(path.stat().st_size for path in scripts) < _MOST_SCRIPT
    for path in [*scripts, *SOURCE.glob("static/*.css"), *SOURCE.glob("templates/*.html")]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"https?://|url\(|@import|\beval\(|innerHTML", text), path.name


def test_templates_have_nothing_inline() -> None:
    served = {path for path in SOURCE.glob("templates/*.html") if path.name != "sealed.html"}
    for path in served:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<style|\sstyle=|\son\w+=|\|\s*safe\b|autoescape", text), path.name
        assert all('src="{{ asset' in tag for tag in re.findall(r"<script[^>]*>", text)), path.name
