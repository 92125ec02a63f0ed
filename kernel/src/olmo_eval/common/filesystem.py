"""Folders on local disk and behind URLs (``s3://``, ``gs://``), alike, with pyarrow alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from olmo_eval.errors import UsageError


def open_filesystem(location: str) -> tuple[Any, str]:
    """The file system of a folder or URL, and the path in it.

    ``AWS_ENDPOINT_URL`` points ``s3://`` at another server.
    """
    import pyarrow as pa
    from pyarrow import fs

    if "://" not in location:
        return fs.LocalFileSystem(), str(Path(location))
    parts = urlsplit(location)
    path = f"{parts.netloc}{parts.path}".rstrip("/")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if parts.scheme == "s3":
        if not endpoint:
            return fs.S3FileSystem(), path
        scheme, _, host = endpoint.partition("://")
        return fs.S3FileSystem(endpoint_override=host, scheme=scheme), path
    if parts.scheme in ("gs", "gcs"):
        return fs.GcsFileSystem(), path
    try:
        found, inner = fs.FileSystem.from_uri(location)
    except (pa.ArrowInvalid, OSError) as error:
        raise UsageError(
            f"{location!r} is neither a folder nor a URL that can be opened",
            hint="a folder, s3://bucket/prefix or gs://bucket/prefix",
        ) from error
    return found, inner
