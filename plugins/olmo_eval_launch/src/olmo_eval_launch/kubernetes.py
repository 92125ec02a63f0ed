"""Kubernetes: an indexed Job, and a ConfigMap that holds the specs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from olmo_eval_launch.job import Job, Launcher

_SPECS = "/etc/olmo-eval"
#: seconds that a process has between SIGTERM and its end
_GRACE = 120
#: how often an element may fail by itself; being evicted counts for nothing
_RETRIES = 3


class Kubernetes(Launcher):
    suffix = ".yaml"
    program = "kubectl"
    install = "https://kubernetes.io/docs/tasks/tools/, then: kubectl create -f FILE"

    def render(self, job: Job) -> str:
        self.refuse(job)
        specs = {f"{n}.json": spec.to_json() for n, spec in enumerate(job.specs)}
        digest = hashlib.sha256("".join(specs.values()).encode()).hexdigest()[:8]
        name = f"{job.name}-{digest}"
        config = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": _metadata(name, job),
            "data": specs,
        }
        work = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": _metadata(name, job),
            "spec": _job(name, job),
        }
        return yaml.safe_dump_all([config, work], sort_keys=False, allow_unicode=True)

    def command(self, file: Path) -> Sequence[str]:
        return ("kubectl", "create", "-f", str(file))


def _metadata(name: str, job: Job) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "labels": {"app.kubernetes.io/name": "olmo-eval"}}
    if "namespace" in job.options:
        found["namespace"] = job.options["namespace"]
    return found


def _job(name: str, job: Job) -> dict[str, Any]:
    return {
        "completionMode": "Indexed",
        "completions": job.processes,
        "parallelism": job.processes,
        "backoffLimitPerIndex": _RETRIES,
        "activeDeadlineSeconds": round(job.hours * 3600),
        "podFailurePolicy": {
            "rules": [
                {
                    "action": "Ignore",
                    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                }
            ]
        },
        "template": {"spec": _pod(name, job)},
    }


def _pod(name: str, job: Job) -> dict[str, Any]:
    # the shell becomes olmo-eval, which then is told of SIGTERM
    script = (
        f'exec olmo-eval run {job.arguments} < "{_SPECS}/$((JOB_COMPLETION_INDEX / '
        f'{job.workers})).json"'
    )
    limits: dict[str, Any] = {"memory": f"{job.megabytes}Mi"}
    if job.gpus:
        limits["nvidia.com/gpu"] = job.gpus
    container: dict[str, Any] = {
        "name": "olmo-eval",
        "image": job.image,
        "command": ["/bin/sh", "-c", f"{job.setup}\n{script}" if job.setup else script],
        "resources": {
            "requests": {"cpu": str(job.cpus), "memory": f"{job.megabytes}Mi"},
            "limits": limits,
        },
        "volumeMounts": [{"name": "specs", "mountPath": _SPECS, "readOnly": True}],
    }
    if job.secrets:
        container["envFrom"] = [{"secretRef": {"name": secret}} for secret in job.secrets]
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": _GRACE,
        "containers": [container],
        "volumes": [{"name": "specs", "configMap": {"name": name}}],
    }
    if "claim" in job.options:
        claim, _, path = job.options["claim"].partition(":")
        container["volumeMounts"].append({"name": "results", "mountPath": path or "/results"})
        pod["volumes"].append({"name": "results", "persistentVolumeClaim": {"claimName": claim}})
    return pod
