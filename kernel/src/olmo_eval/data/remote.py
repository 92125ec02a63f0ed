"""Rows from a URL: ``s3://``, ``gs://`` and whatever else fsspec opens (extras ``s3``, ``gs``).

``AWS_ENDPOINT_URL`` (or ``AWS_ENDPOINT_URL_S3``) names another S3 server. A URL without the suffix
of a data file is a folder: its files are chosen by split, as those of a local folder are.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, cast
from urllib.parse import urlsplit

from olmo_eval.data.formats import files_of_split, is_data_file
from olmo_eval.data.readers import Row, read_stream
from olmo_eval.data.source import DataSource, without_secrets
from olmo_eval.errors import DataError, MissingDependencyError, OlmoEvalError

_INSTALL = {
    "s3": "pip install 'olmo-eval[s3]'",
    "s3a": "pip install 'olmo-eval[s3]'",
    "gs": "pip install 'olmo-eval[gs]'",
    "gcs": "pip install 'olmo-eval[gs]'",
    "http": "pip install fsspec aiohttp",
    "https": "pip install fsspec aiohttp",
}
_BUFFER_BYTES = 1 << 20


def files(source: DataSource) -> list[str]:
    """The URLs that hold a remote source's rows; only a folder has to be listed for it."""
    if is_data_file(without_secrets(source.path)):
        return [source.path]
    folder = source.path.rstrip("/") + (f"/{source.subset}" if source.subset else "")
    with _named_errors(folder):
        filesystem, path = _filesystem(folder)
        found = [str(name) for name in filesystem.find(path)]
    if not found:
        raise DataError(f"{folder}: nothing there", hint="check the bucket and the folder's name")
    names = [name.removeprefix(path).lstrip("/") for name in found]
    return [f"{folder}/{name}" for name in files_of_split(names, source.split, folder)]


def rows(url: str) -> Iterator[Row]:
    """The rows of one remote file, streamed.

    Raises DataError naming the URL (missing bucket or key, no credentials, no server).
    """
    with _named_errors(url), _opened(url) as stream:
        yield from read_stream(stream, without_secrets(url))


def pin(url: str) -> dict[str, Any]:
    """What identifies a remote file's present content: size, and MD5, ETag or version.

    A server that offers none of these has the file read once for its SHA-256.
    """
    with _named_errors(url):
        filesystem, path = _filesystem(url)
        info = filesystem.info(path)
        found: dict[str, Any] = {"file": without_secrets(url), "bytes": info.get("size")}
        for key, names in _PINS.items():
            value = next((info[name] for name in names if info.get(name)), None)
            if value is not None:
                found[key] = str(value).strip('"')
        if not found.keys() & _PINS.keys():
            found["sha256"] = _sha256(url)
    return found


_PINS = {"md5": ("md5Hash",), "etag": ("ETag", "etag"), "version": ("VersionId", "generation")}


def _sha256(url: str) -> str:
    digest = hashlib.sha256()
    with _opened(url) as stream:
        while block := stream.read(_BUFFER_BYTES):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def _opened(url: str) -> Iterator[IO[bytes]]:
    filesystem, path = _filesystem(url)
    # fsspec finds line ends in Python; the standard buffer is several times quicker.
    with io.BufferedReader(filesystem.open(path, "rb"), _BUFFER_BYTES) as stream:
        yield cast(IO[bytes], stream)


def _filesystem(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path in it."""
    scheme = urlsplit(url).scheme
    options: dict[str, Any] = {}
    if scheme in ("s3", "s3a"):
        # Given by hand, the endpoint is part of the key under which fsspec keeps the connection.
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        options = {"endpoint_url": endpoint} if endpoint else {}
        options["use_listings_cache"] = False
    try:
        from fsspec.core import url_to_fs

        filesystem, path = url_to_fs(url, **options)
    except ImportError as error:
        raise MissingDependencyError(
            f"{scheme}:// needs a package that is not installed ({error})",
            hint=_INSTALL.get(scheme, "pip install fsspec and the package named above"),
        ) from error
    return filesystem, str(path)


@contextmanager
def _named_errors(url: str) -> Iterator[None]:
    """Turn whatever a file system and its transport raise into one DataError with a way out."""
    try:
        yield
    except OlmoEvalError:
        raise
    except Exception as error:
        reason = _reason(error).replace(url, without_secrets(url))
        message = f"{without_secrets(url)}: {reason}"
        raise DataError(message, hint=_way_out(error, urlsplit(url).scheme)) from error


def _reason(error: Exception) -> str:
    """The first line of an error; some file systems say no more than the path that is missing."""
    line = str(error).strip().partition("\n")[0][:300]
    if isinstance(error, FileNotFoundError) and " " not in line:
        return "there is no such object"
    return line or type(error).__name__


def _way_out(error: Exception, scheme: str) -> str:
    names = {kind.__name__ for kind in type(error).__mro__}
    if isinstance(error, FileNotFoundError):
        return "check the bucket and the key (both are case-sensitive)"
    if isinstance(error, PermissionError) or names & {
        "NoCredentialsError",
        "PartialCredentialsError",
        "ProfileNotFound",
        "DefaultCredentialsError",
        "TokenRetrievalError",
    }:
        if scheme in ("gs", "gcs"):
            return "give credentials with GOOGLE_APPLICATION_CREDENTIALS or gcloud auth"
        return "give credentials that may read it: AWS_PROFILE, or AWS_ACCESS_KEY_ID and its secret"
    if isinstance(error, ValueError) and "Protocol not known" in str(error):
        return "use a path, hf://, s3://, gs:// or https://"
    if names & {"ConnectionError", "ClientError", "HTTPClientError", "TimeoutError"}:
        return "the server cannot be reached: check the network and AWS_ENDPOINT_URL"
    return "check the URL, the network and the credentials"
