"""The folders of one sandbox on this machine, and what is written and read there for it."""

from __future__ import annotations

import ctypes
import os
import shutil
import stat
import struct
import tempfile
from pathlib import Path, PurePosixPath

from olmo_eval.sandbox import SandboxError

SCRATCH = "/tmp"
_SYS_OPENAT2 = 437  # on every architecture
#: openat2(2): a folder is ``/`` for names and links, whatever programs make of them meanwhile
_IN_ROOT, _NO_MAGIC_LINKS = 0x10, 0x02
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK
_READ = os.O_RDONLY | os.O_NONBLOCK
_MOST_READ = 64 << 20

_libc = ctypes.CDLL(None, use_errno=True)


class Files:
    """The folders of a sandbox whose programs see all of this machine.

    ``base`` is a new folder in ``shared``; below its ``root`` lies what can be written to: the
    working folder and the one for temporary files. ``owner`` is the user id that gets what is
    made; None: ours.
    """

    def __init__(self, shared: Path | None, name: str, working_dir: str, owner: int | None) -> None:
        safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in name)[:40]
        self.base = Path(tempfile.mkdtemp(prefix=f"{safe}-", dir=shared))
        self.base.chmod(0o711)
        self.root = self.base / "root"
        self.working_dir = str(PurePosixPath("/", working_dir))
        self.folder = Path(f"{self.root}{self.working_dir}")
        self.scratch = Path(f"{self.root}{SCRATCH}")
        self.owner = owner
        for made in (self.scratch, self.folder):
            made.mkdir(parents=True, exist_ok=True)
            if owner is not None:
                os.chown(made, owner, owner)

    def write(self, path: str, data: bytes) -> None:
        """Write a file, and make its folders.

        Raises:
            SandboxError: it is outside of the sandbox's folders. OSError: it cannot be written.
        """
        self._make_folders(path)
        with open(self._open(path, _WRITE), "wb") as file:
            if self.owner is not None:
                os.fchown(file.fileno(), self.owner, self.owner)
            file.write(data)

    def read(self, path: str) -> bytes:
        """Read a file.

        Raises:
            FileNotFoundError: there is none. OSError: what is there is no file, or too large.
            SandboxError: it is outside of the sandbox's folders.
        """
        with open(self._open(path, _READ), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise FileNotFoundError(f"{path} is no file")
            content = file.read(_MOST_READ + 1)
        if len(content) > _MOST_READ:
            raise OSError(f"{path} is larger than {_MOST_READ} bytes")
        return content

    def remove(self) -> None:
        """Delete everything, whatever permissions programs left behind."""
        for parent, names, _files in os.walk(self.base):
            for name in names:
                inner = os.path.join(parent, name)
                if not os.path.islink(inner):
                    os.chmod(inner, 0o700)
        shutil.rmtree(self.base)

    def place(self, path: str) -> str:
        """How programs name ``path``, which may be relative to the working folder."""
        return str(self._here(path))

    def _here(self, path: str) -> Path:
        """Where ``path`` is on this machine.

        Raises:
            SandboxError: it is outside of the sandbox's folders, by name or by a link.
        """
        pure = PurePosixPath(path)
        if pure.is_absolute() and not pure.is_relative_to(self.base):
            pure = PurePosixPath(f"{self.root}{pure}")
        real = (self.folder / pure).resolve()
        if not any(real.is_relative_to(known) for known in (self.folder, self.scratch)):
            raise SandboxError(f"{path} is outside of the sandbox's folders")
        return real

    def _open(self, path: str, flags: int) -> int:
        return os.open(self._here(path), flags, 0o644)

    def _make_folders(self, path: str) -> None:
        parent = self._here(path).parent
        new = [folder for folder in (parent, *parent.parents) if not folder.exists()]
        parent.mkdir(parents=True, exist_ok=True)
        if self.owner is not None:
            for made in new:
                os.chown(made, self.owner, self.owner)


class EnclosedFiles(Files):
    """The folders of a sandbox whose programs see nothing else that they can write to: names and
    links mean what they mean to programs, and never anything outside."""

    def __init__(self, shared: Path | None, name: str, working_dir: str, owner: int | None) -> None:
        super().__init__(shared, name, working_dir, owner)
        #: an empty folder, which the file system of commands covers
        self.covered = self.base / "covered"
        self.covered.mkdir()

    def writable(self) -> dict[str, str]:
        """The folders by the names that programs find them under."""
        return {SCRATCH: str(self.scratch), self.working_dir: str(self.folder)}

    def place(self, path: str) -> str:
        return str(PurePosixPath(self.working_dir, path))

    def _open(self, path: str, flags: int) -> int:
        root = os.open(self.root, os.O_PATH | os.O_DIRECTORY)
        try:
            return _open_beneath(root, self.place(path), flags)
        finally:
            os.close(root)

    def _make_folders(self, path: str) -> None:
        made = PurePosixPath("/")
        for part in PurePosixPath(self.place(path)).parent.parts[1:]:
            parent, made = made, made / part
            try:
                os.close(self._open(str(made), os.O_PATH | os.O_DIRECTORY))
            except FileNotFoundError:
                self._make_folder(str(parent), part)

    def _make_folder(self, parent: str, name: str) -> None:
        beside = self._open(parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.mkdir(name, 0o755, dir_fd=beside)
            if self.owner is not None:
                os.chown(name, self.owner, self.owner, dir_fd=beside, follow_symlinks=False)
        finally:
            os.close(beside)


def _open_beneath(root: int, path: str, flags: int) -> int:
    """Open ``path`` as if the folder ``root`` were ``/``. Raises OSError."""
    mode = 0o644 if flags & os.O_CREAT else 0
    how = struct.pack("=QQQ", flags | os.O_CLOEXEC, mode, _IN_ROOT | _NO_MAGIC_LINKS)
    size = ctypes.c_size_t(len(how))
    opened = _libc.syscall(_SYS_OPENAT2, root, os.fsencode(path), how, size)
    if opened < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)
    return int(opened)
