"""What is wanted of whoever runs containers; every method blocks, and is called in a thread."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Protocol

from attrs import field, frozen


@frozen
class Mount:
    """A folder or file of the machine that a container sees at ``target``."""

    source: str
    target: str
    read_only: bool = True


@frozen
class ContainerPlan:
    """One container, as any engine makes it: memory and file systems in bytes, ``cpus`` in cores.

    ``command`` is the relay's. ``tmpfs`` are the writable file systems by path, with their sizes.
    ``network`` is ``none`` or the name of one of the engine's. What follows ``mounts`` is what
    ``docker_args`` may open.
    """

    image: str
    command: tuple[str, ...]
    labels: Mapping[str, str]
    memory: int
    cpus: float
    pids: int
    network: str = "none"
    user: str = "65534:65534"
    working_dir: str = "/"
    tmpfs: Mapping[str, int] = field(factory=dict)
    read_only: bool = True
    confined: bool = True
    mounts: tuple[Mount, ...] = ()
    hosts: Mapping[str, str] = field(factory=dict)
    hostname: str | None = None
    capabilities: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    privileged: bool = False

    def wishes(self) -> dict[str, object]:
        """What of it both SDKs take under one name, where it is wanted at all."""
        wanted: dict[str, object] = {
            "extra_hosts": dict(self.hosts),
            "hostname": self.hostname,
            "cap_add": list(self.capabilities),
            "devices": list(self.devices),
            "privileged": self.privileged,
        }
        return {name: value for name, value in wanted.items() if value}


@frozen
class Container:
    """A container that runs, and the stream to its relay.

    What the relay prints arrives in frames of Docker's attach protocol: a byte that names the
    stream, three zeros, and the length in four bytes (big-endian).
    """

    id: str
    stream: socket.socket


@frozen
class End:
    """How programs ended their environment: ``limit`` is that of ``ExecResult``."""

    why: str
    limit: str | None = None


#: programs have the relay's user id
KILLED = End("it killed the process that runs its commands")


@frozen
class Listed:
    """A container that an engine knows, running or not."""

    id: str
    labels: Mapping[str, str]


class Engine(Protocol):
    """Whoever runs containers."""

    def connect(self) -> None:
        """Find the engine. Raises SandboxError with the way out."""

    def open(self, plan: ContainerPlan) -> Container:
        """Start a container and its relay, and attach to that.

        Raises:
            SandboxError: the engine cannot.
        """

    def remove(self, container_id: str) -> None:
        """End a container at once and delete it; nothing happens where it is gone."""

    def end_of(self, container_id: str) -> End | None:
        """What ended the relay of a container whose stream has ended, where programs in it did.

        None where it runs on and only the way to it is lost.

        Raises:
            SandboxError: something else ended it, or the engine does not answer.
        """

    def listed(self, label: str) -> list[Listed]:
        """Every container with a label of that name."""

    def close(self) -> None:
        """Give the connection back."""
