"""``SandboxManager`` and ``SandboxExecutor``: environments for programs that hold them themselves.

Runs need neither: a task, a tool or a scorer is given its environment by its episode. These are the
published names, over the same planner and pools.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
from attrs import define, evolve, field

from olmo_eval.common.sequences import items
from olmo_eval.errors import UsageError
from olmo_eval.sandbox.backend import ExecResult, Sandbox, SandboxError
from olmo_eval.sandbox.binding import Binding
from olmo_eval.sandbox.config import Capability, SandboxConfig
from olmo_eval.sandbox.planner import SandboxPlanner

_FILES = {"python": ("program.py", "python3"), "bash": ("program.sh", "bash")}
_FILES["sh"] = ("program.sh", "sh")


class SandboxExecutor:
    """One environment, from ``start`` to ``stop``, also as an async context manager.

    Commands share it: files stay, processes do not. At most ``config.max_concurrency`` run at
    once. ``name`` stands on it as its run; ``modal_app_name`` is the app of the backend ``modal``.
    """

    def __init__(
        self,
        config: SandboxConfig,
        name: str | None = None,
        modal_app_name: str | None = None,
    ) -> None:
        if modal_app_name is not None:
            given = {**(config.modal_sandbox_kwargs or {}), "app_name": modal_app_name}
            config = evolve(config, modal_sandbox_kwargs=given)
        self.config = config
        self.name = name or "executor"
        self._planner: SandboxPlanner | None = None
        self._binding: Binding | None = None
        self._slots = anyio.CapacityLimiter(config.max_concurrency)

    @property
    def is_running(self) -> bool:
        return self._binding is not None

    async def start(self) -> None:
        """Make the environment. Raises SandboxError."""
        if self._binding is None:
            self._planner = SandboxPlanner([evolve(self.config, instances=1)], run_id=self.name)
            binding = self._planner.binding(())
            await binding.get()
            self._binding = binding

    async def stop(self) -> None:
        """End it; once is enough, and twice does no harm."""
        self._binding = None
        planner, self._planner = self._planner, None
        if planner is not None:
            await planner.close()

    async def __aenter__(self) -> SandboxExecutor:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def get_deployment(self) -> Sandbox:
        """The environment itself.

        Raises:
            SandboxError: it was not started.
        """
        if self._binding is None:
            raise SandboxError("the executor is not running", hint="await executor.start()")
        return await self._binding.get()

    async def execute_command(self, command: str, timeout: float | None = None) -> ExecResult:
        """Run a line of shell (``config.exec_shell``, else ``bash``)."""
        return await self.execute([self.config.exec_shell or "bash", "-c", command], timeout)

    async def execute_code(
        self, code: str, language: str = "python", timeout: float | None = None
    ) -> ExecResult:
        """Run a program, given as text of any length.

        Raises:
            UsageError: the language is none of python, bash and sh.
        """
        if language not in _FILES:
            raise UsageError(f"a sandbox runs python, bash and sh, not {language!r}")
        file, program = _FILES[language]
        sandbox = await self.get_deployment()
        await sandbox.write(file, code.encode("utf-8", "replace"))
        return await self.execute([program, file], timeout)

    async def execute(
        self, command: str | Sequence[str], timeout: float | None = None
    ) -> ExecResult:
        """Run a program with its arguments; a text is a line of shell."""
        if isinstance(command, str):
            return await self.execute_command(command, timeout)
        sandbox = await self.get_deployment()
        async with self._slots:
            return await sandbox.exec(command, timeout=timeout)

    async def execute_in_session(
        self, command: str, session: str = "default", timeout: float | None = None
    ) -> ExecResult:
        """Run a line of shell in the folder and with the exported variables that the line before
        it in the same ``session`` has left."""
        state = f".session-{session}"
        line = (
            f'if [ -f {state}.env ]; then . ./{state}.env; cd "$(cat {state}.cwd)"; fi\n'
            f'trap \'olmo_eval_code=$?; export -p > "$OLMO_EVAL_HOME/{state}.env"; '
            f'pwd > "$OLMO_EVAL_HOME/{state}.cwd"; exit $olmo_eval_code\' EXIT\n{command}\n'
        )
        sandbox = await self.get_deployment()
        await sandbox.write(f"{state}.sh", f"OLMO_EVAL_HOME=$PWD\n{line}".encode())
        return await self.execute(["bash", f"{state}.sh"], timeout)


@define(eq=False)
class ExecutorBinding:
    """An executor that its holder has for itself until ``release``."""

    id: str
    executor: SandboxExecutor
    capabilities: frozenset[str]
    _manager: SandboxManager = field(repr=False)
    _released: bool = False

    async def execute_in_session(self, command: str, timeout: float | None = None) -> ExecResult:
        """Run a line of shell in the session of this binding."""
        return await self.executor.execute_in_session(command, self.id, timeout)

    async def release(self) -> None:
        """Give the executor back; what is in it is removed before it is given out again."""
        if not self._released:
            self._released = True
            await self._manager._take_back(self)


class _Shared(SandboxExecutor):
    """An executor over an environment of a manager's planner."""

    def __init__(self, config: SandboxConfig, name: str, binding: Binding, capability: str) -> None:
        super().__init__(config, name)
        self._capability = capability
        self._binding = binding

    async def get_deployment(self) -> Sandbox:
        assert self._binding is not None
        return await self._binding.get(self._capability)

    async def stop(self) -> None:
        binding, self._binding = self._binding, None
        if binding is not None:
            await binding.close()


