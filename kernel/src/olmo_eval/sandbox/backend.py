"""What a sandbox backend must do for one environment, and nothing else.

Pooling, routing, limits on how many, and retries are the planner's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from attrs import frozen

from olmo_eval.common.types import EnvironmentSpec
from olmo_eval.errors import OlmoEvalError
from olmo_eval.sandbox.config import SandboxConfig


class SandboxError(OlmoEvalError):
    """The environment itself failed (not the program in it): the outcome is infra_failed."""


@frozen
class ExecResult:
    """How a command ended.

    ``exit_code`` is None where it was ended for running past its ``timeout``; what it printed
    until then is kept. ``truncated`` says that output beyond the limit was cut; ``seconds`` is
    wall-clock time. ``limit`` names the other limit that ended it: ``memory``, ``processes`` or
    ``output``; None where it ended by itself, or nobody can tell.
    """

    exit_code: int | None
    stdout: str
    stderr: str
    timed_out: bool = False
    truncated: bool = False
    seconds: float = 0.0
    limit: str | None = None

    @property
    def ok(self) -> bool:
        return self.exit_code == 0


class Sandbox:
    """One running environment, used by one episode at a time."""

    async def exec(
        self,
        argv: Sequence[str],
        *,
        timeout: float | None = None,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> ExecResult:
        """Run a program; a ``timeout`` (seconds) ends everything it started, inside the sandbox:
        its children, what they have put into the background, and sessions of their own. So does
        cancelling the call. Nothing may go on, and what was printed until then is returned.

        Raises:
            SandboxError: the environment is gone or cannot run anything.
        """
        raise NotImplementedError

    async def write(self, path: str, data: bytes) -> None:
        """Write a file; relative paths are below the working directory; folders are made."""
        raise NotImplementedError

    async def read(self, path: str) -> bytes:
        """Read a file.

        Raises:
            FileNotFoundError: there is none. OSError: what is there cannot be read.
            SandboxError: the environment is gone.
        """
        raise NotImplementedError

    async def reset(self) -> bool:
        """Make the environment as ``create`` gave it; False where that is not certain.

        It is then closed, as it is by default. Nothing runs in it when this is called.
        """
        return False

    async def close(self) -> None:
        """End the environment and everything in it. Called once, whatever happened before."""
        raise NotImplementedError


@frozen
class Lease:
    """An environment that a backend knows, whoever made it.

    ``expires`` is in seconds since 1970; ``expired`` says that nobody can be using it any more.
    """

    id: str
    run_id: str
    expires: float
    expired: bool


@frozen
class BuiltImage:
    """What a backend has built of an ``EnvironmentSpec`` and keeps for whoever wants the same.

    ``size`` is in bytes, ``created`` in seconds since 1970.
    """

    name: str
    size: int
    created: float


class SandboxBackend:
    """Base of backends: makes environments from one configuration.

    ``isolates`` says whether code inside is kept from the host; a backend that does not isolate
    is refused unless the configuration says ``unsafe_local``. Where that depends on the machine,
    ``isolated`` finds out.

    ``enforces`` names what it promises to enforce: ``network``, ``memory``, ``processes``,
    ``disk``, ``read_only``, ``user``, ``time``, ``output`` (``olmo_eval.sandbox.probes``). Each is
    tried by ``olmo-eval sandbox check`` and by the conformance kit, which ask a backend that was
    started: ``start`` may set there what this machine allows. A configuration that opens the
    network takes that promise back.

    ``handles`` are the fields of an ``EnvironmentSpec`` that ``create`` itself sees to. Where
    ``files`` or ``setup`` are not among them, the planner writes the files and runs the commands
    in the finished environment; an instance that wants another field that is not among them
    (``image``, ``packages``, ``working_dir``, ``variables``, ``writable``, ``root``) is refused.

    ``automatic`` says that it may be taken where nobody names a backend: it isolates, runs on this
    machine and costs nothing, as a container engine does.

    ``most`` is how many environments there may be at once where a configuration does not say; None:
    as many as this machine carries, whose processors and memory they use.
    """

    isolates: ClassVar[bool] = True
    automatic: ClassVar[bool] = False
    handles: ClassVar[frozenset[str]] = frozenset()
    enforces: frozenset[str] = frozenset()
    most: ClassVar[int | None] = None

    @classmethod
    def isolated(cls, config: SandboxConfig) -> bool:
        """Whether environments of ``config``, made on this machine, keep code from the host."""
        return cls.isolates

    @classmethod
    def refusals(cls, config: SandboxConfig) -> list[str]:
        """Why environments cannot be made of ``config``, each with the way out; [] if they can.

        Asked before anything is loaded, and asks nobody: an SDK or credentials that are missing,
        what a configuration opens, sets in vain, or sets wrongly.
        """
        return []

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        if config.network:
            self.enforces = self.enforces - {"network"}

    async def start(self) -> None:
        """Check that the engine is there. Raises SandboxError with the way out."""

    async def prepare(self, run_id: str, spec: EnvironmentSpec | None) -> None:
        """Do once what every environment of ``spec`` shares: fetch its image, install its packages,
        run its set-up commands. Called before the first ``create``; by default nothing.

        Raises:
            SandboxError: it cannot be done.
        """

    async def create(self, run_id: str, spec: EnvironmentSpec | None = None) -> Sandbox:
        """A fresh environment for the run ``run_id`` (which a container's label carries).

        ``spec`` is what an instance needs; None: the configuration alone says what it is.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how to create")

    async def leases(self) -> list[Lease]:
        """The environments there are, of all runs; by default none outlives its run's process."""
        return []

    async def images(self) -> list[BuiltImage]:
        """What was built of specs, and is kept; by default nothing is."""
        return []

    async def remove_image(self, name: str) -> None:
        """Remove one of ``images()``; whoever wants the same later builds it anew.

        Raises:
            SandboxError: an environment uses it, or it cannot be removed.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how to remove an image")

    async def reap(self) -> list[str]:
        """Remove environments whose lease has expired, whoever made them; what was removed, by id.

        Nothing that lives, and nothing that is not ours, is touched. By default there is nothing
        that could be left behind.
        """
        return []

    async def close(self) -> None:
        """Give back what ``start`` took."""
