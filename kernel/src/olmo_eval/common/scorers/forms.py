"""Other forms of a scorer: in a worker process, in a sandbox, with other models at hand."""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import frozen

from olmo_eval.common.scorers.base import AsyncScorer, Scorer
from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.errors import SandboxRequiredError


class ProcessScorer(Scorer):
    """Base of scorers that compute: ``process_score`` runs in a worker process.

    ``process_pool_name`` is there for packs that name a pool; there is one pool for all.
    """

    cpu_bound: ClassVar[bool] = True
    process_pool_name: str = "default"

    def process_score(self, instance: Instance, output: LMOutput) -> float:
        raise NotImplementedError(f"{type(self).__name__} does not say how to score")

    def score(self, instance: Instance, output: LMOutput) -> float:
        return self.process_score(instance, output)


@frozen
class Ran:
    """How code ended: ``exit_code`` is None where it ran out of time."""

    exit_code: int | None
    stdout: str
    stderr: str
    timed_out: bool = False

    @property
    def success(self) -> bool:
        return self.exit_code == 0

    @property
    def output(self) -> str:
        return self.stdout + self.stderr


class CodeRunner:
    """The sandbox of an episode, for those who only want code or a command to be run in it."""

    _PROGRAMS: ClassVar = {
        "python": ["python3", "-c"],
        "bash": ["bash", "-c"],
        "sh": ["sh", "-c"],
    }

    def __init__(self, episode: Any) -> None:
        self.episode = episode

    async def execute_command(
        self, command: str, timeout: float | None = None, capability: str = "bash", **_: Any
    ) -> Ran:
        """Run a line of shell."""
        return await self._run(["bash", "-c", command], timeout, capability)

    async def execute_code(
        self, code: str, language: str = "python", timeout: float | None = None, **_: Any
    ) -> Ran:
        """Run a program, given as text.

        Raises:
            ValueError: the language is none of python, bash and sh.
        """
        if language not in self._PROGRAMS:
            raise ValueError(f"a sandbox runs python, bash and sh, not {language!r}")
        capability = "python" if language == "python" else "bash"
        if language != "python":
            return await self._run([*self._PROGRAMS[language], code], timeout, capability)
        sandbox = await self.episode.sandbox(capability)
        await sandbox.write("program.py", code.encode("utf-8", "replace"))
        return await self._run(["python3", "program.py"], timeout, capability)

    async def execute(self, command: str, timeout: float | None = None, **more: Any) -> Ran:
        """``execute_command``."""
        return await self.execute_command(command, timeout, **more)

    async def _run(self, argv: list[str], timeout: float | None, capability: str) -> Ran:
        sandbox = await self.episode.sandbox(capability)
        done = await sandbox.exec(argv, timeout=timeout)
        return Ran(done.exit_code, done.stdout, done.stderr, done.timed_out)


class ExecutionScorer(AsyncScorer):
    """Base of scorers that run code: ``ascore`` is given the sandbox as a ``CodeRunner``.

    ``requires`` says what the sandbox must offer, ``{"python"}`` where nothing else is said.
    """

    requires = frozenset({"python"})

    async def ascore(self, instance: Instance, output: LMOutput, sandbox: Any = None) -> float:
        raise NotImplementedError(f"{type(self).__name__} does not say how to score")

    async def score_async(self, instance: Instance, output: LMOutput, episode: Any) -> float:
        return await self.ascore(instance, output, CodeRunner(episode))

    def score(self, instance: Instance, output: LMOutput) -> float:
        raise SandboxRequiredError(
            f"scorer {self.name!r} runs code, which only happens in a run's sandbox",
            hint="evaluate the task with a harness that has a sandbox",
        )


class ContextScorer(AsyncScorer):
    """Base of scorers that ask other models: ``ascore_with_context`` is given the episode, whose
    ``judge(NAME)`` and ``model(NAME)`` are those of the harness.

    ``requires`` says which: ``{"judge"}``, ``{"model:NAME"}``.
    """

    async def ascore_with_context(
        self, instance: Instance, output: LMOutput, context: Any
    ) -> float:
        raise NotImplementedError(f"{type(self).__name__} does not say how to score")

    async def score_async(self, instance: Instance, output: LMOutput, episode: Any) -> float:
        return await self.ascore_with_context(instance, output, episode)
