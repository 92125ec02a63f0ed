"""The environment that a framework runs in: one that is there, or one made for it once.

What is made is a venv in the cache folder, named for what is installed in it. A venv that was not
finished is made anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread
from attrs import evolve, frozen

from olmo_eval.common.filesystem import cache_folder
from olmo_eval.errors import MissingDependencyError, UsageError

_COMPLETE = ".complete"
#: lines of pip's output that are shown where it fails
_TAIL = 5


@frozen
class Requirements:
    """What a framework needs installed.

    - ``name``: of the framework; ``distribution``: the package whose version counts;
    - ``pinned``: requirements for pip, that of the distribution first;
    - ``python``: the oldest Python that it runs on.
    """

    name: str
    distribution: str
    pinned: tuple[str, ...]
    python: tuple[int, int] = (3, 11)

    @property
    def version(self) -> str:
        """The version of the distribution that is pinned."""
        return self.pinned[0].partition("==")[2]

    def with_packages(self, packages: Sequence[str]) -> Requirements:
        """With further requirements for pip."""
        return evolve(self, pinned=(*self.pinned, *packages))

    def folder(self, python: str) -> Path:
        """Where the venv for ``python`` is made."""
        content = "\n".join((*self.pinned, python)).encode()
        digest = hashlib.sha256(content).hexdigest()[:12]
        return cache_folder() / "environments" / f"{self.name}-{self.version}-{digest}"

    def by_hand(self, folder: Path | str) -> str:
        """The command that installs what is needed into a venv that is there."""
        quoted = " ".join(f"'{requirement}'" for requirement in self.pinned)
        return f"{python_of(Path(folder))} -m pip install {quoted}"


def python_of(folder: Path) -> Path:
    """The interpreter of a venv."""
    return folder / "bin/python"


def installed_version(folder: Path, distribution: str) -> str | None:
    """The version of a distribution in a venv, read from its files; None where it is not there."""
    name = distribution.replace("-", "_").lower()
    for path in sorted(folder.glob("lib/python*/site-packages/*.dist-info")):
        found, _, version = path.name.removesuffix(".dist-info").rpartition("-")
        if found.replace("-", "_").replace(".", "_").lower() == name:
            return version
    return None


def interpreter(needs: Requirements) -> str:
    """The running Python, where it is new enough, else one on the PATH.

    Raises:
        MissingDependencyError: there is none.
    """
    if sys.version_info >= needs.python:
        return sys.executable
    for minor in range(needs.python[1], needs.python[1] + 5):
        found = shutil.which(f"python{needs.python[0]}.{minor}")
        # a launcher may be there without what it launches
        if found and subprocess.run([found, "--version"], capture_output=True).returncode == 0:
            return found
    wanted = ".".join(map(str, needs.python))
    raise MissingDependencyError(
        f"{needs.name} needs Python {wanted} or later, and there is none on the PATH",
        hint="name one: -a python=PATH",
    )


def given_venv(venv: str, needs: Requirements) -> Path:
    """The folder of a venv that the user names.

    Raises:
        UsageError: it is no venv. MissingDependencyError: it lacks the framework.
    """
    folder = Path(venv).expanduser().absolute()  # the program runs in another folder
    if not python_of(folder).exists():
        raise UsageError(
            f"{venv} is not a virtual environment: it has no bin/python",
            hint=f"python3 -m venv {venv} && {needs.by_hand(folder)}",
        )
    if installed_version(folder, needs.distribution) is None:
        raise MissingDependencyError(
            f"{venv} has no {needs.distribution}", hint=needs.by_hand(folder)
        )
    return folder


async def ready(
    needs: Requirements, venv: str | None, python: str | None, say: Callable[[str], None], log: Path
) -> Path:
    """The interpreter of an environment that has what is needed: that of ``venv`` where it is
    given, else of one that is made of ``python`` (by default the running one), once.

    ``log`` gets what pip prints.

    Raises:
        UsageError, MissingDependencyError: it is not there, or cannot be made; the hint says how to
            do it by hand.
    """
    if venv is not None:
        return python_of(given_venv(venv, needs))
    base = python or interpreter(needs)
    folder = needs.folder(base)
    async with _only_one(folder, say):
        if not (folder / _COMPLETE).exists():
            say(f"making an environment with {', '.join(needs.pinned)} in {folder}, once")
            await _make(folder, base, needs, log)
    return python_of(folder)


async def _make(folder: Path, base: str, needs: Requirements, log: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    steps = (
        [base, "-m", "venv", str(folder)],
        [str(python_of(folder)), "-m", "pip", "install", "--disable-pip-version-check",
         "--no-input", *needs.pinned],
    )  # fmt: skip
    for argv in steps:
        try:
            done = await anyio.run_process(argv, check=False, stderr=subprocess.STDOUT)
        except OSError as error:
            raise UsageError(
                f"{base} cannot be run: {error.strerror}", hint="-a python=PATH names another"
            ) from error
        with log.open("ab") as file:
            file.write(done.stdout)
        if done.returncode != 0:
            lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
            raise MissingDependencyError(
                f"the environment of {needs.name} could not be made: {' / '.join(lines[-_TAIL:])}",
                hint=f"where a package index is reachable: {base} -m venv VENV && "
                f"{needs.by_hand('VENV')}, then -a venv=VENV",
            )
    (folder / _COMPLETE).touch()


@asynccontextmanager
async def _only_one(folder: Path, say: Callable[[str], None]) -> AsyncIterator[None]:
    """Keep other processes from making the same folder meanwhile."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(folder.with_name(f"{folder.name}.lock"), os.O_RDWR | os.O_CREAT, 0o644)
    told = False
    try:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not told:
                    say(f"waiting for another process that makes {folder}")
                told = True
                await anyio.sleep(0.2)
        yield
    finally:
        os.close(file)
