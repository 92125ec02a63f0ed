"""A container as an environment: what runs in it is asked of its relay."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import PurePosixPath

import anyio
import anyio.to_thread

from olmo_eval.sandbox import ExecResult, Sandbox, SandboxConfig, SandboxError, parse_size
from olmo_eval.sandbox.furnish import SetupError
from olmo_eval_sandboxes.common.channel import Channel, ConnectionLost
from olmo_eval_sandboxes.common.engine import Container, Engine

#: seconds that the end of a command may take after its time is over, before the container goes
_GRACE = 15.0
_MOST_READ = 64 << 20
#: a limit on a user's processes that is none
NO_LIMIT = 1 << 20
_LIMITS = {"memory": "memory", "processes": "processes", "flood": "output"}
_NOTES = {
    "memory": "ended: it used more than {memory} of memory",
    "processes": "ended: it started more than {pids} processes",
    "flood": "ended: it printed too much",
    "lost": "ended: it ended the process that watched it",
}


Fill = Callable[[Sandbox], Awaitable[None]]


class ContainerSandbox(Sandbox):
    """One container.

    ``fill`` puts what an instance needs into the folders, which are empty in a new container and
    after a reset; ``user_processes`` is the kernel's limit on the processes of a user, where the
    engine does not count those of a container; where programs may write everywhere, a reset cannot
    undo it, and the container is not ``reusable``.
    """

    def __init__(
        self,
        config: SandboxConfig,
        engine: Engine,
        container: Container,
        fill: Fill | None = None,
        user_processes: int = NO_LIMIT,
        *,
        reusable: bool = True,
    ) -> None:
        self.config = config
        self.id = container.id
        self._fill = fill
        self._engine = engine
        self._channel = Channel(container.stream)
        self._closed = False
        self._trusted = reusable
        self._limits = {
            "memory": parse_size(config.memory),
            "processes": config.pids,
            "user_processes": user_processes,
            "file_size": parse_size(config.disk),
            "open_files": 256,
        }

    async def ready(self) -> None:
        """Wait until the relay answers. Raises SandboxError."""
        try:
            with anyio.fail_after(self.config.startup_timeout):
                closed = (await self._channel.greeting())["closed"]
                await self._channel.ask({"op": "nursery", "env": self._variables()})
        except TimeoutError as error:
            raise SandboxError(
                f"a container did not answer within {self.config.startup_timeout:g} s",
                hint="raise startup_timeout of the sandbox",
            ) from error
        if closed:
            raise SetupError(
                f"programs cannot write to {', '.join(closed)}, which is a folder of the image",
                hint="give the sandbox another working_dir, or let everybody write to it there",
            )

    async def fill(self) -> None:
        """Put what the instance needs into the folders. Raises SandboxError."""
        if self._fill is not None:
            await self._fill(self)

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
        cpu = int(seconds * max(1.0, self.config.cpus)) + 2
        request = {
            "op": "exec",
            "argv": list(argv),
            "cwd": self._path(cwd or "."),
            "env": {**self._variables(), **(env or {})},
            "limits": {
                **self._limits,
                "cpu_seconds": cpu,
            },
            "timeout": seconds,
            "output_limit": parse_size(self.config.output_limit),
        }
        try:
            number = await self._channel.send(request, [stdin])
            with anyio.fail_after(seconds + _GRACE):
                header, (stdout, stderr) = await self._channel.reply(number)
        except TimeoutError as error:
            await self.close()
            raise SandboxError("a command did not end when it was told to") from error
        except ConnectionLost as error:
            return await self._ended_with_it(error)
        except anyio.get_cancelled_exc_class():
            await self._abandon(number)
            raise
        return self._result(header, stdout, stderr)

    async def _ended_with_it(self, error: ConnectionLost) -> ExecResult:
        """The relay went while a command ran: where programs did that, it is the command's end.

        Raises:
            SandboxError: they did not.
        """
        try:
            end = await anyio.to_thread.run_sync(self._engine.end_of, self.id)
        finally:
            await self.close()
        if end is None:
            raise error
        return ExecResult(137, "", f"ended: {end.why}", limit=end.limit)

    async def _abandon(self, number: int) -> None:
        """The caller does not wait any more: end everything the command started."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(_GRACE) as scope:
            try:
                await self._channel.send({"op": "kill", "target": number})
                await self._channel.reply(number)
            except SandboxError:
                await self.close()
        if scope.cancelled_caught:
            await self.close()

    def _result(self, header: dict[str, object], stdout: bytes, stderr: bytes) -> ExecResult:
        reason = "memory" if header["oom"] else str(header["reason"])
        self._trusted = self._trusted and reason == "exit"
        note = _NOTES.get(reason, "").format(memory=self.config.memory, pids=self.config.pids)
        said = stderr.decode("utf-8", "replace") + (f"\n{note}" if note else "")
        exit_code = header["exit"]
        assert exit_code is None or isinstance(exit_code, int)
        if exit_code is None and reason != "timeout":
            exit_code = 137
        cut, seconds = header["cut"], header["seconds"]
        assert isinstance(cut, list) and isinstance(seconds, float)
        return ExecResult(
            exit_code=exit_code,
            stdout=stdout.decode("utf-8", "replace"),
            stderr=said,
            timed_out=reason == "timeout",
            truncated=any(cut),
            seconds=seconds,
            limit=_LIMITS.get(reason),
        )

    def _variables(self) -> dict[str, str]:
        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": self.config.working_dir,
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            # one thread a library: a process's buffers count against its memory limit
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            **self.config.environment,
        }

    def _path(self, path: str) -> str:
        return str(PurePosixPath(self.config.working_dir, path))

    async def write(self, path: str, data: bytes) -> None:
        self._check_open()
        await self._channel.ask({"op": "write", "path": self._path(path)}, [data])

    async def read(self, path: str) -> bytes:
        self._check_open()
        request = {"op": "read", "path": self._path(path), "limit": _MOST_READ}
        try:
            _header, (content,) = await self._channel.ask(request)
        except ConnectionLost:
            raise
        except SandboxError as error:  # a folder, too large: what is there is the program's matter
            raise OSError(error.message) from error
        return content

    async def reset(self) -> bool:
        """As new, where every command ended by itself; a violation of a limit is not forgiven."""
        if self._closed or not self._trusted:
            return False
        header, _parts = await self._channel.ask({"op": "reset"})
        if header["left"]:
            return False
        await self.fill()
        return True

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        with anyio.CancelScope(shield=True):
            self._channel.close()
            await anyio.to_thread.run_sync(self._engine.remove, self.id)

    def _check_open(self) -> None:
        if self._closed:
            raise SandboxError("the sandbox is closed")
