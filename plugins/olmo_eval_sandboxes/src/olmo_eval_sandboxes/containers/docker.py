"""Docker through its Python SDK. The engine is found as the SDK finds it: DOCKER_HOST, contexts."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from olmo_eval.sandbox import SandboxError
from olmo_eval_sandboxes.common.engine import Container, ContainerPlan, End, Listed
from olmo_eval_sandboxes.common.extras import sdk
from olmo_eval_sandboxes.containers.engine import Image, end_of, variables_of

#: seconds that one request to the engine may take
_TIMEOUT = 60
#: Docker's own default forbids to run programs from there. The owner matters where the image has
#: the folder: runc gives the mount the mode of what it hides, whatever is asked for
_TMPFS = "rw,exec,nosuid,nodev,mode=1777"
_NOT_FOUND = 404
_CONFLICT = 409
#: seconds that a removal which is under way may take, and between looks
_REMOVED = 10.0
_PAUSE = 0.1


class DockerEngine:
    """Containers of a Docker daemon."""

    name = "docker"
    sdk = "Docker's Python SDK"

    def __init__(self) -> None:
        self._client: Any = None

    def connect(self) -> None:
        docker = sdk(self.name, self.sdk)
        with _explained("cannot be reached"):
            self._client = docker.from_env(timeout=_TIMEOUT)
            self._client.ping()

    def open(self, plan: ContainerPlan) -> Container:
        with _explained("could not make a container"):
            container = self._client.containers.create(
                plan.image, list(plan.command), **_wish(plan)
            )
        try:
            with _explained("could not start a container"):
                wanted = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
                attached = container.attach_socket(params=wanted)
                container.start()
        except BaseException:
            self.remove(container.id)
            raise
        return Container(container.id, _own(attached))

    def remove(self, container_id: str) -> None:
        from docker.errors import APIError

        try:
            with _explained("could not remove a container"):
                self._client.api.remove_container(container_id, force=True, v=True)
        except SandboxError as error:
            cause = error.__cause__
            status = cause.status_code if isinstance(cause, APIError) else None
            if status not in (_NOT_FOUND, _CONFLICT):
                raise
            if status == _CONFLICT:  # it ended by itself just now, and is being removed
                self._wait_until_gone(container_id)

    def _wait_until_gone(self, container_id: str) -> None:
        from docker.errors import NotFound

        deadline = time.monotonic() + _REMOVED
        with _explained("does not answer"), contextlib.suppress(NotFound):
            while time.monotonic() < deadline:
                self._client.api.inspect_container(container_id)
                time.sleep(_PAUSE)

    def end_of(self, container_id: str) -> End | None:
        return end_of(self, container_id)

    def running(self, container_id: str) -> bool:
        from docker.errors import NotFound

        with _explained("does not answer"):
            try:
                state = self._client.api.inspect_container(container_id)["State"]
            except NotFound:
                return False
        return bool(state["Running"])

    def listed(self, label: str) -> list[Listed]:
        with _explained("does not answer"):
            found = self._client.api.containers(all=True, filters={"label": label})
        return [Listed(c["Id"], c.get("Labels") or {}) for c in found]

    def has_image(self, name: str) -> bool:
        from docker.errors import ImageNotFound

        with _explained("does not answer"):
            try:
                self._client.images.get(name)
            except ImageNotFound:
                return False
        return True

    def pull(self, name: str) -> None:
        with _explained(f"could not fetch the image {name}"):
            self._client.images.pull(name)

    def image_id(self, name: str) -> str:
        with _explained("does not answer"):
            return str(self._client.images.get(name).id)

    def variables(self, name: str) -> dict[str, str]:
        with _explained("does not answer"):
            return variables_of(self._client.images.get(name).attrs)

    def images(self, label: str) -> list[Image]:
        with _explained("does not answer"):
            found = self._client.api.images(filters={"label": label})
        return [
            Image(name, int(image["Size"]), float(image["Created"]))
            for image in found
            for name in image["RepoTags"] or ()
        ]

    def remove_image(self, name: str) -> None:
        from docker.errors import ImageNotFound

        with _explained(f"could not remove the image {name}"), contextlib.suppress(ImageNotFound):
            self._client.images.remove(name)

    def commit(self, container_id: str, name: str, labels: Mapping[str, str]) -> None:
        repository, _, tag = name.rpartition(":")
        changes = [f"LABEL {key}={value}" for key, value in labels.items()]
        with _explained("could not keep an image"):
            container = self._client.containers.get(container_id)
            container.commit(repository, tag, changes=changes)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def _wish(plan: ContainerPlan) -> dict[str, Any]:
    """What the SDK is asked for. ``none`` as log driver: replies are no log."""
    from docker.types import LogConfig, Mount

    confinement: dict[str, Any] = {}
    if plan.confined:
        confinement = {"cap_drop": ["ALL"], "security_opt": ["no-new-privileges"]}
    owner = "".join(
        f",{kind}={number}"
        for kind, number in zip(("uid", "gid"), plan.user.split(":"), strict=False)
        if number.isdecimal()
    )
    mounts = [
        Mount(one.target, one.source, type="bind", read_only=one.read_only) for one in plan.mounts
    ]
    return {
        **plan.wishes(),
        "mounts": mounts,
        "labels": dict(plan.labels),
        "user": plan.user,
        "working_dir": plan.working_dir,
        "stdin_open": True,
        "tty": False,
        "network_mode": plan.network,
        "mem_limit": plan.memory,
        "memswap_limit": plan.memory,
        "nano_cpus": round(plan.cpus * 1e9),
        "pids_limit": plan.pids,
        "read_only": plan.read_only,
        "tmpfs": {path: f"{_TMPFS},size={size}{owner}" for path, size in plan.tmpfs.items()},
        "auto_remove": True,
        "log_config": LogConfig(type="none"),
        "ipc_mode": "private",
        **confinement,
    }


def _own(attached: Any) -> socket.socket:
    """The socket below the SDK's file object, which is kept from closing it."""
    below: socket.socket = getattr(attached, "_sock", attached)
    return below.dup() if hasattr(below, "dup") else below


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Errors of the SDK as errors of the environment."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except (DockerException, RequestException, OSError) as error:
        raise SandboxError(
            f"Docker {what}: {_short(error)}",
            hint="is the daemon running, and DOCKER_HOST right? `docker info` tells",
        ) from error


def _short(error: Exception) -> str:
    explanation = getattr(error, "explanation", None)
    return " ".join(str(explanation or error).split())[:300]
