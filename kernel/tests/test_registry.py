"""A registry: lazy, owned, never silently overwritten, helpful when a name is wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from olmo_eval.errors import (
    CollisionError,
    MissingDependencyError,
    PluginError,
    UnknownNameError,
    UsageError,
)
from olmo_eval.registry import Owner, Registry

ACME = Owner("acme-evals", "1.0", "acme_evals")
OTHER = Owner("other-evals", "2.0", "other_evals")


class Riddles:
    pass


class Puzzles:
    pass


@pytest.fixture
def registry() -> Registry[type]:
    return Registry("tasks", "task")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An importable package ``lazy_pack``; what it imports is forgotten afterwards."""
    folder = tmp_path / "lazy_pack"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "lazy_pack"]:
        del sys.modules[name]


def test_an_object_comes_back_as_it_was_registered(registry: Registry[type]) -> None:
    registry.add("riddles", Riddles, ACME)

    assert registry.get("riddles") is Riddles
    assert registry.names() == ["riddles"]
    assert registry.entry("riddles").owner == ACME


def test_an_import_string_is_imported_at_first_use(registry: Registry[type], package: Path) -> None:
    (package / "tasks.py").write_text("class Outer:\n    class Inner: pass\n")

    registry.add("inner", "lazy_pack.tasks:Outer.Inner", ACME)
    assert registry.names() == ["inner"]
    assert "lazy_pack.tasks" not in sys.modules

    assert registry.get("inner").__name__ == "Inner"
    assert registry.get("inner") is registry.get("inner")


def test_an_unknown_name_offers_the_closest(registry: Registry[type]) -> None:
    registry.add("gsm8k", Riddles, ACME)

    with pytest.raises(UnknownNameError) as caught:
        registry.get("gsm9k")
    assert caught.value.message == "unknown task 'gsm9k'"
    assert "gsm8k" in str(caught.value.hint)
    assert caught.value.exit_code == 2


def test_a_name_far_from_all_says_where_the_list_is(registry: Registry[type]) -> None:
    registry.add("gsm8k", Riddles, ACME)

    with pytest.raises(UnknownNameError) as caught:
        registry.get("zzzzzzzz")
    assert "olmo-eval tasks" in str(caught.value.hint)


def test_two_distributions_claiming_one_name_are_both_named(registry: Registry[type]) -> None:
    registry.add("riddles", Riddles, ACME)
    registry.add("riddles", Puzzles, OTHER)

    with pytest.raises(CollisionError) as caught:
        registry.get("riddles")
    assert "acme-evals" in caught.value.message
    assert "other-evals" in caught.value.message
    assert "acme-evals:riddles or other-evals:riddles" in str(caught.value.hint)
    assert registry.collisions() == {"riddles": [ACME, OTHER]}


def test_a_qualified_name_says_which_is_meant(registry: Registry[type]) -> None:
    registry.add("riddles", Riddles, ACME)
    registry.add("riddles", Puzzles, OTHER)

    assert registry.get("acme-evals:riddles") is Riddles
    assert registry.get("other-evals:riddles") is Puzzles
    assert "nobody:riddles" not in registry


def test_a_collision_takes_no_other_name_down(registry: Registry[type]) -> None:
    registry.add("riddles", Riddles, ACME)
    registry.add("riddles", Puzzles, OTHER)
    registry.add("puzzles", Puzzles, OTHER)

    assert registry.get("puzzles") is Puzzles


def test_one_distribution_cannot_give_two_things_one_name(registry: Registry[type]) -> None:
    registry.add("riddles", Riddles, ACME)

    with pytest.raises(UsageError, match=r"acme-evals 1\.0 registers two tasks named 'riddles'"):
        registry.add("riddles", Puzzles, ACME)


def test_the_import_string_and_the_object_of_one_thing_are_no_conflict(
    registry: Registry[type],
) -> None:
    registry.add("riddles", f"{__name__}:Riddles", ACME)
    registry.add("riddles", Riddles, ACME)
    registry.add("riddles", f"{__name__}:Riddles", ACME)

    assert registry.get("riddles") is Riddles


@pytest.mark.parametrize("name", ["", " riddles", "riddles ", "a=b"])
def test_names_that_could_not_be_typed_are_refused(registry: Registry[type], name: str) -> None:
    with pytest.raises(UsageError, match="bad name"):
        registry.add(name, Riddles, ACME)


def test_a_missing_module_names_the_plugin(registry: Registry[type]) -> None:
    registry.add("riddles", "no_such_package.tasks:Riddles", ACME)

    with pytest.raises(PluginError, match=r"task 'riddles' of acme-evals 1\.0: .*no module"):
        registry.get("riddles")


def test_a_missing_attribute_names_the_target(registry: Registry[type], package: Path) -> None:
    (package / "empty.py").write_text("")
    registry.add("riddles", "lazy_pack.empty:Riddles", ACME)

    with pytest.raises(PluginError, match=r"lazy_pack\.empty:Riddles"):
        registry.get("riddles")


def test_a_missing_dependency_says_what_to_install(registry: Registry[type], package: Path) -> None:
    (package / "engine.py").write_text("import not_installed_engine\n")
    registry.add("riddles", "lazy_pack.engine:Riddles", ACME)

    with pytest.raises(MissingDependencyError, match="needs the module 'not_installed_engine'"):
        registry.get("riddles")


def test_a_module_that_raises_is_reported_with_its_reason(
    registry: Registry[type], package: Path
) -> None:
    (package / "broken.py").write_text("raise RuntimeError('out of cheese')\n")
    registry.add("riddles", "lazy_pack.broken:Riddles", ACME)

    with pytest.raises(PluginError, match="RuntimeError: out of cheese"):
        registry.get("riddles")


def test_a_bare_module_must_register_the_name_it_promised(
    registry: Registry[type], package: Path
) -> None:
    (package / "forgetful.py").write_text("")
    registry.add("riddles", "lazy_pack.forgetful", ACME)

    with pytest.raises(PluginError, match="did not register that name"):
        registry.get("riddles")
