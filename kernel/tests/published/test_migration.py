"""What docs/migration.md says is so: its code runs, what it leaves out is not there, and what it
says that plugins supply is asked of the registry."""

from __future__ import annotations

import re
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest

from olmo_eval import plugins
from olmo_eval.errors import MissingDependencyError
from olmo_eval.evals.tasks.common import build_task

PAGE = (Path(__file__).parents[3] / "docs/migration.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| `(olmo_eval[\w.]+)` \| (.+?) \|", re.MULTILINE)
LEFT_OUT = [
    (module, name) for module, names in _ROW.findall(PAGE) for name in re.findall(r"`(\w+)`", names)
]
PATHS = [f"olmo_eval.{p}" for p in ("common.scorers", "common.metrics", "harness.scaffolds")]


def test_its_code_runs(tmp_path: Path) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    pack = tmp_path / "migration_page.py"
    pack.write_text(block)

    with plugins.fresh_manager([str(pack)]) as manager:
        assert "capital_quiz" in manager.registry("tasks")


@pytest.mark.parametrize(("module", "name"), LEFT_OUT)
def test_what_is_left_out_is_not_there(module: str, name: str) -> None:
    with suppress(ModuleNotFoundError):
        assert not hasattr(import_module(module), name)


def test_what_plugins_supply_is_offered_at_its_path() -> None:
    table = PAGE.partition("## Names that a plugin supplies")[2].partition("## What is left out")[0]
    names = [n for n in re.findall(r"`([A-Z]\w+)`", table)]

    assert len(names) > 8
    for name in names:
        assert any(_is_offered(path, name) for path in PATHS), name


def test_every_task_that_it_names_is_there() -> None:
    specs = {s for s in re.findall(r"-t ([a-z][\w:]+)", PAGE) if not s.startswith("capital_quiz")}
    shown = set(re.findall(r"task (?:show|inspect) ([a-z][\w:]+)", PAGE))

    assert len(specs) >= 6
    for spec in specs | shown:
        if spec not in plugins.registered("suites"):
            build_task(spec)


def test_every_option_that_it_names_is_there() -> None:
    """On the right of the tables, where our own commands stand."""
    cells = [line.split("|")[2] for line in PAGE.splitlines() if line.startswith("| ")]
    help_ = (Path(__file__).parents[3] / "docs/cli.md").read_text(encoding="utf-8")
    named = {option for cell in cells for option in re.findall(r"(?<![\w-])--?[a-z][\w-]*", cell)}

    assert {"--results", "--provider", "-m"} <= named
    assert not [option for option in named if not re.search(rf"[ `]{option}\b", help_)]


def _is_offered(path: str, name: str) -> bool:
    try:
        getattr(import_module(path), name)
    except AttributeError:
        return False
    except MissingDependencyError:
        return True
    return True
