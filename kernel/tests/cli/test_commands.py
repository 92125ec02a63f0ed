"""Every command comes in through ``register_commands``; none can harm the others."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olmo_eval import plugins
from olmo_eval.errors import CollisionError

Install = Callable[..., None]

COMMANDS = """
import click, olmo_eval
@click.command()
def {name}():
    \"\"\"Say hello.\"\"\"
    click.echo("hello")
@olmo_eval.hookimpl
def register_commands(cli): {how}
"""
BROKEN_HELP = """
import click, olmo_eval
class Odd(click.Command):
    def get_short_help_str(self, limit=45): return {}["help"]
@olmo_eval.hookimpl
def register_commands(cli): cli.add_command(Odd("odd", callback=lambda: click.echo("odd")))
"""


def test_the_kernels_own_commands_are_registered_like_any() -> None:
    with plugins.fresh_manager() as manager:
        entry = manager.registry("commands").entry("run")

    assert entry.lazy
    assert entry.owner.distribution == "olmo-eval"


@pytest.mark.parametrize(
    "how",
    [
        "cli.add_command(greet)",
        "cli.add_command(greet, 'greet')",
        "cli.add_lazy_command('greet', 'acme_evals:greet', 'Say hello.')",
        "cli.command('greet', help='Say hello.')(lambda: click.echo('hello'))",
    ],
)
def test_a_plugins_command_is_listed_and_runs(bench: Any, install: Install, how: str) -> None:
    install("acme-evals", "acme_evals", COMMANDS.format(name="greet", how=how))

    with plugins.fresh_manager():
        assert "greet       Say hello." in bench.cli("--help").out
        assert bench.cli("greet").out == "hello\n"
        assert "commands       greet" in bench.cli("plugins").out


def test_a_lazy_command_is_imported_when_it_is_called(
    bench: Any, install: Install, site: Path
) -> None:
    how = "cli.add_lazy_command('greet', 'acme_cli:greet', 'Say hello.')"
    install("acme-evals", "acme_evals", COMMANDS.format(name="other", how=how))
    (site / "acme_cli.py").write_text(COMMANDS.format(name="greet", how="pass"))

    with plugins.fresh_manager():
        bench.cli("--help")
        assert "acme_cli" not in sys.modules
        assert bench.cli("greet").out == "hello\n"


def test_a_command_that_the_kernel_has_too_is_an_error_that_names_both(
    bench: Any, install: Install
) -> None:
    install("acme-evals", "acme_evals", COMMANDS.format(name="run", how="cli.add_command(run)"))

    with plugins.fresh_manager() as manager:
        refused = bench.cli("run", "-m", "mock", "-t", "sums")
        with pytest.raises(CollisionError):
            manager.registry("commands").get("run")
        listed = bench.cli("--help").out
        plugin = bench.cli("acme-evals:run")
        kernel = bench.cli("olmo-eval:run", "--help")
        report = bench.cli("plugins").out

    assert refused.code == 2
    assert "command 'run' is claimed by olmo-eval and acme-evals" in refused.err
    assert "say which: olmo-eval:run or acme-evals:run" in refused.err
    assert "acme-evals:run  Say hello." in listed and "olmo-eval:run   Evaluate a" in listed
    assert plugin.out == "hello\n" and kernel.code == 0
    assert "claimed twice: command run, by olmo-eval and acme-evals" in report


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            COMMANDS.format(name="greet", how="{}['cli']"),
            "register_commands (acme-evals 1.0): KeyE",
        ),
        (COMMANDS.format(name="greet", how="cli.add_command('greet')"), "is not a click command"),
        ("import click, not_installed_anywhere", "No module named 'not_installed_anywhere'"),
        (BROKEN_HELP, ""),
    ],
)
def test_a_broken_command_leaves_help_as_it_is(
    bench: Any, install: Install, code: str, said: str
) -> None:
    install("zeta-evals", "zeta_evals", COMMANDS.format(name="zeta", how="cli.add_command(zeta)"))
    install("acme-evals", "acme_evals", code)

    with plugins.fresh_manager():
        printed = bench.cli("--help")
        report = bench.cli("plugins").out

    assert (printed.code, printed.err) == (0, "")
    assert "  run " in printed.out and "Say hello." in printed.out
    assert said in report


def test_a_command_that_cannot_be_imported_is_its_plugins_fault(
    bench: Any, install: Install
) -> None:
    how = (
        "cli.add_lazy_command('gone', 'acme_evals:gone', 'Gone.');"
        "cli.add_lazy_command('none', 'acme_evals:olmo_eval', 'None.')"
    )
    install("acme-evals", "acme_evals", COMMANDS.format(name="greet", how=how))

    with plugins.fresh_manager():
        assert "Gone." in bench.cli("--help").out
        gone, none = bench.cli("gone"), bench.cli("none")

    assert gone.code == 1 and "error: command 'gone' of acme-evals 1.0: importing" in gone.err
    assert none.code == 1 and "which is not a click command" in none.err


def test_a_hidden_command_is_not_listed_but_runs(bench: Any, install: Install) -> None:
    how = "greet.hidden = True; cli.add_command(greet)"
    install("acme-evals", "acme_evals", COMMANDS.format(name="greet", how=how))

    with plugins.fresh_manager():
        assert "greet" not in bench.cli("--help").out
        assert bench.cli("greet").out == "hello\n"


def test_a_plugins_command_may_print_as_it_likes_beside_json(
    bench: Any, install: Install, site: Path
) -> None:
    """Only what plugins print while they are loaded is kept apart."""
    code = (
        "import click, olmo_eval\n"
        "print('loading')\n"
        "@click.command()\n"
        "@click.option('--json', is_flag=True)\n"
        "def greet(json): click.echo('hello')\n"
        "@olmo_eval.hookimpl\n"
        "def register_commands(cli): cli.add_command(greet)\n"
    )
    install("acme-evals", "acme_evals", code)

    with plugins.fresh_manager():
        printed = bench.cli("greet", "--json")
    in_a_process = bench.command(
        "greet", "--json", env={"PYTHONPATH": str(site), "OLMO_EVAL_PLUGINS": ""}
    )

    for done in (printed, in_a_process):
        assert (done.code, done.out, done.err) == (0, "hello\n", "loading\n")
