"""A plugin that raises in a hook, in each that there is: it is named, and the run loses nothing."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olmo_eval import hookspecs, plugins
from olmo_eval.hooks import HOOKS
from olmo_eval.results.store import Run, Store

pytestmark = pytest.mark.slow

Tables = Callable[[Run], dict[str, Any]]

#: hooks at whose failure the command stops: what they would have said is what was asked for
ASKED_FOR = {"choose_provider", "comparison_page", "verify_page"}


def raising(hook: str) -> str:
    arguments = ", ".join(inspect.signature(getattr(hookspecs, hook)).parameters)
    return (
        "import olmo_eval\n\n@olmo_eval.hookimpl(tryfirst=True)\n"
        f"def {hook}({arguments}):\n    {{}}['engine']\n"
    )


@pytest.fixture
def whole(bench: Any) -> Run:
    """The run as it is without a plugin that raises."""
    made: Run = bench.evaluate("sums", skill=0.5, results="whole")
    return made


RUN = ("run", "-m", "mock", "-t", "sums", "-o", "provider.kwargs.skill=0.5")


def asking(hook: str, whole: Run, folder: Path) -> tuple[object, ...]:
    """A command that calls the hook."""
    if hook == "comparison_page":
        return ("compare", whole.location, whole.location, "--html", folder / "page.html")
    if hook == "choose_provider":
        return ("run", "-m", "anybody/a-model", "-t", "sums")
    if hook == "verify_page":
        (folder / "page.html").write_text("<html>a page of nobody</html>")
        return ("verify", folder / "page.html")
    return ("doctor",) if hook == "register_checks" else RUN


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_an_installed_plugin_that_raises(
    bench: Any, install: Callable[..., None], tables: Tables, whole: Run, hook: str
) -> None:
    install("acme-evals", "acme_evals", raising(hook))

    with plugins.fresh_manager([str(bench.pack)]):
        asked = bench.cli(*asking(hook, whole, bench.folder))
        listed = bench.cli("plugins")

    everything = asked.err + asked.out + listed.out + listed.err
    assert "acme-evals" in everything and hook in everything, everything
    assert "KeyError: 'engine'" in everything, everything
    assert "Traceback" not in everything and "defect" not in everything
    if hook in ASKED_FOR:
        assert asked.code == 1, asked.err
    elif hook != "register_checks":  # doctor's code is about the machine
        assert asked.code == 0, asked.err
        (run,) = Store("results").runs()
        assert tables(run) == tables(whole)


@pytest.mark.parametrize("hook", sorted(h for h in HOOKS if h.startswith("register_")))
def test_a_plugin_that_was_asked_for_by_name_stops_the_command_before_it_begins(
    bench: Any, hook: str
) -> None:
    file = bench.folder / "acme.py"
    file.write_text(raising(hook))

    with plugins.fresh_manager([str(bench.pack)]):
        refused = bench.cli(*RUN, "--plugin", file)
        listed = bench.cli("plugins", "--plugin", file)

    everything = refused.err + listed.err
    assert f"{hook} of acme.py" in everything and "acme.py:5" in everything
    assert "Traceback" not in everything
    assert refused.code == 0 or not Store("results").runs()
