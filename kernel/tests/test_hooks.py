"""Hooks are pluggy's own: order, other names, wrappers; and none of them can harm another."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from olmo_eval import hookspecs, plugins
from olmo_eval.errors import PluginError
from olmo_eval.hooks import HOOKS, OBSERVERS
from olmo_eval.providers.provider import ProviderConfig

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

    with plugins.fresh_manager([str(file)]) as manager:
        assert manager.registry("scorers").entry("rhyme").owner.distribution == "named.py"
        assert manager.registry("commands").entry("greet").owner.distribution == "named.py"


def test_hooks_are_called_in_the_order_they_ask_for(install: Install) -> None:
    for name, options in (("aaa", "trylast=True"), ("bbb", "tryfirst=True"), ("ccc", "")):
        install(f"{name}-evals", name, OBSERVER.format(name=name, options=options))
    order: list[str] = []

    with plugins.fresh_manager() as manager:
        manager.discover()
        assert manager.notify("run_finished", run={"order": order}, scores=(), location="") == []

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
        failures = manager.notify("run_finished", run={"order": order}, scores=(), location="")

    assert order == (["before", "aaa", "after"] if before == "pass" else ["before", "aaa"])
    assert [str(f.owner) for f in failures] == ["wrapping-evals 1.0"] * failed


def test_plugins_that_come_later_are_asked_as_well(tmp_path: Path, site: Path) -> None:
    file = tmp_path / "later.py"
    file.write_text(RAISING.format(what="register('later', 'later:x')"))

    with plugins.fresh_manager() as manager:
        assert "later" not in manager.registry("suites")
        manager.load(str(file))
        assert "later" in manager.registry("suites")


ORDER = """
import olmo_eval
@olmo_eval.hookimpl({options})
def register_suites(register):
    import acme_order
    acme_order.called.append("{name}")
    register("{name}", "{name}:suite")
"""


def test_registering_hooks_are_called_in_the_order_they_ask_for(
    install: Install, site: Path
) -> None:
    (site / "acme_order.py").write_text("called = []\n")
    for name, options in (("aaa", "trylast=True"), ("bbb", "tryfirst=True"), ("ccc", "")):
        install(f"{name}-evals", name, ORDER.format(name=name, options=options))

    with plugins.fresh_manager() as manager:
        manager.registry("suites")
        manager.registry("suites")

    import acme_order  # type: ignore[import-not-found]

    assert acme_order.called == ["bbb", "ccc", "aaa"]  # and each of them once


@pytest.mark.parametrize("old", [False, True])
def test_a_wrapper_of_a_registering_hook_registers_for_its_own_distribution(
    install: Install, old: bool
) -> None:
    install("aaa-evals", "aaa", RAISING.format(what="register('aaa', 'aaa:suite')"))
    install(
        "wrapping-evals",
        "wrapping",
        "import olmo_eval\n"
        f"@olmo_eval.hookimpl({'hookwrapper' if old else 'wrapper'}=True)\n"
        "def register_suites(register):\n"
        "    register('before', 'wrapping:suite')\n"
        "    result = yield\n"
        "    register('after', 'wrapping:suite')\n"
        "    return result\n",
    )
    with plugins.fresh_manager() as manager:
        registry = manager.registry("suites")
        owners = [registry.entry(name).owner.distribution for name in ("before", "after")]

    assert owners == ["wrapping-evals", "wrapping-evals"]


CHOICE = """
import olmo_eval
@olmo_eval.hookimpl({options})
def {name}(config):
    {body}
