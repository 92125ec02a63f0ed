"""Environments: one that is given, one that is made, and what cannot be."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import pytest

from olmo_eval.errors import MissingDependencyError, UsageError
from olmo_eval_external.environments import Requirements, given_venv, installed_version, ready


def tiny_wheel(folder: Path) -> str:
    """A package that needs nothing, as a file."""
    path = folder / "acme_tiny-1.5-py3-none-any.whl"
    info = "acme_tiny-1.5.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("acme_tiny.py", "WORD = 'tiny'\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: acme-tiny\nVersion: 1.5\n")
        tag = "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr(f"{info}/WHEEL", tag)
        wheel.writestr(f"{info}/RECORD", "")
    return str(path)


def tiny(requirement: str = "acme-tiny==1.5") -> Requirements:
    return Requirements("tiny", "acme-tiny", (requirement,))


def venv(folder: Path, *distributions: str) -> Path:
    """A folder that looks like a virtual environment."""
    site = folder / "lib/python3.11/site-packages"
    site.mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "bin/python").symlink_to(sys.executable)
    for name in distributions:
        (site / f"{name}.dist-info").mkdir()
    return folder


def test_the_version_is_read_from_the_files_of_a_venv(tmp_path: Path) -> None:
    made = venv(tmp_path / "v", "acme_tiny-1.4", "acme_tiny_more-9.9")

    assert installed_version(made, "acme-tiny") == "1.4"
    assert installed_version(made, "other") is None
    assert given_venv(str(made), tiny()) == made


def test_a_venv_that_lacks_the_framework_is_told_with_the_command(tmp_path: Path) -> None:
    made = venv(tmp_path / "v")

    with pytest.raises(MissingDependencyError, match="has no acme-tiny") as missing:
        given_venv(str(made), tiny())
    with pytest.raises(UsageError, match="is not a virtual environment"):
        given_venv(str(tmp_path), tiny())

    assert missing.value.hint == f"{made}/bin/python -m pip install 'acme-tiny==1.5'"


@pytest.mark.slow
@pytest.mark.anyio
async def test_an_environment_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLMO_EVAL_CACHE", str(tmp_path / "cache"))
    needs, said = tiny(tiny_wheel(tmp_path)), []

    first = await ready(needs, None, None, said.append, tmp_path / "log")
    second = await ready(needs, None, None, said.append, tmp_path / "log")

    assert first == second
    assert installed_version(first.parents[1], "acme-tiny") == "1.5"
    (line,) = said
    assert line.startswith("making an environment with")
    # one that was not finished is made anew
    (first.parents[1] / ".complete").unlink()
    await ready(needs, None, None, said.append, tmp_path / "log")
    assert len(said) == 2


@pytest.mark.slow
@pytest.mark.anyio
async def test_what_cannot_be_installed_says_how_to_do_it_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLMO_EVAL_CACHE", str(tmp_path / "cache"))
    needs = tiny(str(tmp_path / "missing-1.0-py3-none-any.whl"))

    with pytest.raises(MissingDependencyError, match="could not be made") as failed:
        await ready(needs, None, None, print, tmp_path / "log")

    assert "then -a venv=VENV" in str(failed.value.hint)
    assert "missing-1.0" in (tmp_path / "log").read_text()


@pytest.mark.anyio
async def test_an_interpreter_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLMO_EVAL_CACHE", str(tmp_path / "cache"))

    with pytest.raises(UsageError, match="/no/python cannot be run"):
        await ready(tiny(), None, "/no/python", print, tmp_path / "log")


def test_a_venv_may_be_named_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    venv(tmp_path / "v", "acme_tiny-1.4")

    assert given_venv("v", tiny()) == tmp_path / "v"
