"""``olmo-eval new``: what it writes is installed, run and tested as it stands."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from walkthrough import Command, Walkthrough, blocks

from olmo_eval.errors import UsageError
from olmo_eval.skeletons import KINDS, Names, render, write

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"


@pytest.fixture
def walkthrough(tmp_path: Path) -> Walkthrough:
    """An empty folder, and an environment that has what this one has."""
    made = Walkthrough(tmp_path / "work", tmp_path / "environment")
    made.prepare()
    return made


@pytest.mark.parametrize(
    "kind",
    # one says whether packages can be written at all; the others take as long again
    [pytest.param(k, marks=() if k == "task-pack" else pytest.mark.slow) for k in KINDS],
)
def test_a_package_is_written_installed_run_and_tested(
    kind: str, walkthrough: Walkthrough, tmp_path: Path
) -> None:
    name = f"acme-{kind}2"
    walkthrough.run(Command(f"olmo-eval new {kind} {name}", ("next: pip install",), 0), ROOT)

    inside = Walkthrough(walkthrough.folder / name, walkthrough.home, walkthrough.environment)
    inside.follow(inside.folder / "README.md")


def test_the_next_commands_are_those_that_are_printed(walkthrough: Walkthrough) -> None:
    next_ = "pip install ./acme2 && olmo-eval run -m mock -t acme2_example"
    walkthrough.run(Command("olmo-eval new task-pack acme2", (f"next: {next_}",), 0), ROOT)
    walkthrough.run(Command(next_, ("acme2_example",), 0), ROOT)


@pytest.mark.parametrize(
    ("kind", "names", "folder"),
    [
        ("task-pack", Names("acme-evals", "riddles"), "third_party_pack"),
        ("sandbox", Names("acme", "example"), "third_party_sandbox"),
    ],
)
def test_the_example_is_what_the_command_writes(kind: str, names: Names, folder: str) -> None:
    written = dict(render(kind, names))
    example = EXAMPLES / folder
    there = {
        path.relative_to(example).as_posix(): path.read_text(encoding="utf-8")
        for path in example.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert there == written


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_clean(kind: str, tmp_path: Path) -> None:
    write(kind, Names("acme"), tmp_path)
    ruff = [sys.executable, "-m", "ruff"]
    style = ["--isolated", "--no-cache", "--config", "line-length = 100"]

    for command in (
        [*ruff, "check", *style, "--select", "E,F,W,I,UP,B,SIM", "--config", 'src = ["src"]'],
        [*ruff, "format", *style, "--check"],
    ):
        done = subprocess.run([*command, "."], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def classes(source: str) -> dict[str, str]:
    found = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    return {node.name: ast.unparse(node) for node in found}


@pytest.mark.parametrize(
    ("kind", "name", "file"),
    [
        ("provider", "answer_book", "acme-evals/acme_evals/answer_book.py"),
        ("scaffold", "second_thoughts", "second_thoughts.py"),
        ("sandbox", "scratch", "scratch.py"),
        ("judge", "yes_no", "yes_no.py"),
        ("external", "coin_flip", "coin_flip.py"),
    ],
)
def test_the_page_that_teaches_it_shows_the_same_code(kind: str, name: str, file: str) -> None:
    shown = next(b.text for b in blocks(ROOT / "docs/plugins.md") if b.file == file)
    written = [
        source for path, source in render(kind, Names(name)) if re.search(r"src/.*\.py$", path)
    ]

    code = {key: text for source in written for key, text in classes(source).items()}
    assert code and code == classes(shown)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("2acme", "cannot be the name of a package"),
        ("acme evals", "cannot be the name of a package"),
        ("../acme", "cannot be the name of a package"),
        ("acme--evals", "cannot be the name of a package"),
        ("-acme", "cannot be the name of a package"),
        ("class", "cannot be the name of a package"),
        ("json", "would hide a module of Python"),
        ("olmo_eval", "would hide a module of olmo-eval"),
    ],
)
def test_names_that_cannot_be_packages_are_refused(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        write("task-pack", Names(name), tmp_path / "new")

    assert raised.value.hint
    assert not (tmp_path / "new").exists()


def test_a_task_is_named_as_its_module_can_be(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'two words' cannot be the name of a task"):
        write("task-pack", Names("acme", "two words"), tmp_path / "new")


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme/mine.txt").write_text("mine")

    with pytest.raises(UsageError, match="acme exists already"):
        write("provider", Names("acme"), tmp_path / "acme")
    with pytest.raises(UsageError, match=r"mine\.txt exists already"):
        write("provider", Names("acme"), tmp_path / "acme/mine.txt")

    assert [path.name for path in (tmp_path / "acme").iterdir()] == ["mine.txt"]
