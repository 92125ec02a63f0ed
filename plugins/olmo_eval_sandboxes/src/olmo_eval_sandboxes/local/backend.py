"""The backend ``local``: one folder a sandbox, one supervised process tree a command."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import anyio.to_thread

from olmo_eval.errors import UsageError
from olmo_eval.sandbox import (
    EnvironmentSpec,
    ExecResult,
    Sandbox,
    SandboxBackend,
    SandboxError,
)
from olmo_eval.sandbox.config import SandboxConfig, parse_size
from olmo_eval_sandboxes.local.launcher import Command, Ended, Launcher
from olmo_eval_sandboxes.local.user import (
    python_within_reach,
    sandbox_user,
    user_processes,
)

_SETTINGS = {"file_size": "256m", "open_files": 256}
_NOTES = {
    "memory": "ended: it used more than {memory} of memory",
    "processes": "ended: it started more than {pids} processes",
}


class LocalSandbox(Sandbox):
    """A temporary folder and what runs in it. Limits, but no isolation."""

    def __init__(
        self, config: SandboxConfig, launcher: Launcher, folder: Path, user: int | None
    ) -> None:
        self.config = config
        self.folder = folder
        self._launcher = launcher
        self._closed = False
        self._user = user
        self._limits = {
            "memory": parse_size(config.memory),
            "processes": config.pids,
            "user_processes": user_processes(config.pids, self._user),
            "file_size": parse_size(config.kwargs.get("file_size", _SETTINGS["file_size"])),
            "open_files": int(config.kwargs.get("open_files", _SETTINGS["open_files"])),
        }

    async def exec(
        self,
        argv: Sequence[str],
        *,
        timeout: float | None = None,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> ExecResult:
        self._check_open()
        seconds = self.config.command_timeout if timeout is None else timeout
        cpu = max(1, int(seconds * max(1.0, self.config.cpus)) + 1)
        command = Command(
            argv=argv,
            cwd=str(self._path(cwd or ".")),
            env={**self._environment(), **self.config.environment, **(env or {})},
            user=self._user,
            limits={**self._limits, "cpu_seconds": cpu},
            stdin=stdin,
            timeout=seconds,
            output_limit=parse_size(self.config.output_limit),
        )
        return self._result(await self._launcher.run(command))

    def _result(self, ended: Ended) -> ExecResult:
        note = _NOTES.get(ended.reason, "")
        stderr = ended.stderr.text
        if note:
            stderr += "\n" + note.format(memory=self.config.memory, pids=self.config.pids)
        return ExecResult(
            exit_code=ended.exit_code,
            stdout=ended.stdout.text,
            stderr=stderr,
            timed_out=ended.timed_out,
            truncated=ended.stdout.cut or ended.stderr.cut,
            seconds=ended.seconds,
            limit=ended.limit,
        )

    def _environment(self) -> dict[str, str]:
        """A few harmless variables; nothing of the evaluation's own environment, so no secret."""
        return {
            "PATH": _search_path(),
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder / ".tmp"),
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            # one thread a library: a process's buffers count against its memory limit
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }

    def _path(self, path: str) -> Path:
        """Where ``path`` is on this machine; the configured working folder is the sandbox's own.

        Raises:
            SandboxError: it is outside of the sandbox's folder, by name or by a link.
        """
        pure = PurePosixPath(path)
        if pure.is_absolute():
            inside = PurePosixPath(self.config.working_dir)
            base = inside if pure.is_relative_to(inside) else PurePosixPath(self.folder)
            if not pure.is_relative_to(base):
                raise SandboxError(f"{path} is outside of the sandbox's folder")
            pure = pure.relative_to(base)
        real = (self.folder / pure).resolve()
        if not real.is_relative_to(self.folder):
            raise SandboxError(f"{path} is outside of the sandbox's folder")
        return real

    async def write(self, path: str, data: bytes) -> None:
        self._check_open()
        await anyio.to_thread.run_sync(self._write, self._path(path), data)

    def _write(self, path: Path, data: bytes) -> None:
        new = [p for p in (path, *path.parents) if not p.exists()]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if self._user is not None:
            for made in new:
                os.chown(made, self._user, self._user)

    async def read(self, path: str) -> bytes:
        self._check_open()
        return await anyio.to_thread.run_sync(_read, self._path(path))

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            await anyio.to_thread.run_sync(_remove, self.folder)

    def _check_open(self) -> None:
        if self._closed:
            raise SandboxError("the sandbox is closed")


class LocalBackend(SandboxBackend):
    """Makes local sandboxes; they share one supervisor program."""

    isolates = False
    enforces = frozenset({"memory", "processes", "time", "output"})

    def __init__(self, config: SandboxConfig) -> None:
        super().__init__(config)
        unknown = sorted(set(config.kwargs) - set(_SETTINGS))
        if unknown:
            raise UsageError(
                f"sandbox backend 'local' takes no setting {unknown[0]!r}",
                hint=f"kwargs it takes: {', '.join(_SETTINGS)}",
            )
        self._launcher = Launcher()

    async def start(self) -> None:
        needs_python = "python" in self.config.capabilities
        if needs_python and not python_within_reach(sandbox_user(), _search_path()):
            raise SandboxError(
                f"no python3 that an unprivileged user may run, neither {sys.executable} nor the "
                "system's",
                hint="install python3 for everybody, or do not run as root",
            )
        self._launcher.start()

    async def create(self, run_id: str, spec: EnvironmentSpec | None = None) -> LocalSandbox:
        """A fresh folder; what ``spec`` puts there is the planner's to write."""
        self._launcher.start()
        user = sandbox_user()
        folder = _new_folder(self._launcher.folder, run_id, user)
        return LocalSandbox(self.config, self._launcher, folder, user)

    async def close(self) -> None:
        await anyio.to_thread.run_sync(self._launcher.close)


def _search_path() -> str:
    """This interpreter's folder, then the system's."""
    return os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"])


def _new_folder(shared: Path | None, run_id: str, user: int | None) -> Path:
    safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in run_id)[:40]
    folder = Path(tempfile.mkdtemp(prefix=f"{safe}-", dir=shared))
    (folder / ".tmp").mkdir()
    if user is not None:
        for owned in (folder, folder / ".tmp"):
            os.chown(owned, user, user)
    return folder


def _read(path: Path) -> bytes:
    if path.is_dir():
        raise FileNotFoundError(f"{path.name} is a folder")
    return path.read_bytes()


def _remove(folder: Path) -> None:
    """Delete a folder whatever permissions the program left behind."""
    for parent, names, _files in os.walk(folder):
        for name in names:
            inner = os.path.join(parent, name)
            if not os.path.islink(inner):
                os.chmod(inner, 0o700)
    shutil.rmtree(folder)
