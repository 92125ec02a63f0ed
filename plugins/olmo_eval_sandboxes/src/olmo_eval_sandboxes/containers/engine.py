"""What is wanted of a container engine on this machine: containers, and images made of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol

from attrs import frozen

from olmo_eval_sandboxes.common.engine import End, Engine


@frozen
class Image:
    """An image that an engine has: ``size`` in bytes, ``created`` in seconds since 1970."""

    name: str
    size: int
    created: float


class ImageEngine(Engine, Protocol):
    """A container engine that keeps images."""

    name: str
    #: what its SDK is called
    sdk: str

    def running(self, container_id: str) -> bool:
        """Whether a container runs."""

    def has_image(self, name: str) -> bool:
        """Whether the engine has an image, without asking a registry."""

    def pull(self, name: str) -> None:
        """Fetch an image from its registry. Raises SandboxError."""

    def image_id(self, name: str) -> str:
        """The content identifier of an image that the engine has."""

    def variables(self, name: str) -> dict[str, str]:
        """The variables that an image says are set."""

    def images(self, label: str) -> list[Image]:
        """Every image with a label of that name."""

    def remove_image(self, name: str) -> None:
        """Remove an image that no container uses; one that is not there is removed already.
        Raises SandboxError."""

    def commit(self, container_id: str, name: str, labels: Mapping[str, str]) -> None:
        """Keep the file system of a container as an image."""


def variables_of(image: Mapping[str, Any]) -> dict[str, str]:
    """The variables in what an engine tells of an image."""
    told = (image.get("Config") or {}).get("Env") or ()
    return dict(text.partition("=")[::2] for text in told)


#: seconds that an engine may take to notice that a container has ended, and between looks
_NOTICED = 3.0
_PAUSE = 0.05


def end_of(engine: ImageEngine, container_id: str) -> End | None:
    """What ended a container whose stream has ended: a program in it, unless it runs on."""
    deadline = time.monotonic() + _NOTICED
    while engine.running(container_id):
        if time.monotonic() > deadline:
            return None
        time.sleep(_PAUSE)
    return End("the container ended with it (out of memory)", limit="memory")
