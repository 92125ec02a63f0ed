"""What `make dist` builds is whole, and works where nothing of the repository is."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOL = runpy.run_path(str(ROOT / "tools/distributions.py"))
PACKAGES: list[Path] = TOOL["packages"]()
_NAME = re.compile(r"[A-Za-z0-9._-]+")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel of every package."""
    folder = tmp_path_factory.mktemp("dist")
    for package in PACKAGES:
        TOOL["build"](package, folder)
    return folder


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` of an environment that holds the wheels and what they require, nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    wheels = sorted(map(str, dist.glob("*.whl")))
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python")]
    offline = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", *offline, *wheels], check=True, capture_output=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    ours = {name for wheel in wheels if (name := Path(wheel).name.partition("-")[0])}
    for name in _required({name.replace("_", "-") for name in ours}):
        _link(metadata.distribution(name), packages)
    return folder / "bin"


def _required(ours: set[str]) -> Iterator[str]:
    """The distributions that ours require without extras, and those that these require."""
    waiting, seen = sorted(ours), set(ours)
    while waiting:
        for requirement in metadata.requires(waiting.pop()) or ():
            name = _NAME.match(requirement)
            assert name
            wanted = re.sub(r"[-_.]+", "-", name[0]).lower()
            if "extra ==" in requirement or wanted in seen:
                continue
            seen.add(wanted)
            try:
                metadata.distribution(wanted)
            except metadata.PackageNotFoundError:
                assert ";" in requirement, f"{wanted} is required and not installed"
                continue  # for another platform or Python
            waiting.append(wanted)
            yield wanted


def _link(distribution: metadata.Distribution, packages: Path) -> None:
    """Make an installed distribution importable from another folder of packages."""
    for top in {file.parts[0] for file in distribution.files or () if file.parts[0] != ".."}:
        target = packages / top
        if top != "__pycache__" and not target.exists():
            target.symlink_to(Path(str(distribution.locate_file(top))))


def run(installed: Path, folder: Path, *arguments: object, code: int = 0) -> str:
    """What ``olmo-eval`` prints, run as a person would in an empty folder."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OLMO_EVAL_", "PYTHON"))}
    done = subprocess.run(
        [str(installed / "olmo-eval"), *map(str, arguments)],
        cwd=folder,
        env=kept | {"PATH": f"{installed}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == code, f"{arguments}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_wheels_and_sdists_hold_every_file_of_their_package(dist: Path) -> None:
    for package in PACKAGES:
        name = next((package / "src").iterdir()).name
        listed = subprocess.run(
            ["git", "ls-files", "src"], cwd=package, check=True, capture_output=True, text=True
        )
        source = {line.removeprefix("src/") for line in listed.stdout.splitlines()}
        (wheel,), (sdist,) = dist.glob(f"{name}-[0-9]*.whl"), dist.glob(f"{name}-[0-9]*.gz")
        with zipfile.ZipFile(wheel) as opened, tarfile.open(sdist) as archive:
            held = set(opened.namelist())
            packed = {member.name.partition("/")[2] for member in archive.getmembers()}

        assert source and not source - held, f"{wheel.name} lacks files"
        assert f"{name}/py.typed" in held
        assert any(file.endswith("/licenses/LICENSE") for file in held)
        assert {"README.md", "LICENSE", "pyproject.toml", "PKG-INFO"} <= packed
        assert not [file for file in held if "/tests/" in file and file not in source]


def test_every_plugin_loads_from_its_wheel(installed: Path, tmp_path: Path) -> None:
    found = json.loads(run(installed, tmp_path, "plugins", "--json"))
    doctor = json.loads(run(installed, tmp_path, "doctor", "--json"))

    loaded = {plugin["distribution"] for plugin in found["plugins"]}
    assert loaded >= {package.name.replace("_", "-") for package in PACKAGES[1:]} | {"olmo-eval"}
    assert found["failures"] == []
    assert not [f for f in doctor["findings"] if f["level"] == "problem"]
    for listing in ("tasks", "suites", "models", "scorers", "metrics", "harnesses"):
        assert run(installed, tmp_path, listing)


def test_what_is_made_of_data_files_works_from_a_wheel(installed: Path, tmp_path: Path) -> None:
    run(installed, tmp_path, "new", "task-pack", "acme2")
    for model in ("tiny-step200", "tiny-step1000"):
        run(installed, tmp_path, "run", "-m", model, "-t", "tiny_sums", "--limit", 5)
    run(installed, tmp_path, "compare", "step=200", "step=1000", "--html", "page.html")

    assert (tmp_path / "acme2/pyproject.toml").is_file()
    assert "<html" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "as written" in run(installed, tmp_path, "verify", "page.html")


def test_the_demo_needs_nothing_but_the_wheels(installed: Path, tmp_path: Path) -> None:
    shown = run(installed, tmp_path, "demo")

    assert "overall: better" in shown
    assert re.search(r"^tiny_null .* undecided", shown, re.MULTILINE)
    steps = shown.partition("What next?")[2]
    assert "export OLMO_EVAL_RESULTS=.demo" in steps and "export PATH" not in steps
    for command in set(re.findall(r"olmo-eval ([a-z]+)", steps)):
        assert run(installed, tmp_path, command, "--help")
    flipped = re.search(r"olmo-eval (compare .*)", steps)
    assert flipped
    assert run(installed, tmp_path, *flipped[1].split(), "--results", ".demo")
