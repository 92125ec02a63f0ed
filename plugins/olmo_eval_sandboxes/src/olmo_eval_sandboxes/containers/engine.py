"""What is wanted of a container engine; every method blocks, and is called in a thread."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Protocol

from attrs import field, frozen


@frozen
class ContainerPlan:
    """One container, as any engine makes it: memory and file systems in bytes, ``cpus`` in cores.

    ``tmpfs`` are the writable file systems by path, with their sizes. ``network`` is ``none`` or
    the name of one of the engine's.
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


@frozen
class Container:
    """A container that runs, and the stream to its first process.

    What the process prints arrives in frames of the engine's attach protocol, which Docker and
    Podman share: a byte that names the stream, three zeros, and the length in four bytes.
    """

    id: str
    stream: socket.socket


@frozen
class Listed:
    """A container that an engine knows, running or not."""

    id: str
    labels: Mapping[str, str]
    running: bool


class Engine(Protocol):
    """A container engine."""

    name: str

    def connect(self) -> None:
        """Find the engine. Raises SandboxError with the way out."""

    def open(self, plan: ContainerPlan) -> Container:
        """Create a container, attach to it, start it.

        Raises:
            SandboxError: the engine cannot.
        """

    def remove(self, container_id: str) -> None:
        """End a container at once and delete it; nothing happens where it is gone."""

    def running(self, container_id: str) -> bool:
        """Whether a container runs."""

    def listed(self, label: str) -> list[Listed]:
        """Every container with a label of that name."""

    def has_image(self, name: str) -> bool:
        """Whether the engine has an image, without asking a registry."""

    def pull(self, name: str) -> None:
        """Fetch an image from its registry. Raises SandboxError."""

    def image_id(self, name: str) -> str:
        """The content identifier of an image that the engine has."""

    def commit(self, container_id: str, name: str, labels: Mapping[str, str]) -> None:
        """Keep the file system of a container as an image."""

    def close(self) -> None:
        """Give the connection back."""
