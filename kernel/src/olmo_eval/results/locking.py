"""Who is making a run: the lock that keeps it to one process, and on which machine that is."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import platform
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from olmo_eval.results.folder import unwritable

#: what file systems without locks answer
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
_KEY = "host.key"


def has_locks(file: int) -> bool:
    """Whether the file system of an open file has locks; takes one, which ends with the file.

    Raises:
        OSError: it cannot be locked for another reason than that there are none.
    """
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        raise
    return True


def is_locked(root: Path, identity: str) -> bool:
    """Whether a process makes the run of an identity below ``root``, or a shard of it; True as
    well where the file system has no locks to tell by."""
    names = [path.name for path in _locks(root).glob(f"{identity}*")] or [identity]
    return any(is_held(root, name) is not False for name in names)


def forget_locks(root: Path, beginning: str) -> None:
    """Remove what killed processes left of locks whose names begin so."""
    for path in _locks(root).glob(f"{beginning}*"):
        if is_held(root, path.name) is False:
            path.unlink(missing_ok=True)


def is_held(root: Path, name: str) -> bool | None:
    """Whether a process holds the ``run_lock`` of that name; None where the file system has no
    locks to tell by."""
    import fcntl

    try:
        with (_locks(root) / name).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        return None if error.errno in _NO_LOCKS else False
    return False


@contextmanager
def run_lock(
    root: Path, identity: str, tell: Callable[[str], None], *, shared: bool = False
) -> Iterator[None]:
    """Keep the run of an identity to this process, or to those that hold the lock ``shared``;
    waits for another that is making it.

    ``tell`` is told once who holds it, or that the file system has no locks: then nothing keeps
    two processes from making the same run. The lock is the operating system's: it ends with the
    process, however that ends.

    Raises:
        OlmoEvalError: the folder cannot be written.
    """
    try:
        _locks(root).mkdir(parents=True, exist_ok=True)
        file = os.open(_locks(root) / identity, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise unwritable(error, root) from error
    try:
        _wait_for_lock(file, root, tell, shared)
        with contextlib.suppress(OSError):  # who holds it is only for people to read
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(file)


def _wait_for_lock(
    file: int, root: Path, tell: Callable[[str], None], shared: bool = False
) -> None:
    import fcntl

    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    told = False
    while True:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if not told:
                holder = os.pread(file, 100, 0).decode(errors="replace").strip() or "another"
                tell(f"this run is being made by process {holder}; waiting for it")
                told = True
            time.sleep(0.2)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise unwritable(error, root) from error
            tell(f"the file system of {root} has no locks: do not give this command twice at once")
            return


def _locks(root: Path) -> Path:
    return root / "runs" / ".locks"


def this_host(root: Path) -> str | None:
    """What stands for this machine in the runs below ``root``: a digest of its name under a key
    that only the folder's owner can read. None where there is no key and none can be made.
    """
    key = _key(root) or _new_key(root)
    return None if key is None else _digest(key)


def machine(folder: Path) -> str:
    """What stands for this machine where ``folder`` is its user's own: a digest of its name under
    a key that lies there."""
    with contextlib.suppress(OSError):
        _locks(folder).mkdir(parents=True, exist_ok=True)
    return this_host(folder) or _digest(b"no place for a key")


def is_this_host(recorded: object, root: Path) -> bool:
    """Whether ``recorded`` stands for this machine; earlier versions recorded its plain name."""
    key = _key(root)
    known = [platform.node()] if key is None else [platform.node(), _digest(key)]
    return recorded in known


def _digest(key: bytes) -> str:
    return hashlib.blake2b(platform.node().encode(), key=key, digest_size=16).hexdigest()


def _key(root: Path) -> bytes | None:
    try:
        return (_locks(root) / _KEY).read_bytes()[:64] or None
    except OSError:
        return None


def _new_key(root: Path) -> bytes | None:
    """The key of the results folder: this process's, or that of another that was quicker."""
    place = _locks(root) / _KEY
    try:
        file, name = tempfile.mkstemp(dir=place.parent, prefix=f".{_KEY}")  # mode 0600
    except OSError:
        return None
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(secrets.token_bytes(32))
        _put(Path(name), place)
    except OSError:
        return None
    finally:
        Path(name).unlink(missing_ok=True)
    return _key(root)


def _put(new: Path, place: Path) -> None:
    """Give ``new`` its place unless there is a file already."""
    try:
        os.link(new, place)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links
        os.replace(new, place)
