"""The folder of a run while it is being written."""

from __future__ import annotations

import errno
import os
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from olmo_eval.errors import DataError, OlmoEvalError
from olmo_eval.results import digests


def now() -> str:
    """The present moment as ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class RunFolder:
    """``RESULTS/runs/RUN_ID`` on local disk.

    A process that makes one shard of the run keeps a journal of its own, named by ``shard``.
    """

    def __init__(self, path: Path, shard: str | None = None) -> None:
        self.path = path
        self.shard = shard

    @property
    def run_id(self) -> str:
        return self.path.name

    @property
    def identity(self) -> str | None:
        """The identity of the run; None where there is none yet."""
        return (read_run_json(self.path / "run.json") or {}).get("identity")

    @property
    def journal(self) -> Path:
        return self.path / "journal" / f"{self.shard or _WHOLE}.jsonl"

    @property
    def shard_journals(self) -> list[Path]:
        """The journals of the run's shards that are not merged into its own."""
        found = sorted((self.path / "journal").glob("*.jsonl"))
        return [path for path in found if path.stem != _WHOLE]

    def merge_shards(self) -> int:
        """Append the journals of shards, which nobody may be writing, to the run's own, and remove
        them; returns how many there were.

        Killed in between, it may append one twice, which says the same.

        Raises:
            OlmoEvalError: the folder cannot be written; nothing is lost.
        """
        from olmo_eval.results.journal import cut_torn_tail  # which only writers need

        journals = self.shard_journals
        try:
            cut_torn_tail(self.journal)
            for path in journals:
                with path.open("rb") as source, self.journal.open("ab") as own:
                    for line in source:
                        if line.endswith(b"\n"):  # a torn last line was never finished
                            own.write(line)
                    own.flush()
                    os.fsync(own.fileno())
                path.unlink()
        except OSError as error:
            raise unwritable(error, self.path) from error
        return len(journals)

    def write_json(self, record: dict[str, Any]) -> None:
        """Write ``lock.json``, then ``run.json``, each in one step; ``record`` is both.

        Raises:
            OlmoEvalError: the folder cannot be written.
        """
        summary, lock = contents(record)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path / LOCK, lock)
            write_atomically(self.path / "run.json", summary)
        except OSError as error:
            raise unwritable(error, self.path) from error

    def seal(self, record: dict[str, Any]) -> None:
        """Put the digests of the run's tables, and of all else it left, into its ``record``.

        Raises:
            OlmoEvalError: a file cannot be read.
        """
        try:
            record[digests.IN_LOCK] = digests.digests_of(self.path)
        except OSError as error:
            raise unwritable(error, self.path) from error

    def read_json(self) -> dict[str, Any] | None:
        """The whole record of the run; None where there is none yet."""
        summary = read_run_json(self.path / "run.json")
        if summary is None:
            return None
        return merged(summary, _read(self.path / LOCK))

    def drop_journal(self) -> None:
        """Remove the journal once the tables hold everything it held.

        Raises:
            OlmoEvalError: it cannot be removed.
        """
        try:
            self.journal.unlink(missing_ok=True)
            if self.journal.parent.exists() and not any(self.journal.parent.iterdir()):
                self.journal.parent.rmdir()
        except OSError as error:
            raise unwritable(error, self.path) from error


_PRETTY = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS

LOCK = "lock.json"
#: how runs stand that have written their tables
WITH_TABLES = frozenset({"complete", "incomplete", "diverged"})
#: the name of the journal of a run that is not divided
_WHOLE = "records"
#: what ``run.json`` says of a run and of its model; all the rest is in ``lock.json``
_SUMMARY = (
    *("schema_version", "olmo_eval_version", "run_id", "name", "group", "kind", "identity"),
    *("reuse_key", "ask_key", "status", "error", "started", "finished", "rescored_from"),
)
_MODEL = ("name", "provider", "fingerprint", "known_by", "step", "tokens")
#: what ``run.json`` alone has, made of the rest
_DERIVED = ("host", "sittings", "health", digests.IN_SUMMARY)
#: characters of an error that ``run.json`` repeats
_LONGEST = 500


def contents(record: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """What ``run.json`` and ``lock.json`` hold of a run's record."""
    summary, lock = split(record)
    content = orjson.dumps(lock, option=_PRETTY)
    summary[digests.IN_SUMMARY] = digests.place_for(content)
    return digests.with_self_digest(_line_a_task(summary)), content


def split(record: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A run's record as ``run.json``, which stays small whatever the run is, and ``lock.json``."""
    summary = {key: record[key] for key in _SUMMARY if key in record}
    if isinstance(summary.get("error"), str):
        summary["error"] = summary["error"][:_LONGEST]
    model = record.get("model", {})
    summary["model"] = {key: model[key] for key in _MODEL if key in model}
    summary["tasks"] = [_task_line(entry) for entry in record.get("tasks", ())]
    sessions = record.get("sessions") or ()
    if sessions:
        summary["host"], summary["sittings"] = sessions[-1].get("host"), len(sessions)
    health = _unusual(record)
    if health is not None:
        summary["health"] = health
    same = {key for key in (*_SUMMARY, *_DERIVED) if key != "error"}
    return summary, {key: value for key, value in record.items() if key not in same}


def _task_line(entry: Mapping[str, Any]) -> dict[str, Any]:
    line = {"name": entry["name"], "primary": entry.get("primary")}
    if "n_expected" in entry:
        line["n"] = entry["n_expected"]
    outcomes = entry.get("outcomes")
    if outcomes and set(outcomes) != {"scored"}:
        line["outcomes"] = outcomes
    return line


def _unusual(record: Mapping[str, Any]) -> dict[str, int] | None:
    """In how many tasks each measure of health is unusual; None where none was taken yet."""
    taken = [entry["health"] for entry in record.get("tasks", ()) if entry.get("health")]
    return dict(Counter(name for health in taken for name in health["unusual"])) if taken else None


def merged(summary: Mapping[str, Any], lock: Mapping[str, Any]) -> dict[str, Any]:
    """The whole record of a run; of version 1 it stood in ``run.json``."""
    whole = {**lock, **{key: summary[key] for key in summary if key not in lock}}
    whole["model"] = {**whole.get("model", {}), **summary.get("model", {})}
    return whole


def _line_a_task(summary: dict[str, Any]) -> bytes:
    """``run.json`` for people: a line a key, and a line a task."""
    lines = []
    for key in sorted(summary):
        value = summary[key]
        if key == "tasks" and value:
            rows = b",\n    ".join(map(_compact, value))
            lines.append(b'  "tasks": [\n    ' + rows + b"\n  ]")
        else:
            lines.append(b'  "%s": %s' % (key.encode(), _compact(value)))
    return b"{\n" + b",\n".join(lines) + b"\n}\n"


def _compact(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def _read(path: Path) -> dict[str, Any]:
    """A JSON object; nothing where there is no such file.

    Raises:
        DataError: it is there but cannot be read.
    """
    if not path.exists():
        return {}
    try:
        content = orjson.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} does not hold a JSON object")
    return content


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


def read_run_json(path: Path) -> dict[str, Any] | None:
    """Read a ``run.json``; None where there is none.

    Raises:
        DataError: it is there but not what a run writes.
    """
    if not path.exists():
        return None
    record = _read(path)
    if "run_id" not in record:
        raise DataError(f"{path} is not a run.json of olmo-eval")
    return record


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
    return [f for f in folders if f.identity == identity]
