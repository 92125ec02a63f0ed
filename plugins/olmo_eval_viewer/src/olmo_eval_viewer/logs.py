"""Logs of other programs, read as runs of a store that lasts as long as the viewer."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from olmo_eval.errors import DataError
from olmo_eval.results.store import Run


def split(references: Sequence[str]) -> tuple[list[str], list[Path]]:
    """Runs, and the files and folders among ``references`` that are none: logs."""
    logs = [Path(one) for one in references if _is_log(one)]
    return [one for one in references if not _is_log(one)], logs


@contextmanager
def opened(logs: Sequence[Path], results: str, *, alone: bool) -> Iterator[tuple[str, list[Run]]]:
    """The store to look at and the runs of the logs. Where there are only logs (``alone``) the
    store is theirs, and gone when the viewer ends.

    Raises:
        UsageError: no importer knows a log. DataError: it is malformed, or holds no run.
    """
    if not logs:
        yield results, []
        return
    with tempfile.TemporaryDirectory(prefix="olmo-eval-view-") as folder:
        runs = [run for log in logs for run in _read(log, folder)]
        yield folder if alone else results, runs


def _is_log(reference: str) -> bool:
    path = Path(reference)
    return "://" not in reference and path.exists() and not (path / "run.json").is_file()


def _read(log: Path, folder: str) -> list[Run]:
    from olmo_eval.interchange.importer import importer_of
    from olmo_eval.plugins import manager
    from olmo_eval.runner.importing import ImportOptions, keep

    name, importer = importer_of(log)
    owner = manager().registry("importers").entry(name).owner
    found = []
    for imported in importer.read(log):
        kept = keep(imported, name, owner, ImportOptions(folder), _tell)
        found.append(kept.run)
        for line in imported.losses.assumed:
            _tell(f"note: {line}")
    if not found:
        raise DataError(f"{log} holds no run")
    return found


def _tell(text: str) -> None:
    click.echo(text, err=True)