"""


@pytest.mark.parametrize(
    ("options", "body", "chosen"),
    [
        ("tryfirst=True", "return 'first', 'it said so'", "first"),
        ("trylast=True", "return 'last', 'it said so'", "usual"),
        ("specname='choose_provider', tryfirst=True", "return 'named', 'so'", "named"),
        ("wrapper=True", "result = yield\n    return result[0].upper(), 'wrapped'", "USUAL"),
        ("hookwrapper=True", "r = yield\n    r.force_result(('forced', 'so'))", "forced"),
    ],
)
def test_the_choice_of_a_provider_is_a_hook_like_any(
    install: Install, options: str, body: str, chosen: str
) -> None:
    name = "our_choice" if "specname" in options else "choose_provider"
    usual = CHOICE.format(options="", name="choose_provider", body="return 'usual', 'as ever'")
    install("zzz-evals", "zzz", usual)
    install("acme-evals", "acme", CHOICE.format(options=options, name=name, body=body))

    with plugins.fresh_manager() as manager:
        manager.discover()
        for plugin in manager.plugins:  # those that are installed beside these two
            if plugin.name not in ("acme", "zzz"):
                manager._pluggy.unregister(plugin.hooks)
        choice = manager.first_answer("choose_provider", config=ProviderConfig(model="m"))

    assert choice is not None and choice[0] == chosen


def test_a_wrapper_sees_what_the_others_raise(tmp_path: Path, site: Path) -> None:
    """As with pluggy alone; a strict plugin's failure goes on after it."""
    wrapping, failing = tmp_path / "wrapping.py", tmp_path / "failing.py"
    wrapping.write_text(
        "import olmo_eval\n"
        "seen = []\n"
        "@olmo_eval.hookimpl(wrapper=True)\n"
        "def register_suites(register):\n"
        "    try:\n"
        "        return (yield)\n"
        "    finally:\n"
        "        seen.append('the end')\n"
    )
    failing.write_text(RAISING.format(what="1 / 0"))

    with plugins.fresh_manager([str(wrapping), str(failing)]) as manager:
        with pytest.raises(PluginError, match=r"register_suites of failing\.py"):
            manager.registry("suites")
        (seen,) = [p.module.seen for p in manager.plugins if p.name == "wrapping"]

    assert seen == ["the end"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("yield\n    yield", "the wrapper yields more than once"),
        ("if not run:\n        yield", "the wrapper ended without a yield"),
    ],
)
def test_a_wrapper_yields_exactly_once(install: Install, body: str, said: str) -> None:
    code = (
        f"import olmo_eval\n@olmo_eval.hookimpl(wrapper=True)\ndef run_started(run):\n    {body}\n"
    )
    install("wrapping-evals", "wrapping", code)

    with plugins.fresh_manager() as manager:
        manager.discover()
        (failure,) = manager.notify("run_started", run={"id": "r1"})

    assert (failure.name, failure.reason) == ("wrapping: run_started", said)


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_every_hook_may_be_implemented_under_another_name(
    tmp_path: Path, site: Path, hook: str
) -> None:
    (argument,) = list(inspect.signature(getattr(hookspecs, hook)).parameters)[:1]
    file = tmp_path / "acme.py"
    file.write_text(
        "import olmo_eval\n"
        "called = []\n"
        f"@olmo_eval.hookimpl(specname='{hook}', tryfirst=True)\n"
        f"def ours({argument}): called.append({argument})\n"
    )
    call: dict[str, Any] = dict.fromkeys(
        ["run", "run_id", "task", "response", "metrics", "scores", "location"]
    )

    with plugins.fresh_manager([str(file)]) as manager:
        if hook in OBSERVERS:
            asked = inspect.signature(getattr(hookspecs, hook)).parameters
            assert manager.notify(hook, **{name: call[name] for name in asked}) == []
        elif hook == "choose_provider":
            manager.first_answer(hook, config=ProviderConfig(model="anthropic/claude-x"))
        elif hook == "comparison_page":
            with suppress(
                PluginError
            ):  # an installed plugin, which is asked next, needs a real one
                manager.first_answer(hook, comparison=None)
        elif hook == "verify_page":
            manager.first_answer(hook, page=b"", location="page.html")
        else:
            manager.registry(hook.removeprefix("register_"))
        (called,) = [p.module.called for p in manager.plugins if p.name == "acme"]

    assert len(called) == 1


def test_what_decorators_register_goes_through_the_hooks(tmp_path: Path, site: Path) -> None:
    file = tmp_path / "acme.py"
    file.write_text(
        "from olmo_eval.evals.tasks.common import Task, register, register_variant\n"
        "from olmo_eval.evals.suites import Suite, register as register_suite\n"
        "@register('riddles')\n"
        "class Riddles(Task): pass\n"
        "register_variant('riddles', 'short', max_tokens=8)\n"
        "register_suite(Suite(name='acme', tasks=('riddles',)))\n"
    )
    called: list[tuple[str, list[str]]] = []

    with plugins.fresh_manager() as manager:
        manager.discover()

        def before(hook: str, implementations: Any, arguments: Any) -> None:
            called.append((hook, [i.plugin_name for i in implementations]))

        stop = manager._pluggy.add_hookcall_monitoring(before, lambda *_: None)
        manager.load(str(file))
        stop()

    assert called == [
        ("register_tasks", ["acme.py:3: tasks riddles"]),
        ("register_variants", ["acme.py:5: variants riddles:short"]),
        ("register_suites", ["acme.py:6: suites acme"]),
    ]


def test_a_file_that_was_imported_before_registers_what_its_helpers_do(
    tmp_path: Path, site: Path
) -> None:
    """Python does not import the modules beside a plugin file a second time."""
    (site / "acme_helper.py").write_text(
        "from olmo_eval.evals.tasks.common import Task, register\n"
        "@register('riddles')\n"
        "class Riddles(Task): pass\n"
    )
    file = tmp_path / "acme.py"
    file.write_text("import acme_helper\n")

    for _ in range(2):
        with plugins.fresh_manager([str(file)]) as manager:
            owner = manager.registry("tasks").entry("riddles").owner
            assert owner.distribution == "acme.py"
    with plugins.fresh_manager() as manager:
        assert "riddles" not in manager.registry("tasks")
