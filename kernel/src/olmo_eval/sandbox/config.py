"""How one kind of sandbox is set up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import field, frozen

from olmo_eval.common import bounds
from olmo_eval.common.sequences import texts

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


@frozen
class SandboxConfig:
    """One kind of environment that tools and scorers may use.

    - ``backend``: name of a registered sandbox backend;
    - ``capabilities``: what it offers to those who ask: ``bash``, ``python``, ``sandbox:NAME``;
    - ``image``: container image, for backends that have images;
    - ``instances``: at most this many at once;
    - ``memory``: such as ``512m``, a power of 1024 bytes;
    - ``cpus``: in cores;
    - ``pids``: processes at once;
    - ``disk``: for what programs write, such as ``1g``;
    - ``network``: False gives no network at all;
    - ``setup_network``: whether packages and set-up commands of an instance's environment may use
      one, before anything a model wrote is there;
    - ``startup_timeout``: seconds until a new environment must answer;
    - ``command_timeout``: seconds for a command that says no time of its own; with it ends
      everything that the command has started;
    - ``setup_timeout``: seconds for what an instance's environment needs;
    - ``output_limit``: how much of a command's output is kept, such as ``1m``;
    - ``working_dir``: the folder that relative paths start from;
    - ``environment``: variables that commands find set;
    - ``kwargs``: options of the backend's own;
    - ``unsafe_local``: must be True for a backend that does not isolate (``local``).
    """

    plain_data: ClassVar[bool] = True

    backend: str = "docker"
    image: str | None = None
    capabilities: tuple[str, ...] = field(default=("bash", "python"), converter=texts)
    instances: int = field(default=4, validator=bounds.count(1, bounds.MOST_IN_FLIGHT))
    memory: str = field(default="512m", validator=_is_size)
    cpus: float = field(default=1.0, converter=float, validator=bounds.number(above=0))
    pids: int = field(default=128, validator=bounds.count(1))
    disk: str = field(default="128m", validator=_is_size)
    network: bool = False
    setup_network: bool = True
    startup_timeout: float = field(default=60.0, validator=bounds.number(above=0))
    setup_timeout: float = field(default=600.0, validator=bounds.number(above=0))
    command_timeout: float = field(default=30.0, validator=bounds.number(above=0))
    output_limit: str = field(default="1m", validator=_is_size)
    working_dir: str = "/workspace"
    environment: Mapping[str, str] = field(factory=dict)
    unsafe_local: bool = False
    kwargs: Mapping[str, Any] = field(factory=dict)
