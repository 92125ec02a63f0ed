"""Hooks are pluggy's own: order, other names, wrappers; and none of them can harm another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import pytest

from olmo_eval import plugins
from olmo_eval.errors import PluginError

Install = Callable[..., None]

RAISING = """
import olmo_eval
@olmo_eval.hookimpl
def register_suites(register): {what}
"""
OBSERVER = """
import olmo_eval
@olmo_eval.hookimpl({options})
def run_finished(run): run["order"].append("{name}")
"""


def test_a_hook_that_raises_stops_the_command_that_asked_for_its_plugin(
    tmp_path: Path, site: Path
) -> None:
    file = tmp_path / "acme.py"
    file.write_text(RAISING.format(what="{}['tasks']"))

    with plugins.fresh_manager([str(file)]) as manager:
        for _ in range(2):  # and whoever asks again
            with pytest.raises(PluginError, match=r"register_suites of acme.py \S+ failed: Key"):
                manager.registry("suites")
        assert "default" in manager.registry("harnesses")


@pytest.mark.parametrize("what", ["1 / 0", "raise SystemExit(0)", "register('', None)"])
def test_an_installed_plugins_hook_that_raises_takes_nothing_else_down(
    install: Install, what: str
) -> None:
    install("acme-evals", "acme_evals", RAISING.format(what=what))
    install("zeta-evals", "zeta_evals", RAISING.format(what="register('zeta', 'zeta_evals:x')"))

    with plugins.fresh_manager() as manager:
        assert "zeta" in manager.registry("suites")
        manager.registry("suites")
        (failure,) = [f for f in manager.failures if f.owner.distribution == "acme-evals"]

    assert failure.name == "acme_evals: register_suites"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def register_tasks(register): pass", "is not marked as a hook, so nothing calls it"),
        ("@olmo_eval.hookimpl\ndef run_started(run): yield", "yields"),
        ("@olmo_eval.hookimpl\nasync def run_started(run): pass", "is asynchronous"),
    ],
)
def test_a_hook_that_would_do_nothing_is_a_mistake(
    install: Install, tmp_path: Path, code: str, said: str
) -> None:
    install("acme-evals", "acme_evals", f"import olmo_eval\n{code}\n")
    file = tmp_path / "mistaken.py"
    file.write_text(f"import olmo_eval\n{code}\n")

    with plugins.fresh_manager() as manager:
        manager.discover()
        (failure,) = [f for f in manager.failures if f.owner.distribution == "acme-evals"]
        assert said in failure.reason and "acme_evals.py:2" in failure.reason
        with pytest.raises(PluginError, match=f"mistaken.py:2\\) {said}"):
            manager.load(str(file))


def test_a_function_that_is_only_imported_is_no_mistake(tmp_path: Path, site: Path) -> None:
    file = tmp_path / "borrower.py"
    file.write_text("from olmo_eval.providers.models import choose_provider\n")

    with plugins.fresh_manager([str(file)]) as manager:
        assert manager.plugins[-1].name == "borrower"


def test_a_hook_may_have_a_function_of_another_name(tmp_path: Path, site: Path) -> None:
    file = tmp_path / "named.py"
    file.write_text(
        "import click, olmo_eval\n"
        "@olmo_eval.hookimpl(specname='register_scorers')\n"
        "def our_scorers(register): register('rhyme', 'acme:Rhyme')\n"
        "@olmo_eval.hookimpl(specname='register_commands')\n"
        "def our_commands(cli): cli.add_command(click.Command('greet'))\n"
    )
    group = click.Group()

    with plugins.fresh_manager([str(file)]) as manager:
        manager.add_commands(group)
        assert manager.registry("scorers").entry("rhyme").owner.distribution == "named.py"
    assert "greet" in group.commands


def test_hooks_are_called_in_the_order_they_ask_for(install: Install) -> None:
    for name, options in (("aaa", "trylast=True"), ("bbb", "tryfirst=True"), ("ccc", "")):
        install(f"{name}-evals", name, OBSERVER.format(name=name, options=options))
    order: list[str] = []

    with plugins.fresh_manager() as manager:
        manager.discover()
        assert manager.notify("run_finished", run={"order": order}) == []

    assert order == ["bbb", "ccc", "aaa"]


@pytest.mark.parametrize(
    ("before", "after", "failed"),
    [("pass", "pass", 0), ("1 / 0", "pass", 1), ("pass", "1 / 0", 1)],
)
def test_a_wrapper_sees_the_others_and_harms_none(
    install: Install, before: str, after: str, failed: int
) -> None:
    install("aaa-evals", "aaa", OBSERVER.format(name="aaa", options=""))
    install(
        "wrapping-evals",
        "wrapping",
        "import olmo_eval\n"
        "@olmo_eval.hookimpl(wrapper=True)\n"
        "def run_finished(run):\n"
        "    run['order'].append('before')\n"
        f"    {before}\n"
        "    result = yield\n"
        "    run['order'].append('after')\n"
        f"    {after}\n"
        "    return result\n",
    )
    order: list[str] = []

    with plugins.fresh_manager() as manager:
        manager.discover()
        failures = manager.notify("run_finished", run={"order": order})

    assert order == (["before", "aaa", "after"] if before == "pass" else ["before", "aaa"])
    assert [str(f.owner) for f in failures] == ["wrapping-evals 1.0"] * failed


def test_plugins_that_come_later_are_asked_as_well(tmp_path: Path, site: Path) -> None:
    file = tmp_path / "later.py"
    file.write_text(RAISING.format(what="register('later', 'later:x')"))

    with plugins.fresh_manager() as manager:
        assert "later" not in manager.registry("suites")
        manager.load(str(file))
        assert "later" in manager.registry("suites")
