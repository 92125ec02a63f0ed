"""The Hugging Face hub, through the ``datasets`` library (extra ``olmo-eval[hub]``).

Rows are always read at one commit, found once a process and recorded: a branch of a data set
moves, and a score over other rows is another score.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from olmo_eval.data.aliases import current_name
from olmo_eval.data.formats import in_split_order
from olmo_eval.data.readers import Row
from olmo_eval.data.source import DataSource
from olmo_eval.errors import DataError, MissingDependencyError, OlmoEvalError

#: A data set of which more than this has to be downloaded (bytes) is streamed; a smaller one is
#: downloaded once into the library's cache and then read from there, run after run.
STREAM_ABOVE_BYTES = 2 * 1024**3
_OFFLINE_VARIABLES = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def is_offline() -> bool:
    """Whether the environment forbids asking the hub (the library's cache may still be read)."""
    values = (os.environ.get(variable, "").upper() for variable in _OFFLINE_VARIABLES)
    return any(value in {"1", "ON", "YES", "TRUE"} for value in values)


def rows(source: DataSource) -> Iterator[Row]:
    """The rows of a hub source at its resolved commit.

    Raises DataError when the hub, the data set, subset or split cannot be had, and
    MissingDependencyError without the ``datasets`` library.
    """
    with _named_errors(source):
        builder = _builder(source)
        stream = (builder.info.download_size or 0) > STREAM_ABOVE_BYTES and not is_offline()
        if not stream:
            builder.download_and_prepare()
        for split in _wanted_splits(source):
            part = builder.as_streaming_dataset(split) if stream else builder.as_dataset(split)
            for row in part:
                yield dict(row)


def split_names(source: DataSource) -> list[str]:
    """The splits of a hub data set, in the order of ``split="all"``."""
    with _named_errors(source):
        library = _datasets()
        names = library.get_dataset_split_names(
            current_name(source.path), source.subset, revision=resolved_revision(source)
        )
    return in_split_order(names)


def resolved_revision(source: DataSource) -> str | None:
    """The commit that ``source.revision`` (or the main branch) stands for.

    None where there is no commit to know: a folder read through the library.
    """
    if os.path.isdir(source.path):
        return None
    with _named_errors(source):
        _datasets()
        return _commit(current_name(source.path), source.subset, source.revision)


@cache
def _commit(path: str, subset: str | None, revision: str | None) -> str | None:
    if revision and _COMMIT.fullmatch(revision):
        return revision
    if is_offline():  # the cache names a data set's folder by its commit
        found = _datasets().load_dataset_builder(path, subset, revision=revision).hash
        return found if found and _COMMIT.fullmatch(found) else None
    from huggingface_hub import HfApi

    sha: str | None = HfApi().dataset_info(path, revision=revision).sha
    return sha


def _builder(source: DataSource) -> Any:
    # Without a mapping, `datasets` calls the split of all named files "train".
    files = {"train": list(source.data_files)} if source.data_files else None
    revision = source.revision if is_offline() else resolved_revision(source)
    return _datasets().load_dataset_builder(
        current_name(source.path), source.subset, data_files=files, revision=revision
    )


def _wanted_splits(source: DataSource) -> list[str]:
    if source.data_files:
        return ["train"]
    return split_names(source) if source.split == "all" else [source.split]


def _datasets() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise MissingDependencyError(
            "data sets of the Hugging Face hub need the datasets library",
            hint="pip install 'olmo-eval[hub]', or point OLMO_EVAL_DATA_MIRROR at a data mirror",
        ) from error
    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    return datasets


@contextmanager
def _named_errors(source: DataSource) -> Iterator[None]:
    """Turn whatever the library and its transports raise into one DataError with a way out."""
    try:
        yield
    except OlmoEvalError:
        raise
    except Exception as error:
        raise DataError(f"{source.uri()}: {_reason(error)}", hint=_way_out(error)) from error


def _reason(error: BaseException) -> str:
    """The first line of an error, and of what caused it: the library's own is often general."""
    line = str(error).strip().partition("\n")[0][:300] or type(error).__name__
    cause = error.__cause__
    return line if cause is None or str(cause) in line else f"{line} ({_reason(cause)})"


def _way_out(error: BaseException) -> str:
    names = {kind.__name__ for kind in type(error).__mro__}
    text = str(error)
    if names & {"ConnectionError", "ConnectError", "TransportError", "OfflineModeIsEnabled"}:
        return (
            "the hub cannot be reached: set OLMO_EVAL_DATA_MIRROR to a data mirror (made by"
            " olmo-eval data pull), or HF_HUB_OFFLINE=1 to use what is in the local cache"
        )
    if "gated" in text.lower() or "GatedRepoError" in names or "401" in text:
        return "check the name; a private or gated data set needs access on the hub and HF_TOKEN"
    if "scripts are no longer supported" in text:
        return "use the hub's converted copy: revision 'refs/convert/parquet'"
    return "check the name, subset, split and revision on https://huggingface.co/datasets"
