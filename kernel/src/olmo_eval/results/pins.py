"""Runs that are to stay: each has a marker below ``RESULTS/pins``, which pruning heeds."""

from __future__ import annotations

from pathlib import Path

from olmo_eval.common.filesystem import open_filesystem, way_out
from olmo_eval.errors import DataError
from olmo_eval.results.folder import now


def pinned(results: str) -> frozenset[str]:
    """The ids of the runs that are pinned in a store.

    Raises:
        DataError: the store cannot be listed.
    """
    from pyarrow import fs

    filesystem, root = open_filesystem(results)
    try:
        found = filesystem.get_file_info(fs.FileSelector(f"{root}/pins", allow_not_found=True))
    except OSError as error:
        raise DataError(
            f"cannot list the pins of {results}: {error}", hint=way_out(error)
        ) from error
    return frozenset(Path(info.path).name for info in found if info.is_file)


def pin(results: str, run_id: str) -> None:
    """Pin a run. Raises DataError: the store cannot be written."""
    filesystem, root = open_filesystem(results)
    try:
        if "://" not in results:
            filesystem.create_dir(f"{root}/pins", recursive=True)
        with filesystem.open_output_stream(f"{root}/pins/{run_id}") as stream:
            stream.write(f"{now()}\n".encode())
    except OSError as error:
        raise DataError(f"cannot pin {run_id}: {error}", hint=way_out(error)) from error


def unpin(results: str, run_id: str) -> None:
    """Take a run's pin away, if it has one. Raises DataError: the store cannot be written."""
    if run_id not in pinned(results):
        return
    filesystem, root = open_filesystem(results)
    try:
        filesystem.delete_file(f"{root}/pins/{run_id}")
    except OSError as error:
        raise DataError(f"cannot unpin {run_id}: {error}", hint=way_out(error)) from error
