"""How one kind of sandbox is set up."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar

from attrs import evolve, field, frozen
from attrs.validators import in_, optional

from olmo_eval.common import bounds
from olmo_eval.common.sequences import items, texts
from olmo_eval.common.types import EnvironmentSpec

_SIZE_UNITS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30}


def parse_size(text: str | int) -> int:
    """``"512m"`` -> bytes. Units are powers of 1024: b, k, m, g.

    Raises:
        ValueError: it is not a size.
    """
    if isinstance(text, int):
        return text
    bare = text.strip().lower().removesuffix("ib").removesuffix("b") or text
    number, unit = (bare[:-1], bare[-1]) if bare[-1:] in _SIZE_UNITS and bare[-1:] else (bare, "")
    try:
        size = int(float(number) * _SIZE_UNITS[unit])
    except (ValueError, OverflowError):
        size = -1
    if size < 0:
        raise ValueError(f"expected a size such as 512m, got {text!r}")
    return size


def _is_size(_instance: Any, attribute: Any, value: str) -> None:
    try:
        size = parse_size(value)
    except ValueError as error:
        raise ValueError(f"{attribute.name}: {error}") from error
    if size < 1:
        raise ValueError(f"{attribute.name}: expected a size such as 512m, got {value!r}")


class SandboxMode(StrEnum):
    """The backends that the workbench itself knows of; a plugin's has a name of its own."""

    LOCAL = "local"
    DOCKER = "docker"
    PODMAN = "podman"
    MODAL = "modal"
    KUBERNETES = "kubernetes"


class Capability(StrEnum):
    """What tools and scorers usually ask of a sandbox; ``sandbox:NAME`` asks for a named one."""

    BASH = "bash"
    PYTHON = "python"
    DEFAULT = "default"


def _mode(value: Any) -> Any:
    return str(value) if isinstance(value, StrEnum) else value


def _variables(value: Any) -> dict[str, str]:
    """A mapping, or a list of pairs or of ``NAME=VALUE`` texts."""
    if isinstance(value, Mapping):
        return {str(name): str(text) for name, text in value.items()}
    found = {}
    for item in items(value):
        name, _, text = item.partition("=") if isinstance(item, str) else (item[0], "", item[1])
        found[str(name)] = str(text)
    return found


def _removed(_instance: Any, _attribute: Any, value: bool) -> None:
    if value is not True:
        raise ValueError("remove_container is always true: no environment outlives its run")


def _unset(_instance: Any, _attribute: Any, value: Any) -> None:
    if value:
        raise ValueError("registry_auth: log the engine in instead (docker login, podman login)")


def _run_lines(_instance: Any, _attribute: Any, value: tuple[str, ...]) -> None:
    for line in value:
        word = line.strip().partition(" ")[0]
        if word.isupper() and word.isalpha() and word != "RUN":
            raise ValueError(f"dockerfile_extra takes RUN lines, not {line!r:.80}")


