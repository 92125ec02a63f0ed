"""What ``run.json`` and ``lock.json`` say of a run that another program made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import olmo_eval
from olmo_eval.errors import DataError
from olmo_eval.interchange.imported import ImportedRun, ImportedTask
from olmo_eval.providers.fingerprint import file_digest
from olmo_eval.registry import Owner
from olmo_eval.results import schema
from olmo_eval.runner.environment import environment
from olmo_eval.runner.lock import digest

#: ``kind`` of a run that another program made
IMPORT = "import"


def import_record(
    imported: ImportedRun, importer: str, owner: Owner, name: str | None
) -> dict[str, Any]:
    """The record of the run, called ``name``, before its tables are written.

    Its ``identity`` is the same for the same files, read alike, under the same name, group and
    model.

    Raises:
        DataError: a file of the log cannot be read (any more).
    """
    locks = {task.name: _task_lock(task) for task in imported.tasks}
    source = _source(imported, importer)
    hashes = {task: lock["hash"] for task, lock in locks.items()}
    better = [[m.key, m.higher_is_better] for task in imported.tasks for m in task.metrics]
    content = [importer, [file["sha256"] for file in source["files"]], hashes, better]
    return {
        "schema_version": schema.VERSION,
        "olmo_eval_version": olmo_eval.__version__,
        "kind": IMPORT,
        "identity": digest([IMPORT, name, imported.group, imported.model, content]),
        "name": name,
        "group": imported.group,
        "model": {
            "name": imported.model,
            "provider": imported.source.program,
            "step": imported.step,
            "settings": dict(imported.settings),
        },
        "harness": {},
        "tasks": [_task_entry(task, hashes[task.name], owner) for task in imported.tasks],
        "suites": [],
        "plugins": {"importers": {importer: owner.to_dict()}},
        "lock": {
            "model": {"name": imported.model}, "harness": {}, "tasks": locks, "source": source,
        },
        "imported_from": {**source, "started": imported.started, "finished": imported.finished},
        "environment": environment(),
        **({"metadata": dict(imported.metadata)} if imported.metadata else {}),
    }  # fmt: skip


def _source(imported: ImportedRun, importer: str) -> dict[str, Any]:
    """Where the run is from."""
    return {
        "importer": importer,
        "program": imported.source.program,
        "version": imported.source.version,
        "files": [_file(name) for name in imported.source.files],
    }


def _file(name: str) -> dict[str, Any]:
    path = Path(name)
    try:
        return {"name": path.name, "sha256": file_digest(path), "bytes": path.stat().st_size}
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror or error}") from error


def _task_lock(task: ImportedTask) -> dict[str, Any]:
    """What decides the task's numbers; of its metrics the one that runs are compared by."""
    first = task.metrics[0]
    inputs = {
        **task.inputs,
        "metrics": {
            first.key: {
                "higher_is_better": first.higher_is_better, "transform": first.transform,
            }
        },
        "primary": first.key,
    }  # fmt: skip
    return {"hash": digest(inputs), **inputs}


def _task_entry(task: ImportedTask, hash_: str, owner: Owner) -> dict[str, Any]:
    return {
        "name": task.name,
        "task": task.name,
        "variants": [],
        "overrides": [],
        "hash": hash_,
        "request_type": task.request_type,
        "primary": task.metrics[0].key,
        "metrics": [
            {
                "key": m.key,
                "metric": m.name,
                "scorer": m.scorer,
                "higher_is_better": m.higher_is_better,
                "binary": m.binary,
                "weighted": m.weighted,
                "transform": m.transform,
                "bounds": list(m.bounds),
                "reported": m.reported,
            }
            for m in task.metrics
        ],
        "supplied_by": owner.to_dict(),
    }
