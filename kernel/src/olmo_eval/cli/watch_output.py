"""What ``olmo-eval watch`` prints, and the command that it runs when a score is worse."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
from attrs import define, field

if TYPE_CHECKING:
    from olmo_eval.checkpoints.folder import CheckpointFolder
    from olmo_eval.watching.ledger import Entry
    from olmo_eval.watching.standing import Against, Stand, Standings


@define
class Printer:
    """Tells of a watch: messages and the lines of evaluations on standard error, how each
    checkpoint stands on standard output; with ``as_json`` a line of JSON a checkpoint."""

    as_json: bool
    several: bool
    on_regression: str | None
    _lock: threading.Lock = field(factory=threading.Lock)

    def message(self, text: str) -> None:
        from olmo_eval.results.redact import Redactor

        with self._lock:
            click.echo(Redactor().text(text), err=True)

    def line(self, title: str, text: str) -> None:
        with self._lock:
            click.echo(f"{title}: {text}" if self.several else f"  {text}", err=True)

    def evaluated(self, entry: Entry, found: Standings) -> None:
        with self._lock:
            if self.as_json:
                self._print_json(entry, found)
            else:
                _print(entry, found)
            if found.regressed:
                click.echo(_regression(entry, found), err=self.as_json)
        if found.regressed and self.on_regression:
            self._run_command(self.on_regression, entry, found)

    def _print_json(self, entry: Entry, found: Standings) -> None:
        from olmo_eval.cli.document import write_document

        said = {"step": entry.step, "tokens": entry.tokens, "checkpoint": entry.name}
        write_document(json.dumps({**said, **found.to_dict()}) + "\n")

    def _run_command(self, command: str, entry: Entry, found: Standings) -> None:
        """Run the user's command; its environment names the checkpoint, and its standard input
        holds everything as JSON."""
        worse = {a.entry.run_id for row in found.regressed for a in row.worse}
        environment = {
            "OLMO_EVAL_CHECKPOINT": entry.name,
            "OLMO_EVAL_STEP": "" if entry.step is None else str(entry.step),
            "OLMO_EVAL_RUN": found.run.location,
            "OLMO_EVAL_TASKS": " ".join(row.score.name for row in found.regressed),
            "OLMO_EVAL_BASELINES": " ".join(sorted(filter(None, worse))),
        }
        done = subprocess.run(
            command, shell=True, input=json.dumps(found.to_dict()).encode(), stdout=2,
            env={**os.environ, **environment},
        )  # fmt: skip
        if done.returncode:
            self.message(f"--on-regression ended with {done.returncode}: {command}")


def _print(entry: Entry, found: Standings) -> None:
    from olmo_eval.cli.table import table
    from olmo_eval.common.figures import interval, number

    title = entry.name if entry.step is None else f"step {entry.step:,}  {entry.name}"
    click.echo(f"{title}   run {found.run.run_id}")
    rows = [
        [
            row.score.name,
            number(row.score.value),
            interval(row.score.ci_low, row.score.ci_high),
            _against(row.previous),
            _against(row.best) if row.best or row.previous is None else "the same",
        ]
        for row in found.rows
    ]
    columns = [("task", "left"), ("score", "right"), ("95% interval", "left")]
    columns += [("against the previous", "left"), ("against the best", "left")]
    table(columns, rows)
    for note in found.notes:
        click.echo(f"note: {note}")


def _against(other: Against | None) -> str:
    from olmo_eval.results.comparison_text import verdict_words

    if other is None:
        return ""
    step = other.entry.step
    named = other.entry.name if step is None else f"step {step:,}"
    return f"{other.row.verdict.difference:+.4f} {verdict_words(other.row)} ({named})"


def _regression(entry: Entry, found: Standings) -> str:
    from olmo_eval.cli.show import red

    return red("\n".join(f"regression: {line}" for line in _worse(found.regressed)))


def _worse(rows: tuple[Stand, ...]) -> Iterator[str]:
    for row in rows:
        for other in row.worse:
            step = other.entry.step
            named = other.entry.name if step is None else f"step {step:,}"
            difference = other.row.verdict.difference
            yield f"{row.score.name} is worse than at {named} ({difference:+.4f})"


def print_found(watched: CheckpointFolder, as_json: bool) -> None:
    """Every checkpoint of a folder, how it stands, and what an engine would be given."""
    from olmo_eval.cli.show import print_json
    from olmo_eval.cli.table import table

    found = watched.look()
    if as_json:
        print_json(
            [
                {
                    "name": one.name,
                    "layout": one.layout.name,
                    "standing": str(one.standing),
                    "reason": one.reason,
                    "step": one.progress.step,
                    "tokens": one.progress.tokens,
                    "model": None if one.model is None else str(one.model),
                }
                for one in found
            ]
        )
        return
    rows: list[list[Any]] = [
        [
            one.name,
            one.layout.name,
            "" if one.progress.step is None else f"{one.progress.step:,}",
            "" if one.progress.tokens is None else f"{one.progress.tokens:,}",
            one.reason,
            "no: --convert makes one" if one.model is None else "yes",
        ]
        for one in found
    ]
    columns = [("checkpoint", "left"), ("layout", "left"), ("step", "right"), ("tokens", "right")]
    table([*columns, ("standing", "left"), ("model", "left")], rows)
    if not found:
        click.echo(f"no checkpoints in {watched.root} yet")
