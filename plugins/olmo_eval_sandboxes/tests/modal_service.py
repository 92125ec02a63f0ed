"""A service that speaks Modal's protocol on loopback, to the real SDK; sandboxes are containers.

It is the server of which OLMO_EVAL_MODAL_SERVER names the script, with what that lacks: images are
built (by Docker), sandboxes are started from them, and root in them has the rights that root of a
container has by default, as in Modal's; sandboxes are listed with their tags. ``python
modal_service.py`` starts it and prints the variables that the SDK wants.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCRIPT = "OLMO_EVAL_MODAL_SERVER"
#: images of this process alone, which removes them when it ends
REPOSITORY = f"localhost/olmo-eval-modal-{os.getpid()}"


def why_not() -> str:
    """Why it cannot be started here; empty where it can."""
    if not os.environ.get(SCRIPT):
        return f"{SCRIPT} names no script of a Modal server"
    if importlib.util.find_spec("modal") is None:
        return "modal is not installed"
    return ""


def _script() -> Any:
    spec = importlib.util.spec_from_file_location("modal_server", os.environ[SCRIPT])
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def service() -> Any:
    """The server, which is an asynchronous context manager."""
    from grpclib.server import Server
    from modal_proto import api_pb2 as api

    base = _script()

    class Containers(base.DockerBackend):  # type: ignore[misc,name-defined]
        async def create(self, wanted: Any) -> str:
            kinds = api.NetworkAccess.NetworkAccessType
            blocked = wanted.network_access.network_access_type == kinds.BLOCKED
            options = ["--network", "none" if blocked else "bridge", "--pids-limit", "256"]
            options += ["--memory", f"{wanted.resources.memory_mb_max}m"]
            options += ["--cpus", str(wanted.resources.milli_cpu_max / 1000)]
            image = f"{REPOSITORY}:{wanted.image_id.removeprefix('im-')}"
            made: str = await self._run(
                "run", "-d", "--init", *options, image, *wanted.entrypoint_args
            )
            return made

    class Control(base.Control):  # type: ignore[misc,name-defined]
        def __init__(self, fake: Any) -> None:
            super().__init__(fake)
            self.logs: dict[str, str] = {}
            self.built: dict[str, bool] = {}
            self.tags: dict[str, Any] = {}

        @base.unary  # type: ignore[untyped-decorator]
        async def ImageGetOrCreate(self, request: Any) -> Any:
            bases = {
                b.docker_tag: b.image_id.removeprefix("im-") for b in request.image.base_images
            }
            lines = list(request.image.dockerfile_commands)
            name = lines[0].removeprefix("FROM ")
            if name in bases:
                lines[0] = f"FROM {REPOSITORY}:{bases[name]}"
            text = "\n".join(lines)
            digest = hashlib.sha256(text.encode()).hexdigest()[:24]
            if digest not in self.built:
                self.fake.images.append(lines)
                self.built[digest] = await self._build(digest, text)
            status = "SUCCESS" if self.built[digest] else "FAILURE"
            result = api.GenericResult(
                status=getattr(api.GenericResult, f"GENERIC_STATUS_{status}")
            )
            return api.ImageGetOrCreateResponse(
                image_id=f"im-{digest}",
                result=result,
                metadata=api.ImageMetadata(image_builder_version="2025.06"),
            )

        async def _build(self, digest: str, text: str) -> bool:
            argv = ["docker", "build", "-t", f"{REPOSITORY}:{digest}", "-"]
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, "DOCKER_BUILDKIT": "0"},
            )
            said, _ = await process.communicate(text.encode())
            self.logs[digest] = said.decode()
            return process.returncode == 0

        @base.unary  # type: ignore[untyped-decorator]
        async def ImageBuildChainGet(self, request: Any) -> Any:
            step = api.ImageBuildStep(
                image_id=request.image_id,
                builder_app_id="ap-builder",
                builder_task_id=request.image_id.removeprefix("im-"),
            )
            step.started_at.GetCurrentTime()
            step.finished_at.GetCurrentTime()
            return api.ImageBuildChainGetResponse(build_steps=[step])

        @base.unary  # type: ignore[untyped-decorator]
        async def AppFetchLogs(self, request: Any) -> Any:
            lines = self.logs[request.task_id].splitlines(keepends=True)[-request.limit :]
            items = [api.TaskLogs(data=line) for line in lines]
            return api.AppFetchLogsResponse(batches=[api.TaskLogsBatch(items=items)])

        async def SandboxCreateV2(self, stream: Any) -> None:
            class Reading:
                """The stream, whose request and reply are seen on their way."""

                async def recv_message(_self) -> Any:
                    _self.request = await stream.recv_message()
                    return _self.request

                async def send_message(_self, reply: Any) -> None:
                    self.tags[reply.sandbox_id] = list(_self.request.tags)
                    await stream.send_message(reply)

            await super().SandboxCreateV2(Reading())

        @base.unary  # type: ignore[untyped-decorator]
        async def SandboxListV2(self, request: Any) -> Any:
            live = [] if request.before_timestamp else [
                api.SandboxInfo(id=box, app_id=request.app_id, created_at=1.0, tags=tags)
                for box, tags in self.tags.items()
                if self.fake.boxes[box] in self.fake.live
            ]  # fmt: skip
            return api.SandboxListResponse(sandboxes=live)

        @base.unary  # type: ignore[untyped-decorator]
        async def SandboxTagsGetV2(self, request: Any) -> Any:
            return api.SandboxTagsGetResponse(tags=self.tags[request.sandbox_id])

    class Service(base.FakeModal):  # type: ignore[misc,name-defined]
        async def __aenter__(self) -> Any:
            import socket

            listener = socket.socket()
            listener.bind(("127.0.0.1", self.port))
            self.port = listener.getsockname()[1]
            self.url = f"http://127.0.0.1:{self.port}"
            self.server = Server([Control(self), base.Router(self)])
            await self.server.start(sock=listener)
            return self

    return Service(Containers("unused"))


async def serve() -> None:
    async with service() as running:
        print(json.dumps(running.env()), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def _remove_images() -> None:
    listing = ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}", REPOSITORY]
    built = subprocess.run(listing, stdout=subprocess.PIPE, text=True).stdout.split()
    if built:
        subprocess.run(["docker", "rmi", *built], stdout=subprocess.DEVNULL)


@contextmanager
def started() -> Iterator[dict[str, str]]:
    """The service in a process of its own; the variables that the SDK wants."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.stdin.close()  # it then ends its sandboxes, and itself
        process.wait(60)
        process.stdout.close()


if __name__ == "__main__":
    asyncio.run(serve())
    _remove_images()
