"""Checkpoints at ``s3://`` and ``gs://`` URLs: fetched once into a local folder."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

from olmo_eval.common.filesystem import cache_folder, open_filesystem, way_out
from olmo_eval.errors import OlmoEvalError, UsageError

#: what training leaves beside the weights and inference does not need
_LEFT_OUT = ("optimizer", "scheduler", "training_args", "rng_state", "scaler", "events.out")


def is_remote(model: str) -> bool:
    return model.startswith(("s3://", "gs://", "gcs://"))


def fetch_checkpoint(url: str, cache: Path | None = None) -> Path:
    """The local copy of the checkpoint folder at ``url``, fetched now unless it is there.

    The copy is kept by URL, names, sizes and times of the files: a checkpoint that changes at
    the same URL is fetched again, and a fetch that was cut off leaves no half of a checkpoint.

    Raises:
        UsageError: there is no such folder. OlmoEvalError: it cannot be read or stored.
    """
    url = url.rstrip("/")
    filesystem, root = open_filesystem(url)
    files = _files(filesystem, root, url)
    listing = sorted((str(f.path), f.size, f.mtime_ns) for f in files)
    digest = hashlib.sha256(repr((url, listing)).encode()).hexdigest()[:16]
    name = url.rpartition("/")[2]
    target = (cache or cache_folder()) / "checkpoints" / digest / name
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=target.parent))
        try:
            for file in files:
                _copy(filesystem, file.path, staging / file.path[len(root) :].lstrip("/"))
            staging.rename(target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        if target.is_dir():  # somebody else was quicker
            return target
        raise OlmoEvalError(
            f"cannot fetch the checkpoint {url}: {error}", hint=way_out(error)
        ) from error
    return target


def _files(filesystem: Any, root: str, url: str) -> list[Any]:
    from pyarrow import fs

    try:
        found = filesystem.get_file_info(fs.FileSelector(root, recursive=True))
    except OSError as error:
        raise UsageError(
            f"no checkpoint at {url}: {error}",
            hint=way_out(error, "name the folder that holds config.json"),
        ) from error
    files = [f for f in found if f.type is fs.FileType.File and not _unneeded(f.path)]
    if not any(f.path == f"{root}/config.json" for f in files):
        raise UsageError(
            f"{url} holds no config.json", hint="name the folder that holds config.json"
        )
    return files


def _unneeded(path: str) -> bool:
    return path.rpartition("/")[2].startswith(_LEFT_OUT)


def _copy(filesystem: Any, source: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with filesystem.open_input_stream(source) as stream, target.open("wb") as file:
        while block := stream.read(1 << 20):
            file.write(block)
