"""A container an environment, with the relay as its first process."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import ClassVar

import anyio
import anyio.to_thread
from attrs import evolve

from olmo_eval.errors import UsageError
from olmo_eval.sandbox import EnvironmentSpec, ExecResult, Sandbox, SandboxBackend, SandboxError
from olmo_eval.sandbox.backend import Lease
from olmo_eval.sandbox.config import SandboxConfig, parse_size
from olmo_eval.sandbox.probes import PROBES
from olmo_eval_sandboxes.containers import lease
from olmo_eval_sandboxes.containers.channel import Channel, ConnectionLost
from olmo_eval_sandboxes.containers.docker import DockerEngine
from olmo_eval_sandboxes.containers.engine import Container, ContainerPlan, Engine
from olmo_eval_sandboxes.containers.environments import (
    fill,
    image_name,
    make_image,
    needs_image,
    write_files,
)
from olmo_eval_sandboxes.containers.podman import PodmanEngine
from olmo_eval_sandboxes.inside import bootstrap

IMAGE_VARIABLE = "OLMO_EVAL_SANDBOX_IMAGE"
DEFAULT_IMAGE = "docker.io/library/python:3.12-slim"
#: seconds that the end of a command may take after its time is over, before the container goes
_GRACE = 15.0
#: seconds after which no container lives on, whatever became of its run
LIFETIME = 24 * 3600.0
_SHARED_MEMORY = 16 << 20
_MOST_READ = 64 << 20
_NO_LIMIT = 1 << 20
_NOTES = {
    "memory": "ended: it used more than {memory} of memory",
    "processes": "ended: it started more than {pids} processes",
    "flood": "ended: it printed too much",
    "lost": "ended: it killed the process that watched it",
}


class ContainerSandbox(Sandbox):
    """One container."""

    def __init__(
        self,
        config: SandboxConfig,
        engine: Engine,
        container: Container,
        spec: EnvironmentSpec | None = None,
    ) -> None:
        self.config = config
        self.spec = spec
        self.id = container.id
        self._engine = engine
        self._channel = Channel(container.stream)
        self._closed = False
        self._trusted = True
        self._limits = {
            "memory": parse_size(config.memory),
            "processes": config.pids,
            "user_processes": _NO_LIMIT,  # the engine counts them
            "file_size": parse_size(config.disk),
            "open_files": 256,
        }

    async def ready(self) -> None:
        """Wait until the relay answers. Raises SandboxError."""
        try:
            with anyio.fail_after(self.config.startup_timeout):
                await self._channel.greeting()
        except TimeoutError as error:
            raise SandboxError(
                f"a container did not answer within {self.config.startup_timeout:g} s",
                hint="raise startup_timeout of the sandbox",
            ) from error

    async def fill(self) -> None:
        """Put what the instance needs into the working folder. Raises SandboxError."""
        if self.spec is None:
            return
        if needs_image(self.spec):
            await fill(self, self.config.working_dir)
        else:
            await write_files(self, self.spec)

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
            "env": {**self._environment(), **self.config.environment, **(env or {})},
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
        """The container went while a command ran: where the engine is well, that was the command.

        Raises:
            SandboxError: the engine is not.
        """
        await self.close()
        if await anyio.to_thread.run_sync(self._engine.running, self.id):
            raise error
        return ExecResult(137, "", "ended: the container ended with it (out of memory)")

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
        )

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": self.config.working_dir,
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            # one thread a library: a process's buffers count against its memory limit
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
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


class ContainerBackend(SandboxBackend):
    """What the backends of container engines share."""

    handles = frozenset({"image", "files", "setup", "packages"})
    enforces = frozenset(probe.name for probe in PROBES)
    engine: ClassVar[type[Engine]]

    def __init__(self, config: SandboxConfig) -> None:
        super().__init__(config)
        if config.kwargs:
            name = type(self).engine.name
            setting = next(iter(config.kwargs))
            raise UsageError(f"sandbox backend {name!r} takes no setting {setting!r}")
        self._engine = type(self).engine()
        self._connected = False

    async def start(self) -> None:
        await anyio.to_thread.run_sync(self._engine.connect)
        self._connected = True

    async def leases(self) -> list[Lease]:
        found = await anyio.to_thread.run_sync(self._engine.listed, lease.RUN)
        return [lease.described(container) for container in found]

    async def reap(self) -> list[str]:
        return await anyio.to_thread.run_sync(self._reap)

    def _reap(self) -> list[str]:
        found = self._engine.listed(lease.RUN)
        expired = [container.id for container in found if lease.expired(container.labels)]
        for container_id in expired:
            self._engine.remove(container_id)
        return expired

    async def prepare(self, run_id: str, spec: EnvironmentSpec | None) -> None:
        """Have the image, and make the one of ``spec`` where nobody has made it before."""
        base = self._base(spec)
        await anyio.to_thread.run_sync(self._fetch, base)
        if spec is None or not needs_image(spec):
            return
        name = await anyio.to_thread.run_sync(image_name, self._engine, base, self.config, spec)
        if await anyio.to_thread.run_sync(self._engine.has_image, name):
            return
        plan = evolve(
            self._plan(base, run_id),
            user="0:0",
            tmpfs={},
            read_only=False,
            confined=False,
            network="bridge" if self.config.setup_network else "none",
        )
        patient = evolve(self.config, command_timeout=self.config.setup_timeout)
        box = await self._open(plan, patient)
        try:
            folder = self.config.working_dir
            await make_image(self._engine, box, box.id, spec, name, folder)
        finally:
            await box.close()

    async def create(self, run_id: str, spec: EnvironmentSpec | None = None) -> ContainerSandbox:
        image = self._base(spec)
        made = spec is not None and needs_image(spec)
        if spec is not None and made:
            await self.prepare(run_id, spec)
            image = await anyio.to_thread.run_sync(
                image_name, self._engine, image, self.config, spec
            )
        box = await self._open(self._plan(image, run_id), self.config, spec)
        try:
            await box.fill()
        except BaseException:
            await box.close()
            raise
        return box

    def _base(self, spec: EnvironmentSpec | None) -> str:
        return (spec and spec.image) or self.config.image or _default_image()

    async def _open(
        self, plan: ContainerPlan, config: SandboxConfig, spec: EnvironmentSpec | None = None
    ) -> ContainerSandbox:
        with anyio.CancelScope(shield=True):  # what was created must be known to be removed
            container = await anyio.to_thread.run_sync(self._engine.open, plan)
        sandbox = ContainerSandbox(config, self._engine, container, spec)
        try:
            await sandbox.ready()
        except BaseException:
            await sandbox.close()
            raise
        return sandbox

    def _fetch(self, image: str) -> None:
        if not self._engine.has_image(image):
            self._engine.pull(image)

    def _plan(self, image: str, run_id: str) -> ContainerPlan:
        config, disk = self.config, parse_size(self.config.disk)
        writable = {config.working_dir: disk, "/tmp": disk, "/dev/shm": _SHARED_MEMORY}
        return ContainerPlan(
            image=image,
            command=bootstrap.command(list(writable), LIFETIME),
            labels=lease.labels(run_id, LIFETIME),
            memory=parse_size(config.memory),
            cpus=config.cpus,
            # and the relay, and a supervisor; those of more commands at once count as theirs
            pids=config.pids + 2,
            network="bridge" if config.network else "none",
            tmpfs=writable,
            working_dir=config.working_dir,
        )

    async def close(self) -> None:
        if self._connected:
            self._connected = False
            await anyio.to_thread.run_sync(self._engine.close)


def _default_image() -> str:
    return os.environ.get(IMAGE_VARIABLE, DEFAULT_IMAGE)


class DockerBackend(ContainerBackend):
    """Containers of a Docker daemon, found as Docker's own tools find it (DOCKER_HOST)."""

    engine = DockerEngine


class PodmanBackend(ContainerBackend):
    """Containers of a Podman service (CONTAINER_HOST, or the default socket)."""

    engine = PodmanEngine
