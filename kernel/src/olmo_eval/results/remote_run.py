"""Publishing a run."""

from __future__ import annotations

import shutil
from pathlib import Path

from olmo_eval.common.filesystem import open_filesystem, way_out
from olmo_eval.errors import DataError


def publish(folder: Path, results: str) -> str:
    """Copy a finished run from its staging folder to ``results``; ``run.json`` goes last.

    Raises:
        DataError: the location cannot be written; the staged run stays where it is.
    """
    filesystem, root = open_filesystem(results)
    target = f"{root}/runs/{folder.name}"
    journal, last = folder / "journal", folder / "run.json"
    files = sorted(
        (p for p in folder.rglob("*") if p.is_file() and journal not in p.parents),
        key=lambda p: (p == last, str(p)),
    )
    try:
        for path in files:
            name = f"{target}/{path.relative_to(folder).as_posix()}"
            filesystem.create_dir(name.rpartition("/")[0], recursive=True)
            with path.open("rb") as file, filesystem.open_output_stream(name) as stream:
                shutil.copyfileobj(file, stream, 1 << 20)
    except OSError as error:
        kept, way = f"they are kept in {folder}", way_out(error)
        raise DataError(
            f"cannot write results to {results}: {error}", hint=f"{kept}; {way}" if way else kept
        ) from error
    return f"{results.rstrip('/')}/runs/{folder.name}"
