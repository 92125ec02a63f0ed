"""What finding a run needs to know of it: a few facts of its ``run.json``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
from attrs import asdict, frozen

from olmo_eval.common.filesystem import open_filesystem, way_out
from olmo_eval.errors import DataError
from olmo_eval.results.folder import LOCK
from olmo_eval.results.suitenode import SuiteNode
from olmo_eval.results.version import check_version


@frozen
class RunFacts:
    """What a listing, a query and the search for reusable answers look at.

    ``tasks`` are pairs: the name of a task in the run, and the task it is a variant of. ``host``
    is where the run was made last. Texts are empty, and numbers None, where ``run.json`` is silent.
    """

    run_id: str
    model: str = ""
    provider: str = ""
    fingerprint: str = ""
    known_by: str = ""
    step: int | None = None
    tokens: int | None = None
    group: str = ""
    name: str = ""
    kind: str = ""
    status: str = "unknown"
    started: str = ""
    finished: str = ""
    identity: str = ""
    reuse_key: str = ""
    ask_key: str = ""
    host: str = ""
    tasks: tuple[tuple[str, str], ...] = ()

    @property
    def task_names(self) -> list[str]:
        return [name for name, _ in self.tasks]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RunFacts:
        """Raises TypeError and ValueError for what ``to_dict`` did not make."""
        tasks = tuple((str(name), str(task)) for name, task in data["tasks"])
        return cls(**{**data, "tasks": tasks})


def facts_of(record: Mapping[str, Any]) -> RunFacts:
    """The facts of a checked ``run.json``; the one place that knows where they stand in it."""
    model = record.get("model") or {}
    sessions = record.get("sessions")  # of schema version 1
    last = sessions[-1] if isinstance(sessions, list) and sessions else {}
    entries = record.get("tasks") or ()
    return RunFacts(
        run_id=record["run_id"],
        model=_text(model.get("name")),
        provider=_text(model.get("provider")),
        fingerprint=_text(model.get("fingerprint")),
        known_by=_text(model.get("known_by")),
        step=_number(model.get("step")),
        tokens=_number(model.get("tokens")),
        group=_text(record.get("group")),
        name=_text(record.get("name")),
        kind=_text(record.get("kind")),
        status=_text(record.get("status")) or "unknown",
        started=_text(record.get("started")),
        finished=_text(record.get("finished")),
        identity=_text(record.get("identity")),
        reuse_key=_text(record.get("reuse_key")),
        ask_key=_text(record.get("ask_key")),
        host=_text(record.get("host") or (last.get("host") if isinstance(last, dict) else "")),
        tasks=tuple((e["name"], _text(e.get("task")) or base_name(e["name"])) for e in entries),
    )


def _text(value: object) -> str:
    """``value`` where it is a text that UTF-8 can hold."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _number(value: object) -> int | None:
    """``value`` where it is a whole number of at most 64 bits."""
    fits = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63
    return int(value) if fits and isinstance(value, int) else None


def read_record(location: str) -> dict[str, Any]:
    """The ``run.json`` of the run in a folder or at a URL, checked.

    Raises:
        FileNotFoundError: there is none. DataError: it is not what a run writes.
    """
    try:
        record = orjson.loads(_content(f"{location}/run.json"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(f"{location} holds no run.json") from error
    except (OSError, ValueError) as error:
        raise DataError(
            f"{location}/run.json cannot be read: {error}", hint=way_out(error)
        ) from error
    return check_record(record, location)


def read_lock(location: str) -> dict[str, Any]:
    """The ``lock.json`` of the run in a folder or at a URL.

    Raises:
        DataError: there is none, or it is not what a run writes.
    """
    try:
        lock = orjson.loads(_content(f"{location}/{LOCK}"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{location}/{LOCK} cannot be read: {error}", hint=way_out(error)
        ) from error
    if not isinstance(lock, dict):
        raise DataError(f"{location}/{LOCK} does not hold a JSON object")
    return lock


def base_name(task: str) -> str:
    """``gsm8k`` of ``gsm8k:5shot[limit=20]``."""
    return task.partition("[")[0].partition(":")[0]


def _content(place: str) -> bytes:
    if "://" not in place:
        return Path(place).read_bytes()
    filesystem, path = open_filesystem(place)
    with filesystem.open_input_file(path) as file:
        return bytes(file.readall())


def check_record(record: Any, where: str) -> dict[str, Any]:
    """Refuse what is no ``run.json`` of this schema or an older one.

    Raises:
        DataError: saying what is wrong.
    """
    if not isinstance(record, dict) or not isinstance(record.get("run_id"), str):
        raise DataError(f"{where}/run.json is not a run of olmo-eval")
    check_version({"olmo_eval_schema": record.get("schema_version")}, f"{where}/run.json")
    entries = record.get("tasks", [])
    if not isinstance(entries, Iterable) or not all(
        isinstance(e, dict) and isinstance(e.get("name"), str) for e in entries
    ):
        raise DataError(f"{where}/run.json: 'tasks' is not a list of tasks")
    if not isinstance(record.get("model", {}), dict):
        raise DataError(f"{where}/run.json: 'model' is not an object")
    try:
        for suite in record.get("suites", ()):
            SuiteNode.from_dict(suite).leaves()
    except (TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{where}/run.json: 'suites' is not a list of suites") from error
    return record
