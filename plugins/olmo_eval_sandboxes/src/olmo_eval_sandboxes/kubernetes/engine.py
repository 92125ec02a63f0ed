"""Pods, each with a relay, which is one long command in it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any

from olmo_eval.sandbox import SandboxConfig, SandboxError
from olmo_eval_sandboxes.common.engine import KILLED, Container, ContainerPlan, End, Listed
from olmo_eval_sandboxes.inside import bootstrap
from olmo_eval_sandboxes.kubernetes import cluster, manifests
from olmo_eval_sandboxes.kubernetes.attached import Attached
from olmo_eval_sandboxes.kubernetes.cluster import explained
from olmo_eval_sandboxes.kubernetes.options import KubernetesOptions

#: seconds that one request may take
_TIMEOUT = 60.0
_NOT_FOUND, _CONFLICT = 404, 409
#: seconds in which the cluster notices that a pod has ended, and between looks
_NOTICED = 3.0
_PAUSE = 0.2
#: why a container that waits will not start
_HOPELESS = {
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImageInspectError",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
}
_SELECTOR = ",".join(f"{name}={value}" for name, value in manifests.MANAGED.items())


class KubernetesEngine:
    """The pods of one namespace."""

    def __init__(self, config: SandboxConfig, options: KubernetesOptions) -> None:
        self.config = config
        self.options = options
        self.namespace = ""
        self._configuration: Any = None
        self._client: Any = None
        self._pods: Any = None
        self._attached: dict[str, Attached] = {}

    def connect(self) -> None:
        self._configuration, self.namespace = cluster.found(self.options)
        from kubernetes import client

        self._client = client.ApiClient(self._configuration)
        self._pods = client.CoreV1Api(self._client)
        with explained("cannot be reached"):
            self._list(limit=1)

    def cut_off(self) -> None:
        """Make the policy by which pods without a network have none, where it is missing.

        Raises:
            SandboxError: this run may not.
        """
        from kubernetes import client

        policies = client.NetworkingV1Api(self._client)
        with explained(f"could not make the network policy {manifests.POLICY}"):
            try:
                policies.create_namespaced_network_policy(
                    self.namespace, manifests.no_network(), _request_timeout=_TIMEOUT
                )
            except client.ApiException as error:
                if error.status != _CONFLICT:
                    raise

    def open(self, plan: ContainerPlan) -> Container:
        name = f"olmo-eval-{secrets.token_hex(6)}"
        with explained("could not make a pod"):
            self._pods.create_namespaced_pod(
                self.namespace,
                manifests.pod(name, plan, self.config, self.options),
                _request_timeout=_TIMEOUT,
            )
        try:
            self._wait_for(name)
            with explained("could not start a command"):
                attached = self._attach(name, plan)
        except BaseException:
            self.remove(name)
            raise
        self._attached[name] = attached
        return Container(name, attached.pair.theirs)

    def _wait_for(self, name: str) -> None:
        """Wait until a pod runs. Raises SandboxError where it will not, or takes too long."""
        from kubernetes import watch

        seconds = max(1, int(self.config.startup_timeout))
        why = "it was not seen"
        events = watch.Watch().stream(
            self._pods.list_namespaced_pod,
            self.namespace,
            field_selector=f"metadata.name={name}",
            timeout_seconds=seconds,
            _request_timeout=seconds + _TIMEOUT,
        )
        with explained("lost a pod that was to start"):
            for event in events:
                found = event["raw_object"]
                if event["type"] == "DELETED":
                    raise SandboxError("a pod was deleted before it ran")
                phase = found["status"].get("phase")
                why, hopeless = waiting(found)
                if phase == "Running" and not why:
                    return
                if hopeless or phase in ("Failed", "Succeeded"):
                    raise SandboxError(f"a pod did not start: {why or ended(found)}")
        raise SandboxError(
            f"a pod did not start within {seconds} s: {why}",
            hint="raise startup_timeout of the sandbox",
        )

    def _attach(self, name: str, plan: ContainerPlan) -> Attached:
        """Start the relay. Its program is too long for the address of a request, so it is read."""
        from kubernetes import client
        from kubernetes.stream import stream

        command, program = bootstrap.read(plan.command)
        # the client is changed while it connects, so that this one is not used otherwise
        pods = client.CoreV1Api(client.ApiClient(self._configuration))
        connection = stream(
            pods.connect_get_namespaced_pod_exec,
            name,
            self.namespace,
            container=manifests.CONTAINER,
            command=list(command),
            stdin=True,
            stdout=True,
            stderr=True,
            tty=False,
            binary=True,
            _preload_content=False,
        )
        return Attached(connection, program, self.options.idle_timeout / 4)

    def remove(self, container_id: str) -> None:
        from kubernetes import client

        attached = self._attached.pop(container_id, None)
        with explained("could not remove a pod"):
            try:
                self._pods.delete_namespaced_pod(
                    container_id, self.namespace, grace_period_seconds=0, _request_timeout=_TIMEOUT
                )
            except client.ApiException as error:
                if error.status != _NOT_FOUND:
                    raise
        if attached:
            attached.join()

    def end_of(self, container_id: str) -> End | None:
        attached = self._attached[container_id]
        attached.join()
        deadline = time.monotonic() + _NOTICED
        while True:  # the cluster may be slower to say that the pod has ended than its stream
            if why := ended(self._pod(container_id)):
                raise SandboxError(f"the pod of a command has ended: {why}")
            if time.monotonic() > deadline:
                break
            time.sleep(_PAUSE)
        return None if attached.code is None else KILLED

    def _pod(self, name: str) -> Mapping[str, Any]:
        from kubernetes import client

        with explained("does not answer"):
            try:
                found = self._pods.read_namespaced_pod(
                    name, self.namespace, _request_timeout=_TIMEOUT
                )
            except client.ApiException as error:
                if error.status == _NOT_FOUND:
                    raise SandboxError("the pod of a command was deleted") from error
                raise
        return self._plain(found)

    def _list(self, **options: Any) -> list[Mapping[str, Any]]:
        found = self._pods.list_namespaced_pod(
            self.namespace, label_selector=_SELECTOR, _request_timeout=_TIMEOUT, **options
        )
        return [self._plain(item) for item in found.items]

    def _plain(self, item: Any) -> Mapping[str, Any]:
        plain: Mapping[str, Any] = self._client.sanitize_for_serialization(item)
        return plain

    def listed(self, label: str) -> list[Listed]:
        with explained("does not answer"):
            pods = self._list()
        metadata = [pod["metadata"] for pod in pods]
        return [
            Listed(one["name"], one["annotations"])
            for one in metadata
            if label in (one.get("annotations") or {}) and "deletionTimestamp" not in one
        ]

    def close(self) -> None:
        for container_id in list(self._attached):
            self.remove(container_id)
        if self._client is not None:
            self._client.close()
            self._client = None


def waiting(pod: Mapping[str, Any]) -> tuple[str, bool]:
    """Why a pod does not run yet, and whether it never will; ("", False) where it runs."""
    status = pod["status"]
    for container in status.get("containerStatuses") or ():
        wait = container["state"].get("waiting")
        if wait:
            said = f"{wait.get('reason', 'waiting')} {wait.get('message', '')}".strip()
            return said, wait.get("reason") in _HOPELESS
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] != "True":
            return f"{condition.get('reason', '')} {condition.get('message', '')}".strip(), False
    return ("", False) if status.get("phase") == "Running" else ("it waits", False)


def ended(pod: Mapping[str, Any]) -> str:
    """Why a pod runs no more; "" where it does."""
    status = pod["status"]
    if pod["metadata"].get("deletionTimestamp"):
        return "it is being deleted"
    for container in status.get("containerStatuses") or ():
        if over := container["state"].get("terminated"):
            return str(status.get("reason") or over.get("reason") or "its container ended")
    if status.get("phase") in ("Failed", "Succeeded"):
        return str(status.get("reason") or status["phase"])
    return ""
