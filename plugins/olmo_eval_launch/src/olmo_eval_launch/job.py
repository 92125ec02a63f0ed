"""What a job of a scheduler is made of: the specs of runs, what it may use, and where it runs."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from attrs import field, frozen

from olmo_eval.common import bounds
from olmo_eval.errors import MissingDependencyError, OlmoEvalError, UsageError
from olmo_eval.runner.spec import RunSpec


@frozen
class Job:
    """So many processes, ``workers`` for each spec, that run ``olmo-eval run --spec``.

    ``gpus`` and ``cpus`` are those of one process, ``memory`` is as Kubernetes writes it
    (``64Gi``), ``hours`` how long it may take. ``secrets`` name what holds the environment of the
    providers; ``options`` go to the scheduler as they are.
    """

    name: str
    specs: tuple[RunSpec, ...]
    workers: int = field(default=1, validator=bounds.count(1))
    gpus: int = field(default=0, validator=bounds.count())
    cpus: int = field(default=2, validator=bounds.count(1))
    memory: str = "8Gi"
    hours: float = field(default=24.0, validator=bounds.number(above=0))
    image: str | None = None
    setup: str | None = None
    secrets: tuple[str, ...] = ()
    options: Mapping[str, str] = field(factory=dict)

    @property
    def processes(self) -> int:
        return len(self.specs) * self.workers

    @property
    def arguments(self) -> str:
        """What each process is given besides its spec; a single one makes its run alone."""
        return "--spec - --workers join" if self.workers > 1 else "--spec -"

    @property
    def megabytes(self) -> int:
        """The memory of one process in MiB.

        Raises:
            UsageError: it is no size.
        """
        match = re.fullmatch(r"(\d+(?:\.\d+)?)(Mi|Gi|Ti)", self.memory)
        if match is None:
            raise UsageError(f"memory {self.memory!r} is no size", hint="write it as 64Gi or 512Mi")
        return int(float(match[1]) * {"Mi": 1, "Gi": 1024, "Ti": 1024**2}[match[2]])


class Launcher:
    """A scheduler: how a job is written for it, and submitted.

    ``elsewhere`` says that processes do not start in the present folder.
    """

    suffix: ClassVar[str]
    elsewhere: ClassVar[bool] = True
    program: ClassVar[str]
    #: where the program comes from
    install: ClassVar[str]

    def render(self, job: Job) -> str:
        """The file that describes the job. Raises UsageError."""
        raise NotImplementedError

    def command(self, file: Path) -> Sequence[str]:
        """What submits the file."""
        raise NotImplementedError

    def submit(self, file: Path) -> str:
        """Submit a rendered file; returns what the scheduler says.

        Raises:
            MissingDependencyError: its program is not here. OlmoEvalError: it refuses.
        """
        command = self.command(file)
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise MissingDependencyError(
                f"{self.program} is not here, which submits the job", hint=self.install
            ) from error
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines() or ["no reason is given"]
            raise OlmoEvalError(
                f"{self.program} refuses the job: {said[-1]}", hint=f"it is kept in {file}"
            )
        return done.stdout.strip()

    def refuse(self, job: Job) -> None:
        """Raise what speaks against the job.

        Raises:
            UsageError: its processes would not share results, or would not find something.
        """
        if not job.specs:
            raise UsageError("no spec is given", hint="olmo-eval run ... --print-spec > run.json")
        if self.elsewhere and job.image is None:
            raise UsageError(
                "no image is given, in which olmo-eval is installed", hint="--image NAME"
            )
        for spec in job.specs:
            if (
                self.elsewhere
                and "://" not in spec.results
                and not Path(spec.results).is_absolute()
            ):
                raise UsageError(
                    f"the results of {spec.model or 'a spec'} go to {spec.results!r}, which lies "
                    "in whatever folder a process starts in",
                    hint="--results with a URL, or the whole path of a volume, when the spec is "
                    "printed",
                )
            if spec.fresh:
                raise UsageError(
                    "a spec says fresh: a job that is started again would begin anew",
                    hint="give the run another --name instead",
                )


def job_name(text: str) -> str:
    """``text`` as every scheduler takes a name: lower case, digits, hyphens, 52 characters."""
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:52].strip("-")
    return slug if slug and slug[0].isalpha() else f"eval-{slug}".strip("-")
