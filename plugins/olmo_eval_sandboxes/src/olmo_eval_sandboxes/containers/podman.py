"""Podman through its Python SDK, and the service at CONTAINER_HOST or at the default socket."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from olmo_eval.sandbox import SandboxError
from olmo_eval_sandboxes.common.engine import Container, ContainerPlan, End, Listed, Mount
from olmo_eval_sandboxes.common.extras import sdk
from olmo_eval_sandboxes.containers.engine import Image, end_of, variables_of

_TIMEOUT = 60
_CPU_PERIOD = 100_000  # microseconds
_NOT_FOUND = 404
_REMOVALS = 20
_PAUSE = 0.1  # seconds between them
_UPGRADED = (b"101", b"200")


class PodmanEngine:
    """Containers of a Podman service."""

    name = "podman"
    sdk = "Podman's Python SDK"

    def __init__(self) -> None:
        self._client: Any = None
        self._url = ""

    def connect(self) -> None:
        podman = sdk(self.name, self.sdk)
        self._url = _service()
        with _explained("cannot be reached"):
            self._client = podman.PodmanClient(base_url=self._url, timeout=_TIMEOUT)
            self._client.ping()

    def open(self, plan: ContainerPlan) -> Container:
        with _explained("could not make a container"):
            container = self._client.containers.create(
                plan.image, list(plan.command), **_wish(plan)
            )
        try:
            with _explained("could not start a container"):
                container.init()
                stream = self._attach(container.id)
                container.start()
        except BaseException:
            self.remove(container.id)
            raise
        return Container(container.id, stream)

    def _attach(self, container_id: str) -> socket.socket:
        """The SDK has no attach: its request, and the connection that the service turns over."""
        stream = _connected(self._url)
        wanted = "stdin=true&stdout=true&stderr=true&stream=true"
        request = (
            f"POST /v4.0.0/libpod/containers/{container_id}/attach?{wanted} HTTP/1.1\r\n"
            "Host: podman\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n"
        )
        try:
            stream.sendall(request.encode())
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                byte = stream.recv(1)
                if not byte:
                    break
                head += byte
            if head.split(b" ", 2)[1:2] and head.split(b" ", 2)[1] in _UPGRADED:
                return stream
            raise OSError(f"attaching was answered {head[:100]!r}")
        except BaseException:
            stream.close()
            raise

    def remove(self, container_id: str) -> None:
        """Podman refuses to remove a container that is just about to end by itself: try again."""
        options = {"force": True, "v": True, "timeout": 0}
        with _explained("could not remove a container"):
            for _attempt in range(_REMOVALS):
                response = self._client.api.delete(f"/containers/{container_id}", params=options)
                if response.ok or response.status_code == _NOT_FOUND:
                    return
                time.sleep(_PAUSE)
            response.raise_for_status()

    def end_of(self, container_id: str) -> End | None:
        return end_of(self, container_id)

    def running(self, container_id: str) -> bool:
        with _explained("does not answer"):
            response = self._client.api.get(f"/containers/{container_id}/json")
            if response.status_code == _NOT_FOUND:
                return False
            response.raise_for_status()
            return bool(response.json()["State"]["Running"])

    def listed(self, label: str) -> list[Listed]:
        with _explained("does not answer"):
            found = self._client.containers.list(all=True, filters={"label": label})
            return [Listed(c.id, c.attrs.get("Labels") or {}) for c in found]

    def has_image(self, name: str) -> bool:
        with _explained("does not answer"):
            return bool(self._client.images.exists(name))

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
            response = self._client.api.get(
                "/images/json", params={"filters": json.dumps({"label": [label]})}
            )
            response.raise_for_status()
            return [
                Image(name, int(image["Size"]), float(image["Created"]))
                for image in response.json()
                for name in image.get("RepoTags") or ()
            ]

    def remove_image(self, name: str) -> None:
        from podman.errors import ImageNotFound

        with _explained(f"could not remove the image {name}"), suppress(ImageNotFound):
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
    """What the SDK is asked for. It takes ``security_opt`` and ignores it, and has no ``tmpfs``."""
    confinement: dict[str, Any] = {}
    if plan.confined:
        confinement = {"cap_drop": ["ALL"], "no_new_privileges": True}
    return {
        "labels": dict(plan.labels),
        "user": plan.user,
        "working_dir": plan.working_dir,
        "stdin_open": True,
        "tty": False,
        "network_mode": plan.network,
        "mem_limit": plan.memory,
        "memswap_limit": plan.memory,
        "cpu_period": _CPU_PERIOD,
        "cpu_quota": round(plan.cpus * _CPU_PERIOD),
        "pids_limit": plan.pids,
        "read_only": plan.read_only,
        "read_write_tmpfs": False,
        **plan.wishes(),
        "mounts": [
            *(_tmpfs(path, size) for path, size in plan.tmpfs.items()),
            *(_bound(mount) for mount in plan.mounts),
        ],
        "remove": True,
        "log_config": {"Type": "none"},
        **confinement,
    }


def _tmpfs(path: str, size: int) -> dict[str, Any]:
    """A mount of the SDK, which leaves out every option but these two, and says nothing."""
    return {"type": "tmpfs", "source": "tmpfs", "target": path, "size": size, "mode": "1777"}


def _bound(mount: Mount) -> dict[str, Any]:
    return {
        "type": "bind",
        "source": mount.source,
        "target": mount.target,
        "read_only": mount.read_only,
    }


def _service() -> str:
    """The URL of the Podman service."""
    given = os.environ.get("CONTAINER_HOST")
    if given:
        return given
    folder = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    places = [Path("/run/podman/podman.sock")] if os.getuid() == 0 else []
    for place in (*places, Path(folder) / "podman" / "podman.sock"):
        if place.exists():
            return f"unix://{place}"
    raise SandboxError(
        "no Podman service was found",
        hint="start one: podman system service unix:///PATH, and set CONTAINER_HOST to it",
    )


def _connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    if parts.scheme in ("unix", "http+unix"):
        stream = socket.socket(socket.AF_UNIX)
        stream.settimeout(_TIMEOUT)
        stream.connect(parts.path)
        return stream
    if parts.scheme in ("tcp", "http"):
        return socket.create_connection((parts.hostname, parts.port), timeout=_TIMEOUT)
    raise SandboxError(
        f"the Podman service at {url} cannot be attached to",
        hint="CONTAINER_HOST=unix:///PATH or tcp://HOST:PORT; forward an ssh:// one to a socket",
    )


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Errors of the SDK as errors of the environment."""
    from podman.errors import PodmanError
    from requests.exceptions import RequestException

    try:
        yield
    except (PodmanError, RequestException, OSError) as error:
        raise SandboxError(
            f"Podman {what}: {' '.join(str(error).split())[:300]}",
            hint="is the service running, and CONTAINER_HOST right? `podman-remote info` tells",
        ) from error
