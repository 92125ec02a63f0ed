"""Many checkpoints by one pattern: ``checkpoints/*``, ``s3://bucket/run/step*``."""

from __future__ import annotations

import fnmatch
import glob
import re
from pathlib import Path

from olmo_eval import plugins
from olmo_eval.checkpoints.progress import training_progress
from olmo_eval.common.filesystem import open_filesystem, way_out
from olmo_eval.errors import DataError, UsageError

_MAGIC = re.compile(r"[*?]|\[[^\]]+\]")


def checkpoints_of(model: str) -> list[str]:
    """The models that ``model`` names: itself, or where it is a pattern every checkpoint folder
    that matches, in the order of steps (those without one last, by name).

    Raises:
        UsageError: a pattern that no folder matches. DataError: a bucket that cannot be listed.
    """
    if not _MAGIC.search(model) or Path(model).is_dir():
        return [model]
    kind, colon, rest = model.partition(":")
    if colon and kind in plugins.manager().registry("providers"):
        return [f"{kind}:{one}" for one in checkpoints_of(rest)]
    found = _in_bucket(model) if "://" in model else _on_disk(model)
    if not found:
        raise UsageError(
            f"no checkpoint folder matches {model}",
            hint="a checkpoint is a folder with config.json, weights and a tokenizer",
        )
    return sorted(found, key=_place)


def _on_disk(pattern: str) -> list[str]:
    """The folders that match; where some are models as engines read them, these alone."""
    folders = [path for path in glob.glob(pattern) if Path(path).is_dir()]
    return [path for path in folders if Path(path, "config.json").is_file()] or folders


def _in_bucket(pattern: str) -> list[str]:
    from pyarrow import fs

    parent, _, last = pattern.rstrip("/").rpartition("/")
    if _MAGIC.search(parent):
        raise UsageError(
            f"{pattern}: at a URL only the last part may be a pattern", hint=f"{parent}/NAME*"
        )
    filesystem, root = open_filesystem(parent)
    try:
        infos = filesystem.get_file_info(fs.FileSelector(root, allow_not_found=True))
    except OSError as error:
        raise DataError(f"cannot list {parent}: {error}", hint=way_out(error)) from error
    names = (info.path.rstrip("/").rpartition("/")[2] for info in infos if not info.is_file)
    return [f"{parent}/{name}" for name in names if fnmatch.fnmatchcase(name, last)]


def _place(path: str) -> tuple[bool, int, str]:
    step = training_progress(path).step
    return (step is None, step or 0, path)
