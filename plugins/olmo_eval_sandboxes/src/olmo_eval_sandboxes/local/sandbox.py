"""One environment of the backend ``local``: folders, and what runs in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import anyio.to_thread

from olmo_eval.sandbox import ExecResult, Sandbox, SandboxError
from olmo_eval.sandbox.config import SandboxConfig, parse_size
from olmo_eval_sandboxes.local.files import EnclosedFiles, Files
from olmo_eval_sandboxes.local.launcher import Command, Ended, Launcher
from olmo_eval_sandboxes.local.namespaces import enclosure
from olmo_eval_sandboxes.local.user import search_path, user_processes

#: settings of the backend's own, with their defaults
SETTINGS = {"file_size": "256m", "open_files": 256, "namespaces": "auto"}
_NOTES = {
    "memory": "ended: it used more than {memory} of memory",
    "processes": "ended: it started more than {pids} processes",
}


class LocalSandbox(Sandbox):
    """Folders on this machine and what runs in them.

    Commands are limited; where its files are ``EnclosedFiles`` they have namespaces of their own
    as well, with the machine's network where ``network`` is true.
    """

    def __init__(self, config: SandboxConfig, launcher: Launcher, files: Files) -> None:
        self.config = config
        self.files = files
        self.network = config.network
        self._launcher = launcher
        self._closed = False
        settings = {**SETTINGS, **config.kwargs}
        self._limits = {
            "memory": parse_size(config.memory),
            "processes": config.pids,
            "user_processes": user_processes(config.pids, files.owner),
            "file_size": parse_size(settings["file_size"]),
            "open_files": int(settings["open_files"]),
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
            cwd=self.files.place(cwd or "."),
            env={**self._environment(), **self.config.environment, **(env or {})},
            user=self.files.owner,
            limits={**self._limits, "cpu_seconds": cpu},
            stdin=stdin,
            timeout=seconds,
            output_limit=parse_size(self.config.output_limit),
            enclosure=self._enclosure(),
        )
        return self._result(await self._launcher.run(command))

    def _enclosure(self) -> dict[str, object] | None:
        if not isinstance(self.files, EnclosedFiles):
            return None
        return enclosure(self.files.covered, self.files.writable(), self.network)

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
            "PATH": search_path(),
            "HOME": self.files.place("."),
            "TMPDIR": self.files.place("/tmp"),
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            # one thread a library: a process's buffers count against its memory limit
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }

    async def write(self, path: str, data: bytes) -> None:
        self._check_open()
        await anyio.to_thread.run_sync(self.files.write, path, data)

    async def read(self, path: str) -> bytes:
        self._check_open()
        return await anyio.to_thread.run_sync(self.files.read, path)

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            await anyio.to_thread.run_sync(self.files.remove)

    def _check_open(self) -> None:
        if self._closed:
            raise SandboxError("the sandbox is closed")
