"""The backends of container engines on this machine."""

from __future__ import annotations

from typing import ClassVar

import anyio.to_thread
from attrs import evolve

from olmo_eval.errors import OlmoEvalError
from olmo_eval.sandbox import EnvironmentSpec, SandboxConfig, SandboxError, parse_size
from olmo_eval.sandbox.backend import BuiltImage
from olmo_eval_sandboxes.common.backend import (
    IMAGE_VARIABLE,
    RelayBackend,
    default_image,
    for_spec,
)
from olmo_eval_sandboxes.common.engine import ContainerPlan
from olmo_eval_sandboxes.common.extras import refusal, sdk
from olmo_eval_sandboxes.common.furnishing import filling, needs_image
from olmo_eval_sandboxes.common.sandbox import ContainerSandbox
from olmo_eval_sandboxes.containers import arguments
from olmo_eval_sandboxes.containers.docker import DockerEngine
from olmo_eval_sandboxes.containers.engine import ImageEngine
from olmo_eval_sandboxes.containers.environments import LABEL, building, image_name, make_image
from olmo_eval_sandboxes.containers.podman import PodmanEngine

#: what root of an environment may do in it: own files, and become another user
_ROOTS = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID")
#: what packages and set-up commands may use, before anything a model wrote is there
_BUILD_MEMORY, _BUILD_DISK, _BUILD_PIDS = "4g", "16g", 1024


class ContainerBackend(RelayBackend):
    """What the backends of container engines share."""

    automatic = True
    handles = frozenset(
        {"image", "files", "setup", "packages", "working_dir", "variables", "writable", "root"}
    )
    engine: ClassVar[type[ImageEngine]]

    @classmethod
    def refusals(cls, config: SandboxConfig) -> list[str]:
        name = cls.engine.name
        found = [f"sandbox backend {name!r} takes no setting {one!r}" for one in config.kwargs]
        found += arguments.refusals(config)
        try:
            sdk(name, cls.engine.sdk)
        except OlmoEvalError as error:
            found.append(refusal(name, error))
        return found

    def __init__(self, config: SandboxConfig) -> None:
        self._images = type(self).engine()
        super().__init__(arguments.settled(config), self._images)

    async def images(self) -> list[BuiltImage]:
        found = await anyio.to_thread.run_sync(self._images.images, LABEL)
        return [BuiltImage(image.name, image.size, image.created) for image in found]

    async def remove_image(self, name: str) -> None:
        await anyio.to_thread.run_sync(self._images.remove_image, name)

    async def prepare(self, run_id: str, spec: EnvironmentSpec | None) -> None:
        """Have the image, and make the one of ``spec`` where nobody has made it before."""
        base = self._base(spec)
        await anyio.to_thread.run_sync(self._fetch, base)
        if spec is None or not needs_image(spec):
            return
        name = await anyio.to_thread.run_sync(image_name, self._images, base, self.config, spec)
        async with building(name):
            if not await anyio.to_thread.run_sync(self._images.has_image, name):
                await self._build(run_id, base, spec, name)

    async def _build(self, run_id: str, base: str, spec: EnvironmentSpec, name: str) -> None:
        """Make the image ``name`` of ``spec`` on top of ``base``, as root. Raises SetupError."""
        config = evolve(
            for_spec(self.config, spec),
            command_timeout=self.config.setup_timeout,
            memory=_BUILD_MEMORY,
            disk=_BUILD_DISK,
        )
        plan = evolve(
            self._planned(base, run_id, spec),
            capabilities=(),
            working_dir="/",
            memory=parse_size(_BUILD_MEMORY),
            pids=_BUILD_PIDS,
            user="0:0",
            tmpfs={},
            read_only=False,
            confined=False,
            network="bridge" if self.config.setup_network else "none",
        )
        box = await self.open(plan, config)
        try:
            await make_image(self._images, box, box.id, spec, name, config.working_dir)
        finally:
            await box.close()

    async def create(self, run_id: str, spec: EnvironmentSpec | None = None) -> ContainerSandbox:
        image, config = self._base(spec), for_spec(self.config, spec)
        if spec is not None and needs_image(spec):
            await self.prepare(run_id, spec)
            image = await anyio.to_thread.run_sync(
                image_name, self._images, image, self.config, spec
            )
        if spec is not None and spec.image is not None:
            known = await anyio.to_thread.run_sync(self._images.variables, image)
            config = evolve(config, environment={**known, **config.environment})
        root = spec is not None and spec.root
        plan = self._planned(image, run_id, spec)
        return await self.open(plan, config, filling(spec, config), reusable=not root)

    def _planned(self, image: str, run_id: str, spec: EnvironmentSpec | None) -> ContainerPlan:
        plan = self.plan(image, run_id, spec=spec)
        if spec is not None and spec.root:
            shared = {"/dev/shm": plan.tmpfs["/dev/shm"]}
            plan = evolve(
                plan,
                user="0:0",
                read_only=False,
                tmpfs=shared,
                capabilities=_ROOTS,
                working_dir="/",
            )
        return arguments.planned(self.config, plan)

    def _base(self, spec: EnvironmentSpec | None) -> str:
        return (spec and spec.image) or self.config.image or default_image()

    def _fetch(self, image: str) -> None:
        """Have the engine fetch an image, as ``image_pull`` says.

        Raises:
            SandboxError: it is not there afterwards; Podman's SDK does not say so by itself.
        """
        there = self._images.has_image(image)
        when = self.config.image_pull
        reason = f"{self.engine.name.capitalize()} has no image {image}"
        if when == "always" or (when == "missing" and not there):
            reason = f"{self.engine.name.capitalize()} could not fetch the image {image}"
            try:
                self._images.pull(image)
                there = self._images.has_image(image)
            except SandboxError as error:
                there, reason = False, error.message
        if not there:
            raise SandboxError(
                reason,
                hint=f"name one that is there (-o sandboxes.0.image=NAME, or {IMAGE_VARIABLE}), "
                "or fetch it by hand",
            )


class DockerBackend(ContainerBackend):
    """Containers of a Docker daemon, found as Docker's own tools find it (DOCKER_HOST)."""

    engine = DockerEngine


class PodmanBackend(ContainerBackend):
    """Containers of a Podman service (CONTAINER_HOST, or the default socket)."""

    engine = PodmanEngine
