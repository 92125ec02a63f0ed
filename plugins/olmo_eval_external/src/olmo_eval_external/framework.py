"""What the wrapped frameworks have in common: their environment, their program, their report."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from attrs import Factory, define

from olmo_eval.data.loader import file_sha256
from olmo_eval.errors import UsageError
from olmo_eval.evals.external import (
    Argument,
    ExternalContext,
    ExternalEval,
    ExternalMetric,
)
from olmo_eval_external.environments import Requirements, given_venv, installed_version, ready
from olmo_eval_external.program import Event, Program, check_secrets

LOG = "log.txt"

#: arguments of every framework
ENVIRONMENT: Mapping[str, Argument] = {
    "venv": Argument("virtual environment to run in; by default one is made", type=str, pace=True),
    "python": Argument("interpreter that one is made of", type=str, pace=True),
    "timeout": Argument("seconds that it may take", 24 * 3600.0, pace=True),
    "concurrency": Argument("requests at once; by default the provider's", type=int, pace=True),
    "secrets": Argument("variables to pass on, such as HF_TOKEN, with commas", "", pace=True),
}


@define
class Reported:
    """What the program has said so far: metrics and samples in order, and facts."""

    metrics: list[Event] = Factory(list)
    samples: list[Event] = Factory(list)
    metadata: dict[str, Any] = Factory(dict)


class Framework(ExternalEval):
    """Base of evals that run a framework as a program.

    ``script`` is the program (below ``inside/``), ``pinned`` what its environment must have.
    """

    pinned: ClassVar[Requirements]
    script: ClassVar[str]
    timeout_seconds: ClassVar[float] = 30 * 24 * 3600.0  # the argument is what limits it

    @classmethod
    def data(cls, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The version of the framework, and the content of the files that arguments name."""
        needs = cls.requirements(arguments)
        version: str | None = needs.version
        if arguments["venv"] is not None:
            folder = given_venv(arguments["venv"], needs)
            version = installed_version(folder, needs.distribution)
        check_secrets(names(arguments["secrets"]))
        files = {name: tree_digest(Path(name)) for name in cls.files(arguments)}
        return {needs.distribution: version, **files}

    @classmethod
    def requirements(cls, arguments: Mapping[str, Any]) -> Requirements:
        """What the environment must have for ``arguments``."""
        return cls.pinned

    @classmethod
    def files(cls, arguments: Mapping[str, Any]) -> Sequence[str]:
        """Files and folders that arguments name."""
        return ()

    def job(self, context: ExternalContext) -> dict[str, Any]:
        """What the program is told to do, besides the model to ask."""
        raise NotImplementedError

    async def run_program(
        self, context: ExternalContext, environment: Mapping[str, str] | None = None
    ) -> Reported:
        """Run the program, and what it reports."""
        told = context.arguments
        log = context.folder / LOG
        needs = self.requirements(told)
        python = await ready(needs, told["venv"], told["python"], context.message, log)
        endpoint = context.endpoint()
        found = Reported()

        def hear(event: Event) -> None:
            kind = event["event"]
            if kind == "progress":
                context.progress(event["done"], event["total"])
            elif kind == "message":
                context.message(event["text"])
            elif kind == "metric":
                found.metrics.append(event)
            elif kind == "sample":
                found.samples.append(event)
            elif kind == "metadata":
                found.metadata.update(event["value"])

        program = Program(
            self.script,
            python,
            context.folder,
            log,
            environment or {},
            names(told["secrets"]),
        )
        model = {
            "base_url": endpoint.base_url,
            "api_key": endpoint.api_key,
            "model": endpoint.model,
            "concurrency": told["concurrency"] or context.max_concurrency,
        }
        await program.run({**self.job(context), **model}, hear, told["timeout"])
        return found


def names(text: str) -> tuple[str, ...]:
    """The parts of a text with commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def absolute(path: str | None) -> str | None:
    """A path that holds from another folder too."""
    return None if path is None else os.path.abspath(os.path.expanduser(path))


def tree_digest(path: Path) -> str:
    """A digest of a file, or of all files below a folder and their names.

    Raises:
        UsageError: there is nothing.
    """
    if not path.exists():
        raise UsageError(f"there is no {path}")
    if path.is_file():
        return file_sha256(path)[:16]
    state = hashlib.sha256()
    for inner in sorted(path.rglob("*")):
        if inner.is_file() and "__pycache__" not in inner.parts:
            state.update(f"{inner.relative_to(path)}\0{file_sha256(inner)}\0".encode())
    return state.hexdigest()[:16]


def directed(
    events: Sequence[Event], arguments: Mapping[str, Any], say: Callable[[str], None]
) -> dict[str, ExternalMetric]:
    """The metrics that are reported, by the names they are reported under. One whose direction
    nobody says is left out, and ``say`` is told.

    Raises:
        UsageError: none is left.
    """
    lower, higher = names(arguments["lower_is_better"]), names(arguments["higher_is_better"])
    found: dict[str, ExternalMetric] = {}
    unknown: list[str] = []
    for event in events:
        name = event["name"]
        better = False if name in lower else True if name in higher else event["higher"]
        if better is None:
            unknown.append(name)
            continue
        found[name] = ExternalMetric(name.replace(":", "."), higher_is_better=better)
    hint = (
        f"-a higher_is_better={unknown[0]}, or -a lower_is_better={unknown[0]}" if unknown else ""
    )
    if not found:
        raise UsageError(
            f"it is not known whether higher is better: {', '.join(unknown)}"
            if unknown
            else "it reports no metric",
            hint=hint or None,
        )
    if unknown:
        told = ", ".join(unknown)
        say(f"left out, since it is not known whether higher is better: {told} ({hint})")
    return found


#: arguments of frameworks whose metrics do not all say which direction is better
DIRECTIONS: Mapping[str, Argument] = {
    "higher_is_better": Argument("metrics of which higher is better, with commas", ""),
    "lower_is_better": Argument("metrics of which lower is better, with commas", ""),
}
