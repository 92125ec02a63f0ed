"""``olmo-eval view``."""

from __future__ import annotations

import gc
import signal
import sys
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import click

from olmo_eval.errors import UsageError
from olmo_eval.results.naming import paired_names

if TYPE_CHECKING:
    from olmo_eval_viewer.desk import Desk
    from olmo_eval_viewer.server import Viewer


@click.command()
@click.argument("runs", metavar="[RUN_A RUN_B | LOG...]", nargs=-1)
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
@click.option("--read-only", is_flag=True, help="Nobody can write notes and tags on questions.")
def view(
    runs: Sequence[str], results: str, port: int, host: str, no_browser: bool, read_only: bool
) -> None:
    """Look at results in a browser; with two runs, at their comparison (baseline first).

    A run is a path, the beginning of an id, or a query: model=step1000,group=nightly,latest.
    Without runs the newest finished run is compared with the checkpoint before it, where there is
    one. A LOG of another program (an Inspect .eval, the output folder of lm-evaluation-harness) is
    read as `results import` does, for as long as the viewer runs. Notes and tags on questions are
    all that the viewer writes.
    """
    # what is imported and read stays while the viewer runs: to look for garbage in it as often as
    # Python does takes a tenth of the start
    gc.set_threshold(20_000, 20, 20)
    import pyarrow as pa

    # gives memory back that pyarrow's own pools keep
    pa.set_memory_pool(pa.system_memory_pool())
    from olmo_eval_viewer.desk import Desk
    from olmo_eval_viewer.logs import opened, split
    from olmo_eval_viewer.server import Viewer

    names, logs = split(runs)
    only_logs = bool(logs) and not names
    with opened(logs, results, alone=only_logs) as (place, read):
        desk = Desk(place, ", ".join(map(str, logs)) if only_logs else "")
        start = _start(desk, [*names, *(run.location for run in read)], logs=bool(logs))
        # notes on runs that are gone when the viewer ends would be lost
        viewer = Viewer(desk, host, port, read_only=read_only or only_logs)
        _serve(viewer, desk.name, start, no_browser)


def _serve(viewer: Viewer, what: str, start: str, no_browser: bool) -> None:
    # so that what was made for as long as the viewer runs is taken away then, too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with viewer.listening() as address:
        token = f"{'&' if '?' in start else '?'}token={viewer.token}" if viewer.token else ""
        url = f"{address}{start}{token}"
        click.echo(f"viewing {what} at {url}")
        click.echo("Ctrl-C ends it")
        sys.stdout.flush()
        if not no_browser:
            webbrowser.open(url)
        with suppress(KeyboardInterrupt):  # which is how a viewer ends
            viewer.serve()


def _start(desk: Desk, runs: Sequence[str], *, logs: bool = False) -> str:
    """The page to begin with."""
    if len(runs) > 2 and not logs:
        raise UsageError("view takes two runs", hint="compare several with `olmo-eval compare`")
    chosen = [desk.open(run) for run in runs] if runs else desk.newest_pair()
    if len(chosen) == 1 and logs:
        (only,) = chosen
        names = only.task_names
        return (
            f"/task?{urlencode({'run': only.run_id, 'task': names[0]})}" if len(names) == 1 else "/"
        )
    if len(chosen) == 1:
        before = desk.previous(chosen[0])
        if before is None:
            raise UsageError(
                f"run {chosen[0].run_id} has no checkpoint before it to compare with",
                hint="name the baseline first: olmo-eval view RUN_A RUN_B",
            )
        chosen = [before, *chosen]
    if len(chosen) != 2 or (logs and not paired_names(*(run.task_names for run in chosen))):
        return "/"
    a, b = chosen
    return f"/compare?{urlencode({'a': a.run_id, 'b': b.run_id})}"
