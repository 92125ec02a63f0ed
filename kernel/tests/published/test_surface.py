"""The names that published task packs import are at their documented paths, with the parameters
that they pass."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from olmo_eval import plugins
from olmo_eval.common import scorers
from olmo_eval.errors import MissingDependencyError

_LINE = re.compile(r"(\w+)(?:\(([^)]*)\))?(?: \| (.*))?")


def surface() -> Iterator[tuple[str, str, list[str], list[str]]]:
    module = ""
    for line in (Path(__file__).parent / "surface.txt").read_text().splitlines():
        if line.startswith("["):
            module = line.strip("[]")
        elif line and not line.startswith("#"):
            found = _LINE.fullmatch(line)
            assert found is not None, line
            name, parameters, members = found.groups()
            yield (
                module,
                name,
                (parameters or "").replace(",", " ").split(),
                (members or "").split(),
            )


@pytest.mark.parametrize(
    ("module", "name", "parameters", "members"),
    list(surface()),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_published_name_is_there(
    module: str, name: str, parameters: list[str], members: list[str]
) -> None:
    found: Any = getattr(import_module(module), name)

    if parameters:
        signature = inspect.signature(found.__init__ if isinstance(found, type) else found)
        assert not set(parameters) - set(signature.parameters)
    fields = {a.name for a in getattr(found, "__attrs_attrs__", ())}
    assert [m for m in members if m not in fields and not hasattr(found, m)] == []


def test_what_a_plugin_supplies_is_found_in_the_registry() -> None:
    registry = plugins.manager().registry("scorers")

    assert scorers.CodeExecutionScorer is registry.get("code_exec")


def test_what_no_plugin_supplies_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    with plugins.fresh_manager() as manager:
        monkeypatch.setattr(manager, "discover", lambda: None)
        with pytest.raises(MissingDependencyError, match="'code_exec'") as missing:
            _ = scorers.CodeExecutionScorer

    assert missing.value.hint == "pip install olmo-eval-tasks"
    with pytest.raises(AttributeError):
        _ = scorers.NoSuchScorer
