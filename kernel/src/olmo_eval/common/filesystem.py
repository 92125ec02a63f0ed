"""Folders on local disk and behind URLs (``s3://``, ``gs://``), alike, with pyarrow alone."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from olmo_eval.errors import UsageError

#: what object stores say, and what to look at then
_WAYS_OUT = (
    (
        ("NETWORK_CONNECTION", "resolve host", "connect to", "timed out"),
        "the store is not reached: check the network, the region and AWS_ENDPOINT_URL",
    ),
    (
        ("ACCESS_DENIED", "InvalidAccessKeyId", "SignatureDoesNotMatch", "redential", "Forbidden"),
        "the store does not let you in: check the credentials (AWS_PROFILE, AWS_ACCESS_KEY_ID, "
        "GOOGLE_APPLICATION_CREDENTIALS)",
    ),
    (("NO_SUCH_BUCKET", "NoSuchBucket", "does not exist"), "check the name of the bucket"),
)


def way_out(error: BaseException, otherwise: str | None = None) -> str | None:
    """What to do about an error of an object store, as far as its words tell."""
    said = str(error)
    return next((way for words, way in _WAYS_OUT if any(word in said for word in words)), otherwise)


def cache_folder() -> Path:
    """Where copies that can be made again are kept: ``OLMO_EVAL_CACHE``, else ``olmo-eval`` below
    ``XDG_CACHE_HOME`` or ``~/.cache``."""
    given = os.environ.get("OLMO_EVAL_CACHE")
    if given:
        return Path(given).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "olmo-eval"


def cache_of(kind: str, location: str) -> Path:
    """The folder of the cache that belongs to a folder or URL."""
    place = location.rstrip("/") if "://" in location else str(Path(location).resolve())
    digest = hashlib.blake2b(place.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return cache_folder() / kind / digest


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
