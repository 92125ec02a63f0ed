"""How environments that are containers are made, whoever runs the containers."""

from __future__ import annotations

import os

import anyio
import anyio.to_thread
from attrs import evolve

from olmo_eval.sandbox import EnvironmentSpec, SandboxBackend, SandboxConfig, parse_size
from olmo_eval.sandbox.backend import Lease
from olmo_eval.sandbox.probes import PROBES
from olmo_eval_sandboxes.common import lease
from olmo_eval_sandboxes.common.engine import ContainerPlan, Engine
from olmo_eval_sandboxes.common.sandbox import NO_LIMIT, ContainerSandbox, Fill
from olmo_eval_sandboxes.inside import bootstrap

_SHARED_MEMORY = 16 << 20
#: user ids that no account has, for environments whose programs share a kernel's count of them
USERS = range(20_000, 60_000)
#: environments at once of a cloud, where a configuration does not say
MOST = 16
IMAGE_VARIABLE = "OLMO_EVAL_SANDBOX_IMAGE"
DEFAULT_IMAGE = "docker.io/library/python:3.12-slim"


def default_image() -> str:
    return os.environ.get(IMAGE_VARIABLE, DEFAULT_IMAGE)


def in_vain(config: SandboxConfig, backend: str) -> list[str]:
    """Settings of ``config`` that only container engines of this machine can honour."""
    return [
        f"sandbox backend {backend!r} cannot honour {name}: take it out"
        for name in ("volumes", "docker_args")
        if getattr(config, name)
    ]


def for_spec(config: SandboxConfig, spec: EnvironmentSpec | None) -> SandboxConfig:
    """``config`` with the working folder and the variables that ``spec`` wants."""
    if spec is None or not (spec.working_dir or spec.variables):
        return config
    return evolve(
        config,
        working_dir=spec.working_dir or config.working_dir,
        environment={**config.environment, **spec.variables},
    )


class RelayBackend(SandboxBackend):
    """A container an environment, with a relay in it."""

    enforces = frozenset(probe.name for probe in PROBES)

    def __init__(self, config: SandboxConfig, engine: Engine) -> None:
        super().__init__(config)
        self._engine = engine
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

    async def close(self) -> None:
        if self._connected:
            self._connected = False
            await anyio.to_thread.run_sync(self._engine.close)

    async def open(
        self,
        plan: ContainerPlan,
        config: SandboxConfig,
        fill: Fill | None = None,
        user_processes: int = NO_LIMIT,
        reusable: bool = True,
    ) -> ContainerSandbox:
        """A container of ``plan``, filled. Raises SandboxError."""
        with anyio.CancelScope(shield=True):  # what was created must be known to be removed
            container = await anyio.to_thread.run_sync(self._engine.open, plan)
        sandbox = ContainerSandbox(
            config, self._engine, container, fill, user_processes, reusable=reusable
        )
        try:
            await sandbox.ready()
            await sandbox.fill()
        except BaseException:
            await sandbox.close()
            raise
        return sandbox

    def plan(
        self,
        image: str,
        run_id: str,
        relay: bootstrap.Settings | None = None,
        spec: EnvironmentSpec | None = None,
    ) -> ContainerPlan:
        """A container of ``image`` as the configuration and ``spec`` want it."""
        config = for_spec(self.config, spec)
        writable = self.writable(spec)
        relay = relay or bootstrap.Settings(tuple(writable), config.runtime_timeout)
        return ContainerPlan(
            image=image,
            command=bootstrap.command(relay),
            labels=lease.labels(run_id, config.runtime_timeout),
            memory=parse_size(config.memory),
            cpus=config.cpus,
            # and the relay, the nursery and a supervisor; those of more commands at once count as
            # theirs
            pids=config.pids + 3,
            network="bridge" if config.network else "none",
            tmpfs=writable,
            working_dir=config.working_dir,
        )

    def writable(self, spec: EnvironmentSpec | None = None) -> dict[str, int]:
        """The folders that programs may write to, with their sizes in bytes."""
        disk = parse_size(self.config.disk)
        own = for_spec(self.config, spec).working_dir
        others = dict.fromkeys(spec.writable if spec is not None else (), disk)
        return {own: disk, **others, "/tmp": disk, "/dev/shm": _SHARED_MEMORY}
