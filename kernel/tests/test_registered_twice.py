"""Nothing that is registered is silently replaced: one name means one thing, or it is an error."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from olmo_eval import plugins
from olmo_eval.errors import CollisionError, UnknownNameError, UsageError
from olmo_eval.evals.tasks.common import build_task
from olmo_eval.evals.tasks.common.registry import contested_variants, variants_of

Install = Callable[..., None]

TASK = """
from olmo_eval.evals.tasks.common import Task, register, register_variant
@register("riddles")
class Riddles(Task): pass
register_variant("riddles", "short", max_tokens=8)
"""
VARIANT = """
from olmo_eval.evals.tasks.common import register_variant
register_variant("riddles", "{name}", max_tokens={tokens})
"""
INDEX = """
import olmo_eval
@olmo_eval.hookimpl
def register_tasks(register): register("riddles", "{module}")
"""


def shortest(spec: str) -> int | None:
    return build_task(spec).config.sampling_params.max_tokens


@pytest.mark.parametrize(("guest", "order"), [("aaa_pack", "before"), ("zzz_pack", "after")])
def test_a_variant_that_another_distribution_claims_is_an_error_when_used(
    install: Install, guest: str, order: str
) -> None:
    """Whichever is loaded first."""
    install("riddle-evals", "riddle_evals", TASK)
    install(guest.replace("_", "-"), guest, VARIANT.format(name="short", tokens=9), "2.0")

    with plugins.fresh_manager():
        with pytest.raises(CollisionError) as refused:
            build_task("riddles:short")
        assert build_task("riddles").config.name == "riddles"
        assert variants_of("riddles") == ["short"]
        assert list(contested_variants()) == ["riddles:short"]

    assert "variant riddles:short is claimed by" in refused.value.message
    assert "riddle-evals 1.0 (riddle_evals:5)" in refused.value.message
    assert f"{guest.replace('_', '-')} 2.0 ({guest}:3)" in refused.value.message
    assert f"{guest.replace('_', '-')} must give it another name" in str(refused.value.hint)


def test_a_pack_may_add_variants_to_a_task_whose_module_is_not_loaded(
    install: Install, site: Path
) -> None:
    install("aaa-pack", "aaa_pack", VARIANT.format(name="brief", tokens=5))
    install("riddle-evals", "riddle_evals", INDEX.format(module="lazy_riddles"))
    (site / "lazy_riddles.py").write_text(TASK)

    with plugins.fresh_manager():
        assert "lazy_riddles" not in sys.modules
        assert (shortest("riddles:brief"), shortest("riddles:short")) == (5, 8)
        assert variants_of("riddles") == ["brief", "short"]


def test_variants_come_and_go_with_their_plugin(tmp_path: Path, site: Path) -> None:
    task, more = tmp_path / "task.py", tmp_path / "more.py"
    task.write_text(TASK)
    more.write_text(VARIANT.format(name="brief", tokens=5))

    for _ in range(2):  # the second time nothing is imported any more
        with plugins.fresh_manager([str(task), str(more)]):
            assert (shortest("riddles:brief"), shortest("riddles:short")) == (5, 8)
    with plugins.fresh_manager([str(task)]), pytest.raises(UnknownNameError, match="'brief'"):
        build_task("riddles:brief")


def test_a_lazy_module_that_was_imported_before_registers_its_variants_again(
    install: Install, site: Path
) -> None:
    hook = "import olmo_eval\n@olmo_eval.hookimpl\ndef register_tasks(register):\n"
    install(
        "riddle-evals", "riddle_evals", f"{hook}    register('riddles', 'lazy_riddles:Riddles')"
    )
    (site / "lazy_riddles.py").write_text(TASK)

    for _ in range(2):
        with plugins.fresh_manager():
            assert shortest("riddles:short") == 8


def test_one_distribution_cannot_give_a_variant_two_meanings(tmp_path: Path, site: Path) -> None:
    file = tmp_path / "twice.py"
    file.write_text(TASK + 'register_variant("riddles", "short", max_tokens=9)\n')

    with plugins.fresh_manager() as manager, pytest.raises(UsageError) as refused:
        manager.load(str(file))

    assert "registers two variants named 'riddles:short'" in refused.value.message
    assert ":5 and at " in refused.value.message and refused.value.message.endswith(":6")


def test_a_package_that_is_refused_supplies_nothing(install: Install) -> None:
    """Not the first of its two settings either."""
    install("twice-evals", "twice_evals", TASK + VARIANT.format(name="short", tokens=9))

    with plugins.fresh_manager() as manager:
        with pytest.raises(UnknownNameError):
            build_task("riddles:short")
        (failure,) = [f for f in manager.failures if f.owner.distribution == "twice-evals"]

    assert "two variants named 'riddles:short'" in failure.reason


def test_two_modules_of_one_distribution_are_told_apart_too(tmp_path: Path, site: Path) -> None:
    package = site / "acme"
    package.mkdir()
    (package / "__init__.py").write_text("import acme.first, acme.second\n")
    (package / "first.py").write_text(TASK)
    (package / "second.py").write_text(VARIANT.format(name="short", tokens=9))

    with plugins.fresh_manager() as manager, pytest.raises(UsageError) as refused:
        manager.load("acme")

    assert "at acme.first:5 and at acme.second:3" in refused.value.message


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("suites", "register(Suite(name='few', tasks=('a', '{0}')))"),
        ("tools", "registered_tool(name='few', description='{0}')(size)"),
    ],
)
def test_values_of_every_kind_are_told_apart(
    what: str, code: str, tmp_path: Path, site: Path
) -> None:
    head = (
        "from olmo_eval.evals.suites import Suite, register\n"
        "from olmo_eval.agents.tools import registered_tool\n"
        "def size(text: str) -> int: return len(text)\n"
    )
    same, other = tmp_path / "same.py", tmp_path / "other.py"
    same.write_text(head + "\n".join([code.format("x"), code.format("x")]))
    other.write_text(head + "\n".join([code.format("x"), code.format("y")]))
    twice = rf"two {what} named 'few': at other.py:4 and at other.py:5"

    with plugins.fresh_manager([str(same)]) as manager:
        assert "few" in manager.registry(what)
        with pytest.raises(UsageError, match=twice):
            manager.load(str(other))


def test_a_class_may_not_be_defined_twice_under_one_name(tmp_path: Path, site: Path) -> None:
    file = tmp_path / "copied.py"
    file.write_text(TASK + TASK)

    with plugins.fresh_manager() as manager, pytest.raises(UsageError, match="two tasks named"):
        manager.load(str(file))


def test_a_module_that_is_reloaded_replaces_what_it_registered(site: Path) -> None:
    (site / "loose_riddles.py").write_text(TASK)

    with plugins.fresh_manager(["loose_riddles"]):
        first = type(build_task("riddles"))
        (site / "loose_riddles.py").write_text(TASK.replace("max_tokens=8", "max_tokens=80"))
        importlib.invalidate_caches()
        importlib.reload(sys.modules["loose_riddles"])

        assert type(build_task("riddles")) is not first
        assert shortest("riddles:short") == 80


@pytest.mark.parametrize("target", ["'acme.presets:N{0}'", "HarnessConfig(max_turns={0})"])
def test_a_hook_that_gives_one_name_two_meanings_is_refused(
    target: str, tmp_path: Path, site: Path
) -> None:
    file = tmp_path / "promises.py"
    file.write_text(
        "import olmo_eval\n"
        "from olmo_eval.harness import HarnessConfig\n"
        "@olmo_eval.hookimpl\n"
        "def register_harnesses(register):\n"
        f"    register('careful', {target.format(3)})\n"
        f"    register('careful', {target.format(3)})\n"
        f"    register('careful', {target.format(4)})\n"
    )
    twice = r"two harnesses named 'careful': at promises.py:5 and at promises.py:7"

    with plugins.fresh_manager([str(file)]) as manager, pytest.raises(UsageError, match=twice):
        manager.registry("harnesses")


def test_a_decorator_and_an_import_string_must_mean_the_same(install: Install) -> None:
    hook = INDEX.format(module="riddle_evals:Other")
    install("riddle-evals", "riddle_evals", TASK + "class Other(Task): pass\n" + hook)

    with plugins.fresh_manager(), pytest.raises(UsageError, match="two tasks named 'riddles'"):
        build_task("riddles")