@frozen
class SandboxConfig:
    """One kind of environment that tools and scorers may use.

    What makes it, and how many:

    - ``image``: container image, for backends that have images; None: the backend's own;
    - ``mode``: name of a registered sandbox backend;
    - ``container_runtime``: whose containers the mode ``docker`` means: ``podman``'s or Docker's;
    - ``image_pull``: when an image is fetched: ``missing``, ``always`` or ``never``;
    - ``capabilities``: what it offers to those who ask: ``bash``, ``python``, ``sandbox:NAME``;
    - ``instances``: at most this many at once; None: as many as the machine carries;
    - ``min_instances``: this many are made as soon as the first is needed;
    - ``max_concurrency``: commands at once in one environment, for those who share one
      (``SandboxExecutor``);
    - ``exec_shell``: what ``execute_command`` of an executor runs lines with;
    - ``required_secrets``: variables that must be set where the run is made; programs do not see
      them;
    - ``kwargs``: options of the backend's own;
    - ``modal_sandbox_kwargs``: those of ``modal``, as published harnesses write them.

    What is in it:

    - ``packages``: Python requirements, installed once, before anything a model wrote is there;
    - ``dockerfile_extra``: further ``RUN`` lines, likewise;
    - ``setup_network``: whether these may use a network;
    - ``environment``: variables that commands find set;
    - ``working_dir``: the folder that relative paths start from;
    - ``volumes``: each ``HOST:INSIDE``, read-only unless ``:rw`` follows.

    What it may do:

    - ``memory``: such as ``512m``, a power of 1024 bytes;
    - ``cpus``: in cores;
    - ``pids``: processes at once;
    - ``disk``: for what programs write, such as ``1g``;
    - ``network``: False gives no network at all;
    - ``output_limit``: how much of a command's output is kept, such as ``1m``;
    - ``startup_timeout``: seconds until a new environment must answer;
    - ``setup_timeout``: seconds for what an instance's environment needs;
    - ``command_timeout``: seconds for a command that says no time of its own, with which ends
      everything it has started;
    - ``runtime_timeout``: seconds after which an environment ends, whatever became of its run.

    What opens it to the machine, and has to be said by name:

    - ``unsafe_local``: must be True for a backend that does not isolate (``local``, where the
      machine has no namespaces);
    - ``root``: True lets an instance's environment be root's (``EnvironmentSpec.root``), with a
      file system that can be written to everywhere, and has no limit of disk;
    - ``docker_args``: options of ``docker run``, as a list; those that weaken the isolation, and
      volumes that can be written to, are refused;
    - ``unsafe_docker_args``: True lets them pass.

    What published harnesses may say, and of which nothing is made:

    - ``log_dir``: of a server that they start inside, which there is not here;
    - ``enable_diagnostics``: of that server;
    - ``inject_swerex``: whether to put that server there;
    - ``remove_container``: always True: no environment outlives its run;
    - ``registry_auth``: always None: an engine's own ``login`` is used.
    """

    plain_data: ClassVar[bool] = True

    image: str | None = None
    mode: str = field(default=SandboxMode.DOCKER.value, converter=_mode)
    capabilities: tuple[str, ...] = field(default=("bash", "python"), converter=texts)
    instances: int | None = field(
        default=None, validator=optional(bounds.count(1, bounds.MOST_IN_FLIGHT))
    )
    max_concurrency: int = field(default=4, validator=bounds.count(1, bounds.MOST_IN_FLIGHT))
    min_instances: int | None = field(default=None, validator=optional(bounds.count(0)))
    container_runtime: str | None = field(
        default=None, validator=optional(in_(("docker", "podman")))
    )
    startup_timeout: float = field(default=60.0, validator=bounds.number(above=0))
    command_timeout: float = field(default=30.0, validator=bounds.number(above=0))
    remove_container: bool = field(default=True, validator=_removed)
    working_dir: str = "/workspace"
    environment: Mapping[str, str] = field(factory=dict, converter=_variables)
    volumes: tuple[str, ...] = field(default=(), converter=texts)
    modal_sandbox_kwargs: Mapping[str, Any] | None = None
    runtime_timeout: float = field(default=24 * 3600.0, validator=bounds.number(above=0))
    required_secrets: tuple[str, ...] = field(default=(), converter=texts)
    docker_args: tuple[str, ...] = field(default=(), converter=texts)
    log_dir: str | None = None
    exec_shell: str | None = None
    enable_diagnostics: bool = True
    inject_swerex: bool = False
    dockerfile_extra: tuple[str, ...] = field(default=(), converter=texts, validator=_run_lines)
    image_pull: str = field(default="missing", validator=in_(("missing", "always", "never")))
    registry_auth: Mapping[str, Any] | None = field(default=None, validator=_unset)
    memory: str = field(default="512m", validator=_is_size)
    cpus: float = field(default=1.0, converter=float, validator=bounds.number(above=0))
    pids: int = field(default=128, validator=bounds.count(1))
    disk: str = field(default="128m", validator=_is_size)
    network: bool = False
    setup_network: bool = True
    setup_timeout: float = field(default=600.0, validator=bounds.number(above=0))
    output_limit: str = field(default="1m", validator=_is_size)
    packages: tuple[str, ...] = field(default=(), converter=texts)
    unsafe_local: bool = False
    root: bool = False
    unsafe_docker_args: bool = False
    kwargs: Mapping[str, Any] = field(factory=dict)

    @property
    def backend(self) -> str:
        """The name of the registered backend."""
        if self.mode == SandboxMode.DOCKER and self.container_runtime is not None:
            return self.container_runtime
        return self.mode

    def made_by(self, backend: str, **settings: Any) -> SandboxConfig:
        """The same environments, made by ``backend``."""
        return evolve(self, mode=backend, container_runtime=None, **settings)

    def environment_spec(self, spec: EnvironmentSpec | None) -> EnvironmentSpec | None:
        """What an environment is made of: what this says, and what an instance needs."""
        setup = tuple(_run_line(line) for line in self.dockerfile_extra)
        if not (setup or self.packages):
            return spec
        wanted = spec or EnvironmentSpec()
        return evolve(
            wanted,
            packages=(*self.packages, *wanted.packages),
            setup=(*setup, *wanted.setup),
        )


def _run_line(line: str) -> str:
    """The command of a ``RUN`` line; a line without the word is one."""
    return line.strip().removeprefix("RUN ").strip()
