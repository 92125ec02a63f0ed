"""A Kubernetes API on loopback, for the real client: pods are containers of Docker.

It speaks what the backend uses and no more: pods (create, get, list, watch, delete), exec over a
WebSocket, network policies. A pod's specification becomes Docker's options field by field, and a
pod that no policy cuts off has a network, so that what the backend leaves out is missing here too.
It shows nothing of scheduling, of a real network plugin, of quotas and of admission.

``python kubernetes_service.py`` starts it and prints its address. ``/evict/NAME`` ends a pod as a
node that runs out of memory would; ``/enforce/no`` makes it a cluster that ignores policies.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TOKEN = "loopback-token"
_PODS = "/api/v1/namespaces/{namespace}/pods"
_POLICIES = "/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"
_LABEL = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")


def why_not() -> str:
    """Why it cannot be started here; empty where it can."""
    for module in ("kubernetes", "aiohttp"):
        if importlib.util.find_spec(module) is None:
            return f"{module} is not installed"
    return "" if shutil.which("docker") else "there is no docker command"


async def docker(*argv: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "docker", *argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await process.communicate()
    if process.returncode:
        raise RuntimeError(err.decode())
    return out.decode().strip()


class Cluster:
    """The pods and policies of all namespaces."""

    def __init__(self) -> None:
        self.pods: dict[tuple[str, str], dict[str, Any]] = {}
        self.policies: dict[tuple[str, str], dict[str, Any]] = {}
        self.enforces = True
        self.asked: set[tuple[str, str]] = set()
        self.version = 0
        self.changed = asyncio.Condition()
        self.tasks: set[asyncio.Task[None]] = set()

    def container(self, pod: dict[str, Any]) -> str:
        return f"pod-{pod['metadata']['uid']}"

    async def touch(self, pod: dict[str, Any]) -> None:
        async with self.changed:
            self.version += 1
            pod["metadata"]["resourceVersion"] = str(self.version)
            self.changed.notify_all()

    def cut_off(self, namespace: str, labels: dict[str, str]) -> bool:
        """Whether some policy leaves a pod no way in or out."""
        return self.enforces and any(
            where == namespace
            and policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
            and set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}
            and not policy["spec"].get("egress")
            and not policy["spec"].get("ingress")
            for (where, _name), policy in self.policies.items()
        )

    async def run(self, namespace: str, pod: dict[str, Any]) -> None:
        """What scheduler and node do."""
        spec = pod["spec"]
        container = spec["containers"][0]
        try:
            known = await docker("images", "-q", container["image"])
            if not known:
                raise RuntimeError(f"no image {container['image']}")
            options = self.options(namespace, pod)
            await docker("run", "-d", *options, container["image"], *container["command"][1:])
        except RuntimeError as error:
            self.say(pod, "Pending", waiting={"reason": "ErrImagePull", "message": str(error)})
            return await self.touch(pod)
        self.say(pod, "Running", running={"startedAt": "2026-01-01T00:00:00Z"})
        await self.touch(pod)
        with contextlib.suppress(RuntimeError, TimeoutError):
            async with asyncio.timeout(spec["activeDeadlineSeconds"]):
                code = int(await docker("wait", self.container(pod)))
                ended = await docker("inspect", "-f", "{{.State.OOMKilled}}", self.container(pod))
                reason = "OOMKilled" if ended == "true" else "Error" if code else "Completed"
                self.over(pod, reason, code)
        if pod["status"]["phase"] == "Running":
            self.over(pod, "DeadlineExceeded", 137)
        await self.touch(pod)

    def options(self, namespace: str, pod: dict[str, Any]) -> list[str]:
        spec, labels = pod["spec"], pod["metadata"]["labels"]
        container, security = spec["containers"][0], spec["securityContext"]
        limits, confined = container["resources"]["limits"], container["securityContext"]
        options = ["--name", self.container(pod), "--entrypoint", container["command"][0]]
        options += ["--user", f"{security['runAsUser']}:{security['runAsGroup']}"]
        options += ["--memory", limits["memory"], "--memory-swap", limits["memory"]]
        options += ["--cpus", limits["cpu"], "--workdir", container["workingDir"]]
        options += ["--network", "none" if self.cut_off(namespace, labels) else "bridge"]
        for capability in confined["capabilities"]["drop"]:
            options += ["--cap-drop", capability]
        if not confined["allowPrivilegeEscalation"]:
            options += ["--security-opt", "no-new-privileges"]
        if confined["readOnlyRootFilesystem"]:
            options += ["--read-only"]
        volumes = {volume["name"]: volume["emptyDir"] for volume in spec["volumes"]}
        for mount in container["volumeMounts"]:
            size = volumes[mount["name"]]["sizeLimit"]
            flags = f"rw,exec,nosuid,nodev,mode=1777,size={size}"
            options += ["--tmpfs", f"{mount['mountPath']}:{flags}"]
        return options

    def say(self, pod: dict[str, Any], phase: str, reason: str = "", **state: Any) -> None:
        statuses = [{"name": "environment", "state": state, "ready": True, "restartCount": 0,
                     "image": "", "imageID": ""}]  # fmt: skip
        pod["status"] = {"phase": phase, "containerStatuses": statuses}
        if reason:
            pod["status"]["reason"] = reason

    def over(self, pod: dict[str, Any], reason: str, code: int) -> None:
        if pod["status"].get("reason") != "Evicted":
            phase = "Failed" if code else "Succeeded"
            self.say(pod, phase, terminated={"exitCode": code, "reason": reason})

    async def remove(self, pod: dict[str, Any]) -> None:
        with contextlib.suppress(RuntimeError):
            await docker("rm", "-f", self.container(pod))

    async def close(self) -> None:
        await asyncio.gather(*map(self.remove, self.pods.values()))


def wrong(pod: dict[str, Any]) -> str:
    """What an API server would refuse of a pod."""
    for name, value in pod["metadata"]["labels"].items():
        if not _LABEL.fullmatch(value):
            return f"metadata.labels: Invalid value: {value!r} of {name}"
    security = pod["spec"]["securityContext"]
    if security["runAsNonRoot"] and security["runAsUser"] == 0:
        return "runAsUser: breaks non-root policy"
    return ""


def service() -> Any:
    """The API as an application of aiohttp."""
    from aiohttp import WSMsgType, web

    cluster = Cluster()

    def status(code: int, message: str) -> web.Response:
        body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
                "message": message}  # fmt: skip
        return web.json_response(body, status=code)

    @web.middleware
    async def guard(request: web.Request, handler: Any) -> Any:
        given = request.headers.get("Authorization")
        if request.path.startswith("/api") and given != f"Bearer {TOKEN}":
            return status(401, "Unauthorized")
        if request.path.startswith("/api"):
            cluster.asked.add(verb(request))
        return await handler(request)

    def verb(request: web.Request) -> tuple[str, str]:
        """What a role must allow for a request: a verb and a resource."""
        words = request.path.split("/namespaces/")[1].split("/")[1:]
        resource = "/".join(words[::2])
        if request.method == "GET" and len(words) == 1:
            return "watch" if request.query.get("watch") == "true" else "list", resource
        return {"POST": "create", "DELETE": "delete"}.get(request.method, "get"), resource

    async def tell_asked(request: web.Request) -> web.Response:
        return web.json_response(sorted(cluster.asked))

    def selected(request: web.Request) -> list[dict[str, Any]]:
        def wants(name: str) -> dict[str, str]:
            text = request.query.get(name, "")
            return dict(part.split("=", 1) for part in text.split(",") if part)

        namespace = request.match_info["namespace"]
        name = wants("fieldSelector").get("metadata.name")
        labels = wants("labelSelector").items()
        return [
            pod
            for (where, called), pod in cluster.pods.items()
            if where == namespace
            and name in (None, called)
            and labels <= pod["metadata"]["labels"].items()
        ]

    async def list_pods(request: web.Request) -> web.StreamResponse:
        if request.query.get("watch") != "true":
            head = {"kind": "PodList", "apiVersion": "v1"}
            version = {"resourceVersion": str(cluster.version)}
            return web.json_response({**head, "metadata": version, "items": selected(request)})
        reply = web.StreamResponse(headers={"Content-Type": "application/json"})
        await reply.prepare(request)
        seen: dict[str, str] = {}
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            async with asyncio.timeout(float(request.query["timeoutSeconds"])):
                while True:
                    for pod in selected(request):
                        name, version = pod["metadata"]["name"], pod["metadata"]["resourceVersion"]
                        if seen.get(name) != version:
                            kind = "MODIFIED" if name in seen else "ADDED"
                            seen[name] = version
                            line = json.dumps({"type": kind, "object": pod})
                            await reply.write(line.encode() + b"\n")
                    async with cluster.changed:
                        await cluster.changed.wait()
        return reply

    async def create_pod(request: web.Request) -> web.Response:
        pod = await request.json()
        namespace, name = request.match_info["namespace"], pod["metadata"]["name"]
        if (namespace, name) in cluster.pods:
            return status(409, f'pods "{name}" already exists')
        if why := wrong(pod):
            return status(422, why)
        cluster.version += 1
        pod["metadata"] |= {"uid": f"{id(pod):x}-{cluster.version}", "namespace": namespace}
        pod["metadata"]["resourceVersion"] = str(cluster.version)
        pod["status"] = {"phase": "Pending"}
        cluster.pods[namespace, name] = pod
        task = asyncio.create_task(cluster.run(namespace, pod))
        cluster.tasks.add(task)
        return web.json_response(pod, status=201)

    def find(request: web.Request) -> dict[str, Any] | None:
        return cluster.pods.get((request.match_info["namespace"], request.match_info["name"]))

    def missing(request: web.Request) -> web.Response:
        return status(404, f'pods "{request.match_info["name"]}" not found')

    async def get_pod(request: web.Request) -> web.Response:
        pod = find(request)
        return missing(request) if pod is None else web.json_response(pod)

    async def delete_pod(request: web.Request) -> web.Response:
        pod = find(request)
        if pod is None:
            return missing(request)
        del cluster.pods[request.match_info["namespace"], request.match_info["name"]]
        await cluster.remove(pod)
        return web.json_response(pod)

    async def evict(request: web.Request) -> web.Response:
        for (_namespace, name), pod in list(cluster.pods.items()):
            if name == request.match_info["name"]:
                over = {"exitCode": 137, "reason": "Error"}
                cluster.say(pod, "Failed", "Evicted", terminated=over)
                await docker("kill", cluster.container(pod))
                await cluster.touch(pod)
        return web.Response()

    async def enforce(request: web.Request) -> web.Response:
        cluster.enforces = request.match_info["what"] == "yes"
        return web.Response()

    async def exec_(request: web.Request) -> web.StreamResponse:
        pod = find(request)
        if pod is None:
            return missing(request)
        socket = web.WebSocketResponse(protocols=_PROTOCOLS, max_msg_size=0)
        await socket.prepare(request)
        argv = ["exec", "-i", cluster.container(pod), *request.query.getall("command")]
        process = await asyncio.create_subprocess_exec(
            "docker", *argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

        async def carry(channel: int, stream: asyncio.StreamReader) -> None:
            while chunk := await stream.read(1 << 16):
                await socket.send_bytes(bytes([channel]) + chunk)

        async def feed() -> None:
            stdin = process.stdin
            assert stdin is not None
            async for message in socket:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    if message.type is WSMsgType.BINARY and message.data[0] == 0:
                        stdin.write(message.data[1:])
                        await stdin.drain()
            stdin.close()

        assert process.stdout is not None and process.stderr is not None
        feeding = asyncio.create_task(feed())
        with contextlib.suppress(ConnectionResetError):
            await asyncio.gather(carry(1, process.stdout), carry(2, process.stderr))
            code = await process.wait()
            await socket.send_bytes(b"\3" + json.dumps(outcome(code)).encode())
            await socket.close()
        await feeding
        await process.wait()
        return socket

    async def policies(request: web.Request) -> web.Response:
        policy = await request.json()
        key = request.match_info["namespace"], policy["metadata"]["name"]
        if key in cluster.policies:
            return status(409, f'networkpolicies "{key[1]}" already exists')
        cluster.policies[key] = policy
        return web.json_response(policy, status=201)

    async def whole_life(app: web.Application) -> AsyncIterator[None]:
        yield
        await cluster.close()

    app = web.Application(middlewares=[guard])
    app.cleanup_ctx.append(whole_life)
    app.router.add_get(_PODS, list_pods)
    app.router.add_post(_PODS, create_pod)
    app.router.add_get(_PODS + "/{name}", get_pod)
    app.router.add_delete(_PODS + "/{name}", delete_pod)
    app.router.add_get(_PODS + "/{name}/exec", exec_)
    app.router.add_post(_POLICIES, policies)
    app.router.add_get("/asked", tell_asked)
    app.router.add_get("/evict/{name}", evict)
    app.router.add_get("/enforce/{what}", enforce)
    return app


def outcome(code: int) -> dict[str, Any]:
    """How a command ended, as the error channel says it."""
    if code == 0:
        return {"status": "Success"}
    cause = {"reason": "ExitCode", "message": str(code)}
    return {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": [cause]}}


async def serve() -> None:
    from aiohttp import web

    runner = web.AppRunner(service(), shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    print(f"http://{host}:{port}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


@contextmanager
def started(folder: Path) -> Iterator[dict[str, str]]:
    """The service in a process of its own, and a kubeconfig in ``folder``; what clients want."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(json.dumps(configuration(address)))
        yield {"KUBECONFIG": str(kubeconfig)}
    finally:
        process.stdin.close()  # it then ends its pods, and itself
        process.wait(60)
        process.stdout.close()


def configuration(address: str) -> dict[str, Any]:
    context = {"cluster": "loopback", "user": "me", "namespace": "evaluations"}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "loopback", "cluster": {"server": address}}],
        "users": [{"name": "me", "user": {"token": TOKEN}}],
        "contexts": [{"name": "loopback", "context": context}],
        "current-context": "loopback",
    }


if __name__ == "__main__":
    asyncio.run(serve())
