"""The backend: temporary folders on this machine, which isolate nothing."""

import os
import shutil
import signal
import tempfile
import time
import uuid
from contextlib import suppress
from pathlib import Path

import anyio
from olmo_eval.sandbox import ExecResult, Sandbox, SandboxBackend, SandboxError, parse_size

MARK = "ACME_COMMAND"


class AcmeSandbox(Sandbox):
    """A temporary folder, in which commands run."""

    def __init__(self, config):
        self.config = config
        self.folder = Path(tempfile.mkdtemp(prefix="acme-")).resolve()

    def path(self, name):
        if not self.folder.exists():
            raise SandboxError("the sandbox is closed")
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder):
            raise SandboxError(f"{name} is outside of the sandbox's folder")
        return path

    async def exec(self, argv, *, timeout=None, stdin=b"", env=None, cwd=None):
        folder, mark, began = self.path(cwd or "."), uuid.uuid4().hex, time.monotonic()
        variables = {"PATH": os.environ["PATH"], "HOME": str(self.folder), MARK: mark}
        memory = str(parse_size(self.config.memory) // 1024)
        limited = ["sh", "-c", 'ulimit -v "$0" && exec "$@"', memory, *argv]
        process = await anyio.open_process(
            limited, cwd=folder, env=variables | dict(self.config.environment) | dict(env or {})
        )
        printed = {"stdout": b"", "stderr": b""}
        exit_code, limit = None, parse_size(self.config.output_limit)

        async def feed():
            with suppress(anyio.BrokenResourceError):  # the program does not read it all
                await process.stdin.send(stdin)
            await process.stdin.aclose()

        async def collect(name):
            async for chunk in getattr(process, name):
                printed[name] += chunk
                if len(printed[name]) > limit:
                    end(mark)

        try:
            with anyio.move_on_after(timeout or self.config.command_timeout) as scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(feed)
                    group.start_soon(collect, "stdout")
                    group.start_soon(collect, "stderr")
                exit_code = await process.wait()
        finally:  # also where the instance is cancelled
            end(mark)
            with anyio.CancelScope(shield=True):
                await process.aclose()
        return ExecResult(
            exit_code=exit_code,
            stdout=printed["stdout"][:limit].decode(errors="replace"),
            stderr=printed["stderr"][:limit].decode(errors="replace"),
            timed_out=scope.cancelled_caught,
            truncated=any(len(text) > limit for text in printed.values()),
            seconds=time.monotonic() - began,
        )

    async def write(self, path, data):
        self.path(path).parent.mkdir(parents=True, exist_ok=True)
        self.path(path).write_bytes(data)

    async def read(self, path):
        return self.path(path).read_bytes()

    async def close(self):
        shutil.rmtree(self.folder)


def end(mark):
    """Kill what a command has started, its own sessions included: all inherit the mark."""
    found = True
    while found:
        found = False
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it is gone, or somebody else's
                if mark.encode() in (process / "environ").read_bytes():
                    os.kill(int(process.name), signal.SIGKILL)
                    found = True


class AcmeBackend(SandboxBackend):
    """Temporary folders on this machine, which isolate nothing."""

    isolates = False
    enforces = frozenset({"time", "output"})

    async def create(self, run_id, spec=None):
        return AcmeSandbox(self.config)
