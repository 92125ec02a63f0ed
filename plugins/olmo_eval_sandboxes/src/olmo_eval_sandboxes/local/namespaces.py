"""What commands see of this machine where it lets them have namespaces of their own, and whether it
does."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from olmo_eval.sandbox import SandboxError
from olmo_eval.sandbox.config import SandboxConfig
from olmo_eval_sandboxes.local.launcher import Command, Launcher
from olmo_eval_sandboxes.local.user import sandbox_user, search_path

_SHARED_MEMORY = 16 << 20
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc")
_RESOLVER = "/etc/resolv.conf"
#: seconds
_TRIAL_TIMEOUT = 20.0
_TRIAL = """
set -e
[ $$ = 2 ] || { echo "it sees other processes" >&2; exit 1; }
: > here
if (: > /etc/there) 2>/dev/null; then echo "it can write to /etc" >&2; exit 1; fi
[ -d "$1" ] && { echo "it sees $1" >&2; exit 1; }
shift
exec "$@"
"""


def enforced(config: SandboxConfig) -> frozenset[str]:
    """What namespaces add to what is enforced."""
    return frozenset({"read_only", "user"} if config.network else {"read_only", "user", "network"})


def enclosure(
    covered: Path, writable: Mapping[str, str], network: bool, readable: Sequence[str] = ()
) -> dict[str, Any]:
    """What a command is run in (``inside.enclosure``)."""
    return {
        "covered": str(covered),
        "readable": readable_folders(network, readable),
        "writable": dict(writable),
        "network": network,
        "shared_memory": _SHARED_MEMORY,
    }


def readable_folders(network: bool, more: Sequence[str] = ()) -> list[str]:
    """The folders of this machine that programs need: the system's, this Python's, and ``more``."""
    real = os.path.realpath(sys.executable)
    wanted = {sys.prefix, sys.base_prefix, os.path.dirname(real), *_links(sys.executable), *more}
    if network:
        wanted.add(os.path.dirname(os.path.realpath(_RESOLVER)))
    found: list[str] = []
    for path in (*_SYSTEM, *sorted(wanted - {"/"})):
        known = any(PurePosixPath(path).is_relative_to(parent) for parent in found)
        if os.path.lexists(path) and not known:
            found.append(path)
    return found


def _links(path: str) -> Iterator[str]:
    """The links over which ``path`` comes to a file."""
    while os.path.islink(path):
        yield path
        path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path)))


def why_not(config: SandboxConfig) -> str:
    """Why commands of ``config`` cannot have namespaces here; "" where they can: it is tried, once
    in a process."""
    return _tried(config.working_dir, config.network, "python" in config.capabilities)


@cache
def _tried(working_dir: str, network: bool, python: bool) -> str:
    launcher = Launcher()
    try:
        launcher.start()
        assert launcher.folder is not None
        return _trial(launcher, launcher.folder, working_dir, network, python)
    except (SandboxError, OSError) as error:
        return str(error)
    finally:
        launcher.close()


def _trial(launcher: Launcher, folder: Path, working_dir: str, network: bool, python: bool) -> str:
    user = sandbox_user()
    place = Path(tempfile.mkdtemp(dir=folder))
    (place / "covered").mkdir()
    (place / "working").mkdir()
    if user is not None:
        os.chown(place / "working", user, user)
    wanted = ["python3", "-I", "-S", "-c", "pass"] if python else ["true"]
    command = Command(
        argv=["sh", "-c", _TRIAL, "sh", str(folder), *wanted],
        cwd=working_dir,
        env={"PATH": search_path()},
        user=user,
        limits={
            "memory": 1 << 30,
            "processes": 64,
            "user_processes": 1 << 15,
            "cpu_seconds": int(_TRIAL_TIMEOUT),
            "file_size": 1 << 20,
            "open_files": 256,
        },
        stdin=b"",
        timeout=_TRIAL_TIMEOUT,
        output_limit=1 << 12,
        enclosure=enclosure(place / "covered", {working_dir: str(place / "working")}, network),
    )
    return launcher.try_out(command)
