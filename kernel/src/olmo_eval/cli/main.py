"""``olmo-eval``: finds the command, loads plugins that were asked for, prints errors for people."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import click

from olmo_eval.errors import OlmoEvalError, PluginError

#: command -> (where it is, what it does in one line); modules are imported when called
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("run:run", "Evaluate a model on tasks; rerunning resumes."),
    "plan": ("plan:plan", "What a run would reuse, ask and cost; what it could tell."),
    "compare": ("compare:compare", "Compare runs question by question, with a verdict."),
    "rescore": ("rescore:rescore", "Score recorded outputs again, asking no model anything."),
    "results": ("results:results", "List and show runs."),
    "task": ("task:task", "Look at a task: its instances, its requests, its tokens."),
    "suite": ("suite:suite", "Look at a suite."),
    "data": ("data:data", "What tasks read; fill an offline mirror."),
    "plugins": ("listing:plugins", "Who provides what; what failed to load and why."),
    "tasks": ("listing:tasks", "List tasks."),
    "suites": ("listing:suites", "List suites."),
    "models": ("listing:models", "List model presets."),
    "harnesses": ("listing:harnesses", "List harness presets."),
    "scaffolds": ("listing:scaffolds", "List scaffolds."),
    "providers": ("listing:providers", "List inference providers."),
    "sandboxes": ("listing:sandboxes", "List sandbox backends."),
    "tools": ("listing:tools", "List tools."),
    "scorers": ("listing:scorers", "List scorers."),
    "judges": ("listing:judges", "List judges."),
    "executors": ("listing:executors", "List executors."),
    "external": ("external:external", "List and run benchmarks with their own runner."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called.

    Commands of plugins are asked for only where the built-in ones do not answer: for an unknown
    name and for the list of commands.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        self._add_plugin_commands()
        return sorted({*COMMANDS, *self.commands})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            return _load(COMMANDS[cmd_name][0])
        self._add_plugin_commands()
        return self.commands.get(cmd_name)

    def _add_plugin_commands(self) -> None:
        from olmo_eval.plugins import manager

        manager().add_commands(self)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = []
        for name in self.list_commands(ctx):
            known = COMMANDS.get(name)
            text = known[1] if known else self.commands[name].get_short_help_str(60)
            rows.append((name, text))
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from olmo_eval.common.suggest import did_you_mean

            hint = did_you_mean(args[0], self.list_commands(ctx))
            if hint:
                raise click.UsageError(f"{error.message} {hint}", ctx) from error
            raise


def _load(place: str) -> click.Command:
    from importlib import import_module

    module, _, name = place.partition(":")
    command: click.Command = getattr(import_module(f"olmo_eval.cli.{module}"), name)
    return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="olmo-eval", prog_name="olmo-eval")
def cli() -> None:
    """Evaluate language models, and tell whether a difference is real.

    Every command also takes --plugin FILE_OR_MODULE (repeatable; or OLMO_EVAL_PLUGINS), and
    --debug to show tracebacks.
    """


def common_options(arguments: Sequence[str]) -> tuple[list[str], list[str], bool]:
    """(the rest, plugins, debug): options that every command takes, wherever they stand."""
    rest: list[str] = []
    plugins: list[str] = []
    debug = bool(os.environ.get("OLMO_EVAL_DEBUG"))
    items = iter(arguments)
    for item in items:
        if item == "--":
            rest += [item, *items]
        elif item == "--debug":
            debug = True
        elif item == "--plugin":
            target = next(items, None)
            if target is None:
                raise click.UsageError("Option '--plugin' requires an argument.")
            plugins.append(target)
        elif item.startswith("--plugin="):
            plugins.append(item.partition("=")[2])
        else:
            rest.append(item)
    return rest, plugins, debug


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: runs the command line and exits with its code.

    0: done. 1: a run failed. 2: the request was wrong. 130: interrupted.
    """
    if arguments is None:
        with _ending_the_process():
            main(sys.argv[1:])
    given = list(arguments or ())
    debug = "--debug" in given
    try:
        rest, plugins, debug = common_options(given)
        with _output_of(rest):
            for target in plugins:
                from olmo_eval.plugins import manager

                manager().load(target)
            code = cli.main(args=rest, prog_name="olmo-eval", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except OlmoEvalError as error:
        _report(error.message, error.hint, debug)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.exceptions.Abort):
        _report("interrupted", "rerun the same command to resume what it had begun", debug)
        sys.exit(130)
    except BrokenPipeError:
        _close_broken_pipe()
    except (Exception, SystemExit) as error:
        fault = _plugin_fault(error)
        if fault is not None:
            _report(fault.message, fault.hint, debug)
        elif isinstance(error, SystemExit):
            raise
        else:
            hint = "this is a defect; --debug shows where"
            _report(f"{type(error).__name__}: {error}", hint, debug)
        sys.exit(1)


@contextmanager
def _ending_the_process() -> Iterator[None]:
    """At once where a thread was left behind because nothing could stop it: Python would wait for
    the threads that it started in turn.
    """
    try:
        yield
    except SystemExit as ended:
        if any(getattr(thread, "abandoned", False) for thread in threading.enumerate()):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(ended.code if isinstance(ended.code, int) else 0)
        raise


def _output_of(arguments: Sequence[str]) -> AbstractContextManager[None]:
    """Where a built-in command prints JSON, nothing else reaches standard output; a plugin's
    command prints as it likes."""
    makes_json = "--json" in arguments and not {"-h", "--help"} & set(arguments)
    if not makes_json or arguments[0] not in COMMANDS:
        return nullcontext()
    from olmo_eval.cli.document import reserved_stdout

    return reserved_stdout()


def _plugin_fault(error: BaseException) -> PluginError | None:
    """An exception that nobody expected as that of a plugin, where a plugin raised it.

    A plugin's command may end the program as it likes; other code of plugins may not.
    """
    from olmo_eval.faults import KERNEL, locations
    from olmo_eval.plugins import manager

    kernel = {where.module for where in locations(error) if where.root == KERNEL}
    if isinstance(error, SystemExit) and kernel <= {__name__}:
        return None
    return manager().uncaught(error)


def _report(message: str, hint: str | None, debug: bool) -> None:
    from olmo_eval.results.redact import Redactor

    redact = Redactor().text
    if debug:
        import traceback

        print(redact(traceback.format_exc()), end="", file=sys.stderr)
    print(f"error: {redact(' '.join(message.split()))}", file=sys.stderr)
    if hint:
        print("  " + redact(hint).replace("\n", "\n  "), file=sys.stderr)


def _close_broken_pipe() -> None:
    """The reader of our output has gone (``| head``): leave quietly."""
    from olmo_eval.cli.document import close_broken

    close_broken()
    sys.exit(141)
