"""A file system, processes and a network of a command's own, by Linux namespaces.

Imports nothing but the standard library: the supervisor's program loads it. A supervisor forks into
an enclosure the *first process*, which takes itself to the file system, forks the command, collects
what ends, and ends with the command; the kernel then ends whatever is left. As root no user
namespace is needed; any other user gets one in which it is itself.

What a command sees: the folders in ``readable``, read-only; those in ``writable``; an empty
``/proc`` but for itself and what it starts; a loopback device and no other, unless it is given the
machine's network. It can make no user namespace of its own, in which it would have capabilities.
namespaces(7), user_namespaces(7), mount_setattr(2), pivot_root(2).
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import struct
from typing import Any, NoReturn

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUTS = 0x04000000
_CLONE_NEWIPC = 0x08000000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000

_MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 2, 4, 8
_MS_RDONLY, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 4096, 16384, 1 << 18
_MNT_DETACH = 2

_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 1, 2, 4
_SYS_MOUNT_SETATTR = 442  # on every architecture
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1
_DEVICES = ("null", "zero", "full", "random", "urandom")
_STREAMS = {"fd": "fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
_HOST_NAME = b"sandbox"
_MOST_FILES = 1 << 16
#: the folder of its first file system that becomes a command's root: a process whose root is not
#: the file system's own may make no user namespace
_INNER = "/root"

_libc = ctypes.CDLL(None, use_errno=True)


def fork(enclosure: dict[str, Any]) -> tuple[int, int]:
    """Fork a process into an enclosure.

    Returns there (0, -1); here the id of its first process, and a file that says why the enclosure
    could not be made, and ends without a word where it was.

    Raises:
        OSError: the system does not allow it.
    """
    trouble, tell = os.pipe()
    _enter(enclosure)
    first = os.fork()
    if first:
        os.close(tell)
        return first, trouble
    os.close(trouble)
    try:
        os.umask(0o022)
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        _inside(enclosure)
        command = os.fork()
        if command:
            _be_first(command)
    except Exception as error:  # else it would be taken for the command's end
        os.write(tell, str(error).encode("utf-8", "replace"))
        os._exit(1)
    return 0, -1


def _enter(enclosure: dict[str, Any]) -> None:
    """Let what this process forks next have processes, a host name and, unless ``network`` is
    true, a network of its own."""
    flags = _CLONE_NEWPID | _CLONE_NEWIPC | _CLONE_NEWUTS
    if not enclosure["network"]:
        flags |= _CLONE_NEWNET
    user, group = os.geteuid(), os.getegid()
    if user != 0:
        flags |= _CLONE_NEWUSER
    _call("unshare", flags)
    if user != 0:
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")


def _inside(enclosure: dict[str, Any]) -> None:
    """Take this process, the first of its own, to its own file system.

    ``covered`` is an empty folder on which it is made. ``writable`` says where on this machine each
    folder lies that can be written to, ``shared_memory`` how many bytes ``/dev/shm`` has.
    """
    _call("unshare", _CLONE_NEWNS)
    _call("sethostname", _HOST_NAME, len(_HOST_NAME))
    _mount(None, "/", None, _MS_REC | _MS_PRIVATE)
    covered = enclosure["covered"]
    _mount("tmpfs", covered, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=755")
    root = covered + _INNER
    for path in enclosure["readable"]:
        _show(root, path)
    for path, folder in enclosure["writable"].items():
        _bind(folder, root + path)
    _devices(root, enclosure["shared_memory"])
    _mount("proc", _folder(root + "/proc"), "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    if not enclosure["network"]:
        flags = _MS_RDONLY | _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
        _mount("sysfs", _folder(root + "/sys"), "sysfs", flags)
        _bring_up_loopback()
    os.chdir(covered)
    _pivot()
    _set_attributes("/", _ATTR_RDONLY, recursive=False)
    os.chroot(_INNER)
    os.chdir("/")


def _be_first(command: int) -> NoReturn:
    """Collect what ends until ``command`` does, and end as it did, as shells say it."""
    try:
        _prctl(_PR_SET_DUMPABLE, 0)  # nobody looks into it
        signal.set_wakeup_fd(-1)
        for name in (signal.SIGINT, signal.SIGCHLD):
            signal.signal(name, signal.SIG_DFL)  # the kernel keeps it from the first process
        os.closerange(0, _MOST_FILES)
        while True:
            ended, status = os.waitpid(-1, 0)
            if ended == command:
                code = os.waitstatus_to_exitcode(status)
                os._exit(128 - code if code < 0 else code)
    finally:
        os._exit(1)


# -- the file system


def _show(root: str, path: str) -> None:
    """Let ``path`` be seen, read-only, links as links."""
    place = root + path
    if os.path.islink(path):
        _folder(os.path.dirname(place))
        os.symlink(os.readlink(path), place)
    else:
        _bind(path, place, _ATTR_RDONLY)


def _bind(source: str, place: str, attributes: int = 0) -> None:
    _mount(source, _folder(place), None, _MS_BIND | _MS_REC)
    _set_attributes(place, attributes | _ATTR_NOSUID | _ATTR_NODEV)


def _devices(root: str, shared_memory: int) -> None:
    folder = _folder(root + "/dev")
    for name in _DEVICES:
        place = f"{folder}/{name}"
        os.close(os.open(place, os.O_CREAT | os.O_WRONLY, 0o666))
        _mount(f"/dev/{name}", place, None, _MS_BIND)
    for name, target in _STREAMS.items():
        os.symlink(f"/proc/self/{target}", f"{folder}/{name}")
    flags = _MS_NOSUID | _MS_NODEV
    _mount("tmpfs", _folder(f"{folder}/shm"), "tmpfs", flags, f"mode=1777,size={shared_memory}")
    terminals = "newinstance,ptmxmode=0666,mode=620"
    _mount("devpts", _folder(f"{folder}/pts"), "devpts", _MS_NOSUID | _MS_NOEXEC, terminals)
    os.symlink("pts/ptmx", f"{folder}/ptmx")


def _pivot() -> None:
    """Make the current folder the root, and let go of the old one."""
    number = _SYS_PIVOT_ROOT.get(os.uname().machine)
    if number is None:
        raise OSError(f"pivot_root is not known on {os.uname().machine}")
    _call("syscall", number, b".", b".")
    _call("umount2", b".", _MNT_DETACH)
    os.chdir("/")


def _folder(path: str) -> str:
    os.makedirs(path, 0o755, exist_ok=True)
    return path


def _mount(
    source: str | None, target: str, kind: str | None, flags: int, data: str | None = None
) -> None:
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
    try:
        _call("mount", *texts[:3], ctypes.c_ulong(flags), texts[3])
    except OSError as error:
        raise OSError(
            error.errno, f"mounting {source or ''} at {target}: {error.strerror}"
        ) from None


def _set_attributes(path: str, attributes: int, recursive: bool = True) -> None:
    wanted = struct.pack("=QQQQ", attributes, 0, 0, 0)
    flags = _AT_RECURSIVE if recursive else 0
    size = ctypes.c_size_t(len(wanted))
    _call("syscall", _SYS_MOUNT_SETATTR, _AT_FDCWD, os.fsencode(path), flags, wanted, size)


# -- the network


def _bring_up_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", _IFF_UP)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, request)


# -- system calls


def _prctl(option: int, value: int) -> None:
    _call("prctl", option, value, 0, 0, 0)


def _call(name: str, *arguments: Any) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
