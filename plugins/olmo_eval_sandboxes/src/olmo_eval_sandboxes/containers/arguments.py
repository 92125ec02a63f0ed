"""``docker_args`` and ``volumes`` of a sandbox: options of ``docker run``, as far as they are safe.

Those that a published harness is likely to have are understood. What weakens the isolation has to
be accepted with ``unsafe_docker_args``; what would break it, or is not understood, is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from attrs import evolve, frozen

from olmo_eval.sandbox.config import SandboxConfig, parse_size
from olmo_eval_sandboxes.common.engine import ContainerPlan, Mount

_ACCEPT = "accept that with unsafe_docker_args: true"
#: folders of the machine that say or decide too much to be seen by programs
_SENSITIVE = ("/", "/boot", "/dev", "/etc", "/home", "/proc", "/root", "/run", "/sys", "/var")


@frozen
class Option:
    """An option of ``docker run``: what it makes of a configuration or of a plan, and whether that
    is a risk.

    Either raises ValueError where the value is none. ``flag`` says that it takes no value.
    """

    plans: Callable[[ContainerPlan, str], ContainerPlan] = lambda plan, _value: plan
    settles: Callable[[SandboxConfig, str], SandboxConfig] = lambda config, _value: config
    unsafe: Callable[[str], bool] = lambda _value: False
    flag: bool = False


def _always(_value: str) -> bool:
    return True


def _setting(name: str, kind: Callable[[str], Any]) -> Option:
    return Option(settles=lambda config, value: evolve(config, **{name: kind(value)}))


def _variable(config: SandboxConfig, text: str) -> SandboxConfig:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError("a variable of this machine is not passed on: write NAME=VALUE")
    return evolve(config, environment={**config.environment, name: value})


def _volume(plan: ContainerPlan, text: str) -> ContainerPlan:
    return evolve(plan, mounts=(*plan.mounts, parse_volume(text)))


def _shared_memory(plan: ContainerPlan, size: str) -> ContainerPlan:
    return evolve(plan, tmpfs={**plan.tmpfs, "/dev/shm": parse_size(size)})


def _host(plan: ContainerPlan, text: str) -> ContainerPlan:
    name, colon, address = text.partition(":")
    if not colon:
        raise ValueError("expected NAME:ADDRESS")
    return evolve(plan, hosts={**plan.hosts, name: address})


def _is_root(user: str) -> bool:
    return user.split(":")[0] in ("0", "root", "")


_OPTIONS: Mapping[str, Option] = {
    "--memory": _setting("memory", str),
    "--cpus": _setting("cpus", float),
    "--pids-limit": _setting("pids", int),
    "--env": Option(settles=_variable),
    "--shm-size": Option(_shared_memory),
    "--hostname": Option(lambda plan, name: evolve(plan, hostname=name)),
    "--add-host": Option(_host),
    "--network": Option(
        lambda plan, name: evolve(plan, network=name),
        unsafe=lambda name: name == "host" or name.startswith("container:"),
    ),
    "--volume": Option(_volume, unsafe=lambda text: is_unsafe(parse_volume(text))),
    "--user": Option(lambda plan, user: evolve(plan, user=user), unsafe=_is_root),
    "--cap-add": Option(
        lambda plan, name: evolve(plan, capabilities=(*plan.capabilities, name)), unsafe=_always
    ),
    "--device": Option(
        lambda plan, path: evolve(plan, devices=(*plan.devices, path)), unsafe=_always
    ),
    "--privileged": Option(
        lambda plan, _value: evolve(plan, privileged=True), unsafe=_always, flag=True
    ),
}
_ANY_PLAN = ContainerPlan("", (), {}, 0, 1.0, 1)
_SHORT = {"-m": "--memory", "-e": "--env", "-v": "--volume", "-h": "--hostname", "-u": "--user"}
_SHORT |= {"--net": "--network"}


def refusals(config: SandboxConfig) -> list[str]:
    """Why ``docker_args`` or ``volumes`` of ``config`` are refused; [] where they are not."""
    reasons = []
    try:
        parsed = list(_parsed(config))
    except ValueError as error:
        return [str(error)]
    for name, value in parsed:
        option = _OPTIONS[name]
        told = f"{name} {value}".strip()
        try:
            if option.unsafe(value) and not config.unsafe_docker_args:
                reasons.append(f"{told} weakens the isolation of the sandbox: {_ACCEPT}")
            option.settles(config, value)
            option.plans(_ANY_PLAN, value)
        except ValueError as error:
            reasons.append(f"{told}: {error}")
    return reasons


def settled(config: SandboxConfig) -> SandboxConfig:
    """A configuration that was not refused, with those of its ``docker_args`` that it has settings
    for."""
    for name, value in _parsed(config):
        config = _OPTIONS[name].settles(config, value)
    return config


def planned(config: SandboxConfig, plan: ContainerPlan) -> ContainerPlan:
    """``plan`` with the other ``docker_args``, and the ``volumes``."""
    for name, value in _parsed(config):
        plan = _OPTIONS[name].plans(plan, value)
    return plan


def _parsed(config: SandboxConfig) -> Iterator[tuple[str, str]]:
    """The options with their values, by their long names.

    Raises:
        ValueError: one is not known, or lacks its value.
    """
    yield from (("--volume", text) for text in config.volumes)
    words = _words(config.docker_args)
    for word in words:
        name, equals, value = word.partition("=")
        name = _SHORT.get(name, name)
        if name not in _OPTIONS:
            known = ", ".join(sorted(_OPTIONS))
            raise ValueError(f"docker_args: {word!r} is not supported; these are: {known}")
        if not equals and not _OPTIONS[name].flag:
            value = next(words, "")
            if not value:
                raise ValueError(f"docker_args: {word!r} lacks its value")
        yield name, value


def _words(arguments: Sequence[str]) -> Iterator[str]:
    """The words of options that were given one by one, or as ``--name value`` in one text."""
    for argument in arguments:
        name, blank, value = argument.strip().partition(" ")
        yield name
        if blank and name.startswith("-"):
            yield value.strip()


def parse_volume(text: str) -> Mount:
    """``HOST:INSIDE``, read-only unless ``:rw`` follows.

    Raises:
        ValueError: it is not that.
    """
    source, _, rest = text.partition(":")
    target, _, mode = rest.partition(":")
    paths = (PurePosixPath(source), PurePosixPath(target))
    if not all(path.is_absolute() for path in paths) or mode not in ("", "ro", "rw"):
        raise ValueError(f"a volume is /HOST/PATH:/PATH/INSIDE or ...:rw, not {text!r}")
    return Mount(source, target, read_only=mode != "rw")


def is_unsafe(mount: Mount) -> bool:
    """Whether a program could change the machine through it, or read what is not for it."""
    source = PurePosixPath(mount.source)
    inside = PurePosixPath(mount.target)
    hides = any(inside.is_relative_to(place) for place in ("/proc", "/sys", "/dev"))
    sensitive = str(source) in _SENSITIVE or any(
        source.is_relative_to(place) for place in ("/proc", "/sys", "/dev", "/etc", "/run", "/root")
    )
    socket = source.suffix in (".sock", ".socket") or "docker" in source.name
    return not mount.read_only or sensitive or socket or hides or ".." in source.parts