class SandboxManager:
    """Environments of several configurations by what they offer; also an async context manager.

    ``execute*`` run in an environment that is as new and is theirs alone; whoever needs one for
    longer takes a ``binding``, and waits for it where all are taken. ``owner`` stands on every
    environment as its run.
    """

    def __init__(self, configs: Iterable[SandboxConfig], owner: str = "default") -> None:
        self.configs: tuple[SandboxConfig, ...] = items(configs)
        self.owner = owner
        self._planner: SandboxPlanner | None = None
        self._given = 0

    @property
    def is_running(self) -> bool:
        return self._planner is not None

    @property
    def executor_count(self) -> int:
        """How many environments there may be at once."""
        return sum(self._running.places(c) for c in range(len(self.configs)))

    @property
    def _running(self) -> SandboxPlanner:
        if self._planner is None:
            raise SandboxError("the manager is not running", hint="await manager.start()")
        return self._planner

    async def start(self) -> None:
        """Be ready; environments are made when they are asked for."""
        if self._planner is None:
            self._planner = SandboxPlanner(self.configs, run_id=self.owner)

    async def stop(self) -> None:
        """End every environment."""
        planner, self._planner = self._planner, None
        if planner is not None:
            await planner.close()

    async def __aenter__(self) -> SandboxManager:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def get_execution_semaphore(self, capability: str = Capability.BASH) -> anyio.Semaphore:
        """As many as there may be environments that offer ``capability``."""
        offering = [i for i, c in enumerate(self.configs) if capability in c.capabilities]
        return anyio.Semaphore(sum(map(self._running.places, offering)))

    async def acquire_binding(
        self, capabilities: str | Iterable[str] = Capability.BASH
    ) -> ExecutorBinding:
        """An executor that offers all ``capabilities``, for its holder alone.

        Raises:
            SandboxError: none offers them, or it cannot be made.
        """
        wanted = frozenset(str(one) for one in items(capabilities)) - {Capability.DEFAULT.value}
        binding = self._running.binding(wanted)
        capability = min(wanted, default=Capability.DEFAULT.value)
        await binding.get(capability)
        self._given += 1
        name = f"{self.owner}-{self._given}"
        config = binding.config(capability)
        executor = _Shared(config, name, binding, capability)
        return ExecutorBinding(name, executor, frozenset(config.capabilities), self)

    async def _take_back(self, given: ExecutorBinding) -> None:
        await given.executor.stop()

    @asynccontextmanager
    async def binding(
        self, capabilities: str | Iterable[str] = Capability.BASH
    ) -> AsyncIterator[ExecutorBinding]:
        """``acquire_binding`` for the length of a block."""
        given = await self.acquire_binding(capabilities)
        try:
            yield given
        finally:
            with anyio.CancelScope(shield=True):
                await given.release()

    async def get_executor(self, capability: str = Capability.BASH) -> SandboxExecutor:
        """An executor of its own, not started: whoever asks for it starts and stops it.

        Raises:
            SandboxError: none offers ``capability``.
        """
        config = self._running.binding({str(capability)}).config(str(capability))
        return SandboxExecutor(config, self.owner)

    async def execute(
        self,
        command: str | Sequence[str],
        timeout: float | None = None,
        capability: str = Capability.BASH,
    ) -> ExecResult:
        """Run a program with its arguments, or a line of shell, in an environment as new."""
        async with self.binding(capability) as given:
            return await given.executor.execute(command, timeout)

    async def execute_command(
        self, command: str, timeout: float | None = None, capability: str = Capability.BASH
    ) -> ExecResult:
        """Run a line of shell in an environment as new."""
        return await self.execute(command, timeout, capability)

    async def execute_code(
        self,
        code: str,
        language: str = "python",
        timeout: float | None = None,
        capability: str | None = None,
    ) -> ExecResult:
        """Run a program, given as text, in an environment as new."""
        usual: Any = Capability.PYTHON if language == "python" else Capability.BASH
        async with self.binding(capability or usual) as given:
            return await given.executor.execute_code(code, language, timeout)
