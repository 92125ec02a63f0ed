"""What is asked of a cluster, and what becomes of pods."""

from __future__ import annotations

import json
import os
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import attrs
import pytest
import yaml
from clouds_here import small

from olmo_eval.sandbox import SandboxConfig, SandboxError
from olmo_eval.sandbox.furnish import SetupError
from olmo_eval_sandboxes.common.engine import ContainerPlan
from olmo_eval_sandboxes.kubernetes import manifests
from olmo_eval_sandboxes.kubernetes.attached import exit_code
from olmo_eval_sandboxes.kubernetes.backend import KubernetesBackend
from olmo_eval_sandboxes.kubernetes.engine import ended, waiting
from olmo_eval_sandboxes.kubernetes.options import KubernetesOptions
from olmo_eval_sandboxes.modal.options import ModalOptions


def pod(config: SandboxConfig | None = None, **options: Any) -> dict[str, Any]:
    labels = {"olmo-eval.run": "2026-01-01 a/b", "olmo-eval.expires": "1"}
    plan = ContainerPlan(
        "image:1", ("relay",), labels, memory=2**28, cpus=0.5, pids=8, user="20001",
        tmpfs={"/workspace": 2**20, "/tmp": 2**20},
    )  # fmt: skip
    return manifests.pod("a-pod", plan, config or SandboxConfig(), KubernetesOptions(**options))


def test_a_pod_may_do_nothing_unless_it_is_opened() -> None:
    spec = pod()["spec"]
    container = spec["containers"][0]

    assert spec["automountServiceAccountToken"] is False
    assert spec["restartPolicy"] == "Never" and spec["activeDeadlineSeconds"] == 24 * 3600
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 20001,
        "runAsGroup": 20001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["requests"] == container["resources"]["limits"]
    assert "env" not in container and "envFrom" not in container
    assert all(v["emptyDir"]["medium"] == "Memory" for v in spec["volumes"])
    assert not {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"} & spec.keys()


def test_what_is_set_goes_where_the_cluster_reads_it() -> None:
    made = pod(
        SandboxConfig(image_pull="never", runtime_timeout=900.0),
        service_account="evaluator",
        node_selector={"pool": "untrusted"},
        runtime_class="gvisor",
        image_pull_secrets=["registry"],
        request_cpus=0.1,
        request_memory="64m",
    )
    spec, container = made["spec"], made["spec"]["containers"][0]

    assert spec["serviceAccountName"] == "evaluator"
    assert spec["nodeSelector"] == {"pool": "untrusted"}
    assert spec["runtimeClassName"] == "gvisor"
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert spec["activeDeadlineSeconds"] == 900
    assert container["imagePullPolicy"] == "Never"
    assert container["resources"]["requests"] == {"cpu": "0.1", "memory": str(64 << 20)}


def test_a_lease_that_no_label_could_hold_is_in_the_annotations() -> None:
    metadata = pod()["metadata"]

    assert metadata["annotations"]["olmo-eval.run"] == "2026-01-01 a/b"
    assert metadata["labels"]["olmo-eval/run"] == "2026-01-01-a-b"


def test_pods_without_a_network_are_those_that_the_policy_selects() -> None:
    policy = manifests.no_network()["spec"]

    assert policy["podSelector"]["matchLabels"].items() <= pod()["metadata"]["labels"].items()
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    assert "egress" not in policy and "ingress" not in policy


def test_how_a_command_ended_is_read_from_a_status() -> None:
    cause = {"reason": "ExitCode", "message": "137"}
    killed = {"status": "Failure", "details": {"causes": [cause]}}

    assert exit_code(b'{"status": "Success"}') == 0
    assert exit_code(json.dumps(killed).encode()) == 137
    assert exit_code(b'{"status": "Failure", "message": "container not found"}') is None
    assert exit_code(b"") is None


def status(phase: str, state: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    containers = [] if state is None else [{"state": state}]
    return {"metadata": {}, "status": {"phase": phase, "containerStatuses": containers, **more}}


def test_why_a_pod_ended_is_said() -> None:
    out_of_memory = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}

    assert ended(status("Running", {"running": {}})) == ""
    assert ended(status("Running", out_of_memory)) == "OOMKilled"
    assert ended(status("Failed", reason="Evicted")) == "Evicted"
    assert ended(status("Failed", out_of_memory, reason="Evicted")) == "Evicted"


def test_a_pod_that_waits_for_an_image_is_told_from_one_that_never_gets_it() -> None:
    pulling = status("Pending", {"waiting": {"reason": "ContainerCreating"}})
    lacking = status("Pending", {"waiting": {"reason": "ErrImagePull", "message": "no such"}})
    nowhere = status("Pending")
    nowhere["status"]["conditions"] = [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3"}
    ]

    assert waiting(pulling) == ("ContainerCreating", False)
    assert waiting(lacking) == ("ErrImagePull no such", True)
    assert waiting(nowhere) == ("Unschedulable 0/3", False)


def refused(**kwargs: Any) -> str:
    (reason,) = KubernetesBackend.refusals(SandboxConfig(mode="kubernetes", kwargs=kwargs))
    return reason


def test_a_setting_that_is_wrong_is_refused_by_its_name() -> None:
    assert "namespaces" in refused(namespaces="x")
    assert "kwargs: idle_timeout must be" in refused(idle_timeout=1)


def test_a_missing_client_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "kubernetes", None)

    assert "pip install 'olmo-eval-sandboxes[kubernetes]'" in refused()


