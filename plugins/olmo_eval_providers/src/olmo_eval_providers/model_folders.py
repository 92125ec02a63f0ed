"""Where a model's files are on this machine."""

from __future__ import annotations

from pathlib import Path

from olmo_eval.providers.fingerprint import hub_cache, hub_commit


def local_folder(name: str, revision: str | None = None) -> Path | None:
    """The folder that ``name`` is, or where the hub cache keeps it; None where neither is there."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    commit = hub_commit(name, revision)
    if commit is None:
        return None
    folder = hub_cache() / ("models--" + name.replace("/", "--")) / "snapshots" / commit
    return folder if folder.is_dir() else None
