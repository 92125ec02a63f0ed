"""``docker_args``: what is safe is done, what is not has to be accepted, the rest is refused."""

from __future__ import annotations

import pytest

from olmo_eval.errors import UsageError
from olmo_eval.sandbox import SandboxConfig
from olmo_eval.sandbox.pool import make_backend
from olmo_eval_sandboxes.common.engine import ContainerPlan, Mount
from olmo_eval_sandboxes.containers.arguments import planned, refusals, settled

PLAN = ContainerPlan("image", ("run",), {}, memory=1, cpus=1.0, pids=1)


def test_what_has_a_setting_is_that_setting() -> None:
    config = SandboxConfig(
        docker_args=("--memory", "1g", "--cpus=2", "-e", "COLOUR=blue", "--pids-limit 32")
    )

    assert refusals(config) == []
    made = settled(config)
    assert (made.memory, made.cpus, made.pids) == ("1g", 2.0, 32)
    assert made.environment == {"COLOUR": "blue"}


def test_the_rest_is_in_the_plan() -> None:
    config = SandboxConfig(
        volumes=("/data/sets:/data",),
        docker_args=("--shm-size=64m", "--add-host", "db:10.0.0.1", "-v", "/data/x:/x:ro"),
    )

    plan = planned(config, PLAN)

    assert refusals(config) == []
    assert plan.mounts == (Mount("/data/sets", "/data"), Mount("/data/x", "/x"))
    assert (plan.tmpfs, plan.hosts) == ({"/dev/shm": 64 << 20}, {"db": "10.0.0.1"})


UNSAFE = {
    "all rights": {"docker_args": ("--privileged",)},
    "a right": {"docker_args": ("--cap-add", "SYS_ADMIN")},
    "the machine's network": {"docker_args": ("--network=host",)},
    "another container's network": {"docker_args": ("--net", "container:db")},
    "root": {"docker_args": ("--user", "0:0")},
    "a device": {"docker_args": ("--device", "/dev/sda")},
    "the engine's socket": {"volumes": ("/var/run/docker.sock:/var/run/docker.sock",)},
    "a socket by another name": {"docker_args": ("-v", "/tmp/engine.sock:/s")},
    "the whole machine": {"volumes": ("/:/host",)},
    "secrets of the machine": {"volumes": ("/etc/ssl:/etc/ssl:ro",)},
    "a way around": {"volumes": ("/data/../etc:/x",)},
    "a folder that can be written to": {"volumes": ("/data:/data:rw",)},
    "the container's own proc": {"volumes": ("/data:/proc/sys",)},
}


@pytest.mark.parametrize("name", UNSAFE)
def test_what_weakens_the_isolation_has_to_be_accepted(name: str) -> None:
    (refused,) = refusals(SandboxConfig(**UNSAFE[name]))  # type: ignore[arg-type]

    assert "unsafe_docker_args: true" in refused
    accepted = SandboxConfig(**UNSAFE[name], unsafe_docker_args=True)  # type: ignore[arg-type]
    assert refusals(accepted) == []
    assert planned(accepted, PLAN) != PLAN


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--pid=host",), "'--pid=host' is not supported"),
        (("--entrypoint", "sh"), "'--entrypoint' is not supported; these are: --add-host"),
        (("--memory",), "lacks its value"),
        (("--memory", "lots"), "expected a size"),
        (("--cpus", "two"), "--cpus two"),
        (("-e", "HOME"), "is not passed on"),
        (("-v", "data:/data"), "a volume is"),
        (("--add-host", "db"), "expected NAME:ADDRESS"),
    ],
)
def test_what_is_not_understood_is_refused(arguments: tuple[str, ...], problem: str) -> None:
    config = SandboxConfig(docker_args=arguments, unsafe_docker_args=True)

    (refused,) = refusals(config)

    assert problem in refused


@pytest.mark.parametrize("mode", ["docker", "podman"])
def test_a_configuration_that_is_refused_makes_no_backend(mode: str) -> None:
    with pytest.raises(UsageError, match="unsafe_docker_args"):
        make_backend(SandboxConfig(mode=mode, docker_args=("--privileged",)))
    with pytest.raises(UsageError, match="takes no setting 'colour'"):
        make_backend(SandboxConfig(mode=mode, kwargs={"colour": "blue"}))
