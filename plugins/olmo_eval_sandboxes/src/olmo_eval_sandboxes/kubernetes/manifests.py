"""What is asked of the cluster: a pod, and a policy that lets pods reach nothing."""

from __future__ import annotations

import re
from typing import Any

from olmo_eval.sandbox import SandboxConfig, parse_size
from olmo_eval_sandboxes.common import lease
from olmo_eval_sandboxes.common.engine import ContainerPlan
from olmo_eval_sandboxes.kubernetes.options import KubernetesOptions

MANAGED = {"app.kubernetes.io/managed-by": "olmo-eval"}
NETWORK = "olmo-eval/network"
#: the name of the only container of a pod
CONTAINER = "environment"
POLICY = "olmo-eval-no-network"
#: bytes of memory besides those that programs and their files may have: the relay and supervisors
_MARGIN = 64 << 20
_LONGEST_LABEL = 63
#: ``image_pull`` as the cluster calls it
_PULL = {"missing": "IfNotPresent", "always": "Always", "never": "Never"}
#: The first process of a pod. It ends when nothing else has run for a minute, as when the relay is
#: gone. Programs have its user id, but can neither signal it nor look into it. They can stop the
#: relay, which is a process whose parent is outside (0); it then ends that, as if they had.
_KEEPER = """# olmo_eval_sandboxes
import contextlib, ctypes, os, signal, time

ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
alone = 0
while alone < 60:
    time.sleep(1)
    others = [name for name in os.listdir('/proc') if name.isdigit() and int(name) != os.getpid()]
    alone = 0 if others else alone + 1
    for name in others:
        with contextlib.suppress(OSError), open(f'/proc/{name}/stat') as file:
            state, parent = file.read().rpartition(')')[2].split()[:2]
            if state == 'T' and parent == '0':
                os.kill(int(name), signal.SIGKILL)
"""


def pod(
    name: str, plan: ContainerPlan, config: SandboxConfig, options: KubernetesOptions
) -> dict[str, Any]:
    """A pod with one container of ``plan``, which waits for its relay."""
    labels = {
        **MANAGED,
        NETWORK: "none" if plan.network == "none" else "open",
        "olmo-eval/run": _label(plan.labels[lease.RUN]),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        # a label's value may be neither long nor free, so the lease is in annotations
        "metadata": {"name": name, "labels": labels, "annotations": dict(plan.labels)},
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": int(config.runtime_timeout),
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": options.mount_token,
            "enableServiceLinks": False,
            "securityContext": _pod_security(plan),
            "containers": [_container(plan, options, _PULL[config.image_pull])],
            "volumes": [
                {"name": _volume(i), "emptyDir": {"medium": "Memory", "sizeLimit": str(size)}}
                for i, size in enumerate(plan.tmpfs.values())
            ],
            **_placement(options),
        },
    }


def no_network() -> dict[str, Any]:
    """A policy by which pods with that label reach nothing and are reached by nothing."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": POLICY, "labels": dict(MANAGED)},
        "spec": {
            "podSelector": {"matchLabels": {**MANAGED, NETWORK: "none"}},
            "policyTypes": ["Ingress", "Egress"],
        },
    }


def _pod_security(plan: ContainerPlan) -> dict[str, Any]:
    user, _, group = plan.user.partition(":")
    return {
        "runAsNonRoot": True,
        "runAsUser": int(user),
        "runAsGroup": int(group or user),
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _container(plan: ContainerPlan, options: KubernetesOptions, pull: str) -> dict[str, Any]:
    memory = plan.memory + sum(plan.tmpfs.values()) + _MARGIN
    cpus = options.request_cpus or plan.cpus
    return {
        "name": CONTAINER,
        "image": plan.image,
        "imagePullPolicy": pull,
        "command": ["python3", "-I", "-S", "-c", _KEEPER],
        "workingDir": "/",
        "resources": {
            "limits": {"cpu": str(plan.cpus), "memory": str(memory)},
            "requests": {"cpu": str(cpus), "memory": _bytes(options.request_memory, memory)},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": plan.read_only,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": _volume(i), "mountPath": path} for i, path in enumerate(plan.tmpfs)
        ],
    }


def _placement(options: KubernetesOptions) -> dict[str, Any]:
    wanted: dict[str, Any] = {
        "serviceAccountName": options.service_account,
        "nodeSelector": dict(options.node_selector),
        "tolerations": [dict(one) for one in options.tolerations],
        "runtimeClassName": options.runtime_class,
        "imagePullSecrets": [{"name": name} for name in options.image_pull_secrets],
    }
    return {name: value for name, value in wanted.items() if value}


def _volume(number: int) -> str:
    return f"writable-{number}"


def _bytes(size: str | None, otherwise: int) -> str:
    return str(otherwise if size is None else parse_size(size))


def _label(text: str) -> str:
    """``text`` as the value of a label may be."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", text)[:_LONGEST_LABEL].strip("._-")