@pytest.mark.engine
def test_a_missing_cluster_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("kubernetes")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))

    assert "no Kubernetes cluster" in refused() and "KUBECONFIG" in refused()
    assert "nowhere" in refused(kubeconfig=str(tmp_path / "nowhere"))


def tell(what: str) -> str:
    """Ask the cluster on loopback for something that is no part of its API."""
    config = json.loads(Path(os.environ["KUBECONFIG"]).read_text())
    server = config["clusters"][0]["cluster"]["server"]
    with urllib.request.urlopen(f"{server}/{what}") as answer:
        said: str = answer.read().decode()
    return said


def asked() -> set[tuple[str, str]]:
    """The verbs and resources of all requests to the cluster so far."""
    return {(verb, resource) for verb, resource in json.loads(tell("asked"))}


@pytest.fixture
def careless(kubernetes_here: None) -> Iterator[None]:
    """A cluster that takes policies and enforces none."""
    tell("enforce/no")
    yield
    tell("enforce/yes")


@pytest.mark.engine
def test_a_cluster_that_enforces_no_policy_is_refused(
    careless: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("olmo_eval_sandboxes.kubernetes.backend._CUT_OFF", 2.0)

    async def main() -> None:
        backend = small("kubernetes")
        await backend.start()
        try:
            with pytest.raises(SetupError, match="does not cut pods off"):
                await backend.create("test")
            assert await backend.leases() == []
            opened = small("kubernetes", network=True)
            await opened.start()
            await (await opened.create("test")).close()
            await opened.close()
        finally:
            await backend.close()

    anyio.run(main)


@pytest.mark.engine
def test_an_evicted_pod_is_no_failure_of_the_program(kubernetes_here: None) -> None:
    async def main() -> None:
        backend = small("kubernetes")
        await backend.start()
        try:
            box = await backend.create("test")

            async def evict() -> None:
                await anyio.sleep(0.5)
                await anyio.to_thread.run_sync(tell, f"evict/{box.id}")

            async with anyio.create_task_group() as group:
                group.start_soon(evict)
                with pytest.raises(SandboxError, match="Evicted"):
                    await box.exec(["sleep", "60"])
        finally:
            await backend.close()

    anyio.run(main)


DOCS = Path(__file__).parents[3] / "docs/sandboxes.md"


@pytest.mark.parametrize(
    ("heading", "options"), [("Modal", ModalOptions), ("Kubernetes", KubernetesOptions)]
)
def test_every_setting_is_documented(heading: str, options: type[Any]) -> None:
    text = DOCS.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+`) \|", text, re.MULTILINE)

    assert re.findall(r"`(\w+)`", " ".join(rows)) == [f.name for f in attrs.fields(options)]


@pytest.mark.engine
def test_the_documented_role_is_enough(kubernetes_here: None) -> None:
    role = DOCS.read_text(encoding="utf-8").split("```yaml\napiVersion: rbac")[1].split("```")[0]
    granted = {
        (verb, resource)
        for rule in yaml.safe_load("apiVersion: rbac" + role)["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }

    async def main() -> None:
        backend = small("kubernetes")
        await backend.start()
        await (await backend.create("test")).close()
        await backend.reap()
        await backend.close()

    anyio.run(main)
    assert {("create", "pods"), ("get", "pods/exec")} <= asked() <= granted
