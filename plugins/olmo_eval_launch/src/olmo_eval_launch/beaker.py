"""Beaker: an experiment with a task for every process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from olmo_eval.errors import UsageError
from olmo_eval_launch.job import Job, Launcher

_SPEC = "OLMO_EVAL_SPEC"
#: options that name a part of the experiment, not of a task
_KNOWN = ("budget", "cluster", "priority", "workspace", "weka")


class Beaker(Launcher):
    suffix = ".yaml"
    program = "beaker"
    install = "https://beaker-docs.apps.allenai.org, then: beaker experiment create FILE"

    def render(self, job: Job) -> str:
        self.refuse(job)
        for name in job.options:
            if name not in _KNOWN:
                raise UsageError(f"unknown option {name!r}", hint=f"known: {', '.join(_KNOWN)}")
        if not job.options.get("cluster"):
            raise UsageError("no cluster is given", hint="--option cluster=ORG/CLUSTER[,...]")
        experiment: dict[str, Any] = {"version": "v2", "description": job.name}
        if "budget" in job.options:
            experiment["budget"] = job.options["budget"]
        experiment["tasks"] = [_task(job, n) for n in range(job.processes)]
        return yaml.safe_dump(experiment, sort_keys=False, allow_unicode=True)

    def command(self, file: Path) -> Sequence[str]:
        return ("beaker", "experiment", "create", str(file))


def _task(job: Job, number: int) -> dict[str, Any]:
    image = str(job.image)
    source = {"docker": image.removeprefix("docker://")}
    if not image.startswith("docker://"):
        source = {"beaker": image}
    # the shell becomes olmo-eval, which then is told of SIGTERM
    script = f"exec olmo-eval run {job.arguments} <<END_OF_SPEC\n${_SPEC}\nEND_OF_SPEC"
    resources: dict[str, Any] = {"cpuCount": job.cpus, "memory": f"{job.megabytes}MiB"}
    if job.gpus:
        resources["gpuCount"] = job.gpus
    variables = [{"name": _SPEC, "value": job.specs[number // job.workers].to_json()}]
    task: dict[str, Any] = {
        "name": f"{job.name}-{number}",
        "image": source,
        "command": ["/bin/sh", "-c", f"{job.setup}\n{script}" if job.setup else script],
        "envVars": variables + [{"name": name, "secret": name} for name in job.secrets],
        "resources": resources,
        "timeout": f"{round(job.hours * 3600)}s",
        "context": {"priority": job.options.get("priority", "normal"), "autoResume": True},
        "constraints": {"cluster": job.options["cluster"].split(",")},
        "result": {"path": "/output"},
    }
    if "weka" in job.options:
        bucket, _, path = job.options["weka"].partition(":")
        mounted = {"mountPath": path or f"/weka/{bucket}", "source": {"weka": bucket}}
        task["datasets"] = [mounted]
    return task
