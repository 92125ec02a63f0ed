"""The folder of a run while it is being written."""

from __future__ import annotations

import errno
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from olmo_eval.errors import DataError, OlmoEvalError


def now() -> str:
    """The present moment as ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class RunFolder:
    """``RESULTS/runs/RUN_ID`` on local disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def run_id(self) -> str:
        return self.path.name

    @property
    def journal(self) -> Path:
        return self.path / "journal" / "records.jsonl"

    def write_json(self, record: dict[str, Any]) -> None:
        """Write ``run.json`` in one step.

        Raises:
            OlmoEvalError: the folder cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path / "run.json", orjson.dumps(record, option=_PRETTY))
        except OSError as error:
            raise unwritable(error, self.path) from error

    def read_json(self) -> dict[str, Any] | None:
        """The content of ``run.json``; None where there is none yet."""
        return read_run_json(self.path / "run.json")

    def drop_journal(self) -> None:
        """Remove the journal once the tables hold everything it held."""
        self.journal.unlink(missing_ok=True)
        if self.journal.parent.exists() and not any(self.journal.parent.iterdir()):
            self.journal.parent.rmdir()


_PRETTY = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


def read_run_json(path: Path) -> dict[str, Any] | None:
    """Read a ``run.json``.

    Raises:
        DataError: it is there but not what a run writes.
    """
    if not path.exists():
        return None
    try:
        record = orjson.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if not isinstance(record, dict) or "run_id" not in record:
        raise DataError(f"{path} is not a run.json of olmo-eval")
    return record


def write_atomically(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data`` in one step: readers see the old file or the new one."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)  # on a full disk, what it holds is needed
        raise


def unwritable(error: OSError, path: Path) -> OlmoEvalError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OlmoEvalError(
            f"the disk of {path} is full",
            hint="free some space and rerun the same command: everything finished is kept",
        )
    return OlmoEvalError(
        f"cannot write results to {path}: {error.strerror or error}",
        hint="choose another folder with --results, or OLMO_EVAL_RESULTS",
    )


def new_run_id(model: str, identity: str) -> str:
    """``20260611-101500-step1000-1f3a9c2e``: when, which model, and the run's identity."""
    slug = re.sub(r"[^A-Za-z0-9.]+", "-", model.rstrip("/").split("/")[-1]).strip("-.")[:40]
    moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    return f"{moment}-{slug or 'model'}-{identity[:8]}"


def runs_of(root: Path, identity: str) -> list[RunFolder]:
    """Every run of this identity below ``root``, oldest first.

    Raises:
        DataError: the ``run.json`` of a run that may be one of them cannot be read.
    """
    alike = sorted((root / "runs").glob(f"*-{identity[:8]}*"))  # a beginning may be another's too
    folders = [RunFolder(path) for path in alike if path.is_dir()]
    return [f for f in folders if (f.read_json() or {}).get("identity") == identity]
