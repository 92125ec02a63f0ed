"""Benchmarks whose program runs in a container of its own."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from olmo_eval.common.types import EnvironmentSpec
from olmo_eval.errors import RunFailedError, UsageError
from olmo_eval.evals.external.context import Environment
from olmo_eval.evals.external.external import ExternalEval, ExternalEvalResult

#: files that are fetched out of a sandbox, and bytes of one
_MOST_FILES = 10_000
OUTPUT = "output.txt"


class SandboxedExternalEval(ExternalEval):
    """Base of evals whose program runs in a sandbox of the harness.

    The smallest one says what is run, and reads what it leaves::

        class Riddles(SandboxedExternalEval):
            name = "riddles"
            sandbox_image = "localhost/riddles:1"
            run_command = "riddles --model $OPENAI_MODEL --out /results/scores.json"
            metrics = (ExternalMetric("accuracy", higher_is_better=True),)

            def read_results(self, folder, output):
                found = json.loads((folder / "scores.json").read_text())
                return ExternalEvalResult(metrics={"accuracy": found["accuracy"]})

    The program finds the model in its variables: ``OPENAI_BASE_URL``, ``OPENAI_API_KEY`` and
    ``OPENAI_MODEL``; it needs no network for that, and has none unless the harness's sandbox gives
    one. Arguments of the eval are the variables ``ARG_NAME``, and ``required_secrets`` are passed
    on by their names. The backend is the harness's (``--sandbox docker``); the container ends with
    the run.

    An eval that needs something else overrides ``execute``, as published ones do.
    """

    sandbox_image: ClassVar[str] = ""
    working_dir: ClassVar[str] = "/workspace"
    setup_command: ClassVar[str] = ""
    results_dir: ClassVar[str] = "/results"
    requires: ClassVar[tuple[str, ...]] = ("bash",)

    @classmethod
    def needs(cls, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """What the harness must have, asked before anything is run.

        Raises:
            UsageError: nothing says how its results would be read.
        """
        if cls._runs_itself():
            return ()
        if cls.read_results is SandboxedExternalEval.read_results:
            raise UsageError(
                f"{cls.__name__} does not say how its results are read",
                hint="define read_results(self, folder, output), or an execute of its own",
            )
        return cls.requires

    @classmethod
    def environment(cls, arguments: Mapping[str, Any]) -> EnvironmentSpec | None:
        if cls._runs_itself():
            return None
        setup = (cls.setup_command,) if cls.setup_command else ()
        return EnvironmentSpec(image=cls.get_sandbox_image() or None, setup=setup)

    @classmethod
    def _runs_itself(cls) -> bool:
        """Whether it brings an ``execute`` of its own, which sees to its container by itself."""
        return cls.execute is not SandboxedExternalEval.execute

    @classmethod
    def get_sandbox_image(cls) -> str:
        """The image; "" for that of the harness's sandbox."""
        return cls.sandbox_image

    async def execute(self, context: Any) -> ExternalEvalResult:
        """Run ``run_command`` in a sandbox, fetch what is below ``results_dir``, and read it.

        Raises:
            RunFailedError: the program failed, or ran out of time. SandboxError: the sandbox did.
        """
        arguments = context.arguments
        context.message("preparing its sandbox")
        sandbox = await context.sandbox(self.environment(arguments))
        made = await sandbox.exec(["mkdir", "-p", self.results_dir])
        if not made.ok:
            raise RunFailedError(
                f"{self.results_dir} cannot be written in the sandbox",
                hint=f"results_dir may be below {self.working_dir}",
            )
        done = await sandbox.exec_with_endpoint(
            ["sh", "-c", self.run_command],
            timeout=self.timeout_seconds,
            env=self._variables(arguments),
        )
        printed = done.stdout + done.stderr
        (context.folder / OUTPUT).write_text(context.clean(printed), encoding="utf-8")
        folder = context.folder / "results"
        await _fetch(sandbox, self.results_dir, folder)
        if done.exit_code != 0:
            how = "ran out of time" if done.timed_out else f"ended with exit code {done.exit_code}"
            said = [line for line in printed.splitlines() if line.strip()] or ["it said nothing"]
            raise RunFailedError(
                f"its program {how}: {context.clean(said[-1])}",
                hint=f"output: {context.folder / OUTPUT}",
            )
        return self.read_results(folder, printed)

    def _variables(self, arguments: Mapping[str, Any]) -> dict[str, str]:
        secrets = {name: os.environ[name] for name in self.required_secrets}
        return {**{f"ARG_{name.upper()}": _text(v) for name, v in arguments.items()}, **secrets}

    def read_results(self, folder: Path, output: str) -> ExternalEvalResult:
        """The result, from the files that were below ``results_dir`` and from what was printed."""
        raise NotImplementedError


def _text(value: Any) -> str:
    return "" if value is None else str(value)


async def _fetch(sandbox: Environment, where: str, into: Path) -> None:
    """Copy the files below a folder of the sandbox."""
    os.makedirs(into, exist_ok=True)
    command = f"cd {shlex.quote(where)} && find . -type f | head -n {_MOST_FILES}"
    listed = await sandbox.exec(["sh", "-c", command])
    for line in listed.stdout.splitlines():
        name = PurePosixPath(line)
        if name.is_absolute() or ".." in name.parts:
            continue
        path = into / name
        content = await sandbox.read(str(PurePosixPath(where) / name))
        os.makedirs(path.parent, exist_ok=True)
        path.write_bytes(content)
