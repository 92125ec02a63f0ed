"""``olmo-eval``: finds the command, loads plugins that were asked for, prints errors for people."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import click

from olmo_eval.cli.group import CommandLine
from olmo_eval.errors import OlmoEvalError, PluginError


@click.group(cls=CommandLine, context_settings={"help_option_names": ["-h", "--help"]})
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
    """Where a command makes JSON, nothing else reaches standard output: not what plugins print
    while they are loaded either. A plugin's command gets it back, and prints as it likes."""
    if "--json" not in arguments or {"-h", "--help"} & set(arguments):
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
