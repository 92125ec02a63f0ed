"""``olmo-eval view``."""

from __future__ import annotations

import sys
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import click

from olmo_eval.errors import UsageError

if TYPE_CHECKING:
    from olmo_eval_viewer.desk import Desk


@click.command()
@click.argument("runs", metavar="[RUN_A RUN_B]", nargs=-1)
@click.option(
    "--results",
    envvar="OLMO_EVAL_RESULTS",
    default="results",
    show_default=True,
    help="Folder or URL (s3://, gs://) of the results.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port; a free one by default."
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; any but loopback asks for a token.",
)
@click.option("--no-browser", is_flag=True, help="Only print the address.")
def view(runs: Sequence[str], results: str, port: int, host: str, no_browser: bool) -> None:
    """Look at results in a browser; with two runs, at their comparison (baseline first).

    A run is a path, the beginning of an id, or a query: model=step1000,group=nightly,latest.
    Without runs the newest finished run is compared with the checkpoint before it, where there is
    one. The viewer only reads.
    """
    from olmo_eval_viewer.desk import Desk
    from olmo_eval_viewer.server import Viewer

    if len(runs) > 2:
        raise UsageError("view takes two runs", hint="compare several with `olmo-eval compare`")
    desk = Desk(results)
    start = _start(desk, runs)
    viewer = Viewer(desk, host, port)
    with viewer.listening() as address:
        token = f"{'&' if '?' in start else '?'}token={viewer.token}" if viewer.token else ""
        url = f"{address}{start}{token}"
        click.echo(f"viewing {results} at {url}")
        click.echo("Ctrl-C ends it")
        sys.stdout.flush()
        if not no_browser:
            webbrowser.open(url)
        with suppress(KeyboardInterrupt):  # which is how a viewer ends
            viewer.serve()


def _start(desk: Desk, runs: Sequence[str]) -> str:
    """The page to begin with."""
    if len(runs) == 2:
        chosen = [desk.open(run) for run in runs]
    elif len(runs) == 1:
        found = desk.open(runs[0])
        before = desk.previous(found)
        if before is None:
            raise UsageError(
                f"run {found.run_id} has no checkpoint before it to compare with",
                hint="name the baseline first: olmo-eval view RUN_A RUN_B",
            )
        chosen = [before, found]
    else:
        chosen = desk.newest_pair()
    if not chosen:
        return "/"
    a, b = chosen
    return f"/compare?{urlencode({'a': a.run_id, 'b': b.run_id})}"
