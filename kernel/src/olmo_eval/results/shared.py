"""Places that several machines write to at once: a shared folder, a bucket.

All that is asked of one is *creating*: of any number of processes that create the same name, one
succeeds and the others are told so, whatever their clocks say and however late they come.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import time
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from olmo_eval.common.filesystem import open_filesystem
from olmo_eval.errors import UsageError
from olmo_eval.extras import require
from olmo_eval.results.listing import put

#: what file systems without hard links answer
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
#: how often a store is asked again that says two conditional writes met
_ATTEMPTS = 8
_WITHOUT = "give each process a part of the run by --shard K/N, or use another --results"


class SharedStore(Protocol):
    """A place with files by name (``a/b``). Every method raises OSError."""

    def refuse_without_conditions(self) -> None:
        """Make sure that one process alone creates a file. Raises UsageError."""

    def create(self, name: str, content: bytes) -> bool:
        """Make a file that is not there yet; False where it is there already."""

    def read(self, name: str) -> bytes | None:
        """The content of a file; None where there is none."""

    def put(self, name: str, content: bytes) -> None:
        """Write a file whole, whether it is there or not."""

    def names(self, folder: str) -> list[str]:
        """The names of what lies in a folder; none where there is no such folder."""

    def make_folder(self, name: str) -> None:
        """Make a folder, where folders are made."""

    def remove(self, name: str) -> None:
        """Remove a file, whether it is there or not."""

    def remove_folder(self, name: str) -> None:
        """Remove a folder with all that is in it, as far as that can be done."""


class SharedFolder:
    """A folder on a file system that processes, perhaps of several machines, have mounted.

    A file is written under a name of its own and then *linked* to the name that is created: a link
    is made whole or not at all, and by one process alone, on local file systems and on NFS.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def refuse_without_conditions(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)

    def create(self, name: str, content: bytes) -> bool:
        path = self.root / name
        draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
        draft.write_bytes(content)
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
        except OSError as error:
            if draft.stat().st_nlink == 2:  # an answer of NFS was lost on the way
                return True
            if error.errno in _NO_LINKS:
                raise UsageError(
                    f"the file system of {self.root} has no hard links, which processes that share "
                    "a run need",
                    hint=_WITHOUT,
                ) from error
            raise
        finally:
            draft.unlink(missing_ok=True)
        return True

    def read(self, name: str) -> bytes | None:
        try:
            return (self.root / name).read_bytes()
        except FileNotFoundError:
            return None

    def put(self, name: str, content: bytes) -> None:
        path = self.root / name
        draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
        try:
            draft.write_bytes(content)
            os.replace(draft, path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise

    def names(self, folder: str) -> list[str]:
        try:
            return sorted(n for n in os.listdir(self.root / folder) if not n.startswith("."))
        except FileNotFoundError:
            return []

    def make_folder(self, name: str) -> None:
        (self.root / name).mkdir(parents=True, exist_ok=True)

    def remove(self, name: str) -> None:
        (self.root / name).unlink(missing_ok=True)

    def remove_folder(self, name: str) -> None:
        shutil.rmtree(self.root / name, ignore_errors=True)


class SharedBucket:
    """A prefix of an object store that has conditional writes (``If-None-Match: *``).

    A store may take a conditional write and ignore its condition: ``refuse_without_conditions``
    finds out.
    """

    def __init__(self, location: str) -> None:
        self.location = location
        self._filesystem, self._root = open_filesystem(location)

    @cached_property
    def _writer(self) -> Any:
        """What makes conditional writes, which pyarrow does not."""
        scheme = self.location.partition("://")[0]
        package = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}.get(scheme)
        if package is None:
            raise UsageError(
                f"several processes cannot share a run at {self.location}",
                hint="--results: a folder that all of them reach, or s3:// or gs://",
            )
        install = f"pip install 'olmo-eval[{'s3' if package == 's3fs' else 'gs'}]'"
        require(package, install)
        options: dict[str, Any] = {"use_listings_cache": False}
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        if scheme == "s3" and endpoint:
            options["endpoint_url"] = endpoint
        return require("fsspec", install).filesystem(scheme, **options)

    def refuse_without_conditions(self) -> None:
        """Make sure that conditions of writes are heeded. Raises UsageError, OSError."""
        name = f".condition-{secrets.token_hex(6)}"
        try:
            honest = self.create(name, b"one") and not self.create(name, b"two")
        finally:
            self.remove(name)
        if not honest:
            raise UsageError(
                f"the store at {self.location} ignores the conditions of conditional writes, which "
                "processes that share a run need",
                hint=_WITHOUT,
            )

    def create(self, name: str, content: bytes) -> bool:
        path = f"{self._root}/{name}"
        for attempt in range(_ATTEMPTS):
            try:
                self._writer.pipe_file(path, content, mode="create")
                return True
            except FileExistsError:
                # a write whose answer was lost is tried again by the client, and then refused
                return self.read(name) == content
            except OSError as error:
                if "Conflict" not in str(error) or attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(0.05 * 2**attempt)
        raise AssertionError("unreachable")

    def read(self, name: str) -> bytes | None:
        try:
            with self._filesystem.open_input_file(f"{self._root}/{name}") as file:
                return bytes(file.readall())
        except FileNotFoundError:
            return None

    def put(self, name: str, content: bytes) -> None:
        put(self._filesystem, f"{self._root}/{name}", content)

    def names(self, folder: str) -> list[str]:
        from pyarrow import fs

        place = f"{self._root}/{folder}".rstrip("/")
        infos = self._filesystem.get_file_info(fs.FileSelector(place, allow_not_found=True))
        found = (info.path.rstrip("/").rpartition("/")[2] for info in infos)
        return sorted(name for name in found if name and not name.startswith("."))

    def make_folder(self, name: str) -> None:
        return

    def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._filesystem.delete_file(f"{self._root}/{name}")

    def remove_folder(self, name: str) -> None:
        with contextlib.suppress(OSError):
            self._filesystem.delete_dir(f"{self._root}/{name}")


#: below the results: what processes that make a run together have in common
JOINED = "runs/.joined"


def joint_store(results: str) -> SharedStore:
    """What processes share that make runs together in a results folder or at a URL.

    Raises:
        UsageError: it cannot be opened.
    """
    if "://" in results:
        return SharedBucket(f"{results.rstrip('/')}/{JOINED}")
    return SharedFolder(Path(results) / JOINED)
