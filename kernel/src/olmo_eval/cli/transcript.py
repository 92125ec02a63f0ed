"""``olmo-eval results transcript``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from olmo_eval.cli.options import json_option, results_option

if TYPE_CHECKING:
    from olmo_eval.results.store import Run
    from olmo_eval.results.transcripts import Transcript


@click.command()
@click.argument("run")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("-t", "--task", help="The task that the instances are of.")
@click.option("--sample", type=click.IntRange(0), help="Only this sample, counted from 0.")
@click.option("--full", is_flag=True, help="Show long texts and results whole.")
@click.option(
    "--format",
    "format_",
    metavar="FORMAT",
    help="Write them in this format: `olmo-eval exporters` lists what there is.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="With --format: the file, or the folder of files, to write.",
)
@results_option
@json_option
def transcript(
    run: str,
    ids: Sequence[str],
    task: str | None,
    sample: int | None,
    full: bool,
    format_: str | None,
    output: Path | None,
    results: str,
    as_json: bool,
) -> None:
    """Show what was asked, said and done for instances of RUN, turn by turn.

    RUN is a path, the beginning of an id, or model=...,group=...,latest. With --format the
    transcripts of the instances, or of all of them, are written to --output.
    """
    from olmo_eval.cli.show import print_json
    from olmo_eval.cli.transcript_text import print_transcript
    from olmo_eval.errors import UsageError
    from olmo_eval.results.store import Store

    if (format_ is None) != (output is None):
        raise UsageError("--format and -o belong together", hint="--format FORMAT -o PATH")
    found = Store(results).find(run)
    if not ids and format_ is None:
        _refuse_none(found, task)
    chosen = _chosen(found, ids, task, sample)
    if format_ is not None and output is not None:
        _export(chosen, format_, output)
    elif as_json:
        print_json([one.to_dict() for one in chosen])
    else:
        for number, one in enumerate(chosen):
            if number:
                click.echo()
            print_transcript(one, full=full)


def _refuse_none(run: Run, task: str | None) -> None:
    """Raises UsageError: no instance is named; the hint has the first one's id."""
    from olmo_eval.errors import UsageError

    name = task or run.task_names[0]
    rows = run.rows(name, columns=["instance_id"])
    first = next((row["instance_id"] for row in rows), None)
    listed = f"`olmo-eval results instances {run.run_id} -n 100` lists them"
    example = "" if first is None else f", such as {first!r} of {name}"
    raise UsageError(f"which instance of run {run.run_id}? Give an id{example}", hint=listed)


def _chosen(
    run: Run, ids: Sequence[str], task: str | None, sample: int | None
) -> Iterator[Transcript]:
    """The transcripts of the instances, task by task where none is named.

    Raises:
        UsageError: none of the instances has so many samples.
    """
    from olmo_eval.errors import UsageError
    from olmo_eval.results.transcripts import find_instance, transcripts

    if ids:
        wanted = [(find_instance(run, one, task), [one]) for one in dict.fromkeys(ids)]
        for name, some in wanted:
            made = list(transcripts(run, name, some))
            if sample is not None and sample >= len(made):
                raise UsageError(
                    f"instance {some[0]!r} has {len(made)} "
                    f"{'sample' if len(made) == 1 else 'samples'}, counted from 0"
                )
            yield from made if sample is None else made[sample : sample + 1]
        return
    for name in run.task_names if task is None else [task]:
        yield from transcripts(run, name, sample=sample)


def _export(chosen: Iterator[Transcript], format_: str, output: Path) -> None:
    from olmo_eval.interchange.writing import write_transcripts
    from olmo_eval.plugins import manager

    kind = manager().registry("exporters").get(format_)
    written = write_transcripts(chosen, kind(), output)
    noun = "transcript" if written.transcripts == 1 else "transcripts"
    click.echo(f"{written.transcripts:,} {noun} written to {output}")
    for line in written.losses.lines():
        click.echo(f"  no place for: {line}")
    for line in written.losses.assumed:
        click.echo(f"  {line}")
