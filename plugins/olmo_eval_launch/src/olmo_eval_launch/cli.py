"""``olmo-eval launch``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from olmo_eval.errors import UsageError
from olmo_eval.runner.spec import RunSpec
from olmo_eval_launch.beaker import Beaker
from olmo_eval_launch.job import Job, Launcher, job_name
from olmo_eval_launch.kubernetes import Kubernetes
from olmo_eval_launch.modal import Modal
from olmo_eval_launch.slurm import Slurm

LAUNCHERS: dict[str, type[Launcher]] = {
    "slurm": Slurm,
    "kubernetes": Kubernetes,
    "beaker": Beaker,
    "modal": Modal,
}


@click.command()
@click.argument("scheduler", type=click.Choice(list(LAUNCHERS)))
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...")
@click.option("--name", help="Name of the job. Default: made of the models.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Processes that divide each run among themselves.",
)
@click.option("--gpus", type=click.IntRange(0), default=0, show_default=True, help="A process.")
@click.option("--cpus", type=click.IntRange(1), default=2, show_default=True, help="A process.")
@click.option("--memory", default="8Gi", show_default=True, help="A process.")
@click.option(
    "--hours",
    type=click.FloatRange(0, min_open=True),
    default=24.0,
    show_default=True,
    help="How long a process may take.",
)
@click.option("--image", help="Container image in which olmo-eval is installed.")
@click.option("--setup", metavar="COMMAND", help="Shell command that comes first.")
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="NAME",
    help="Secret of the scheduler whose variables the processes get. Repeatable.",
)
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="Setting of the scheduler (partition=gpu). Repeatable.",
)
@click.option("--output", metavar="FILE", help="Write the job here. Default: NAME and a suffix.")
@click.option("--submit", is_flag=True, help="Submit it as well.")
def launch(
    scheduler: str,
    specs: Sequence[str],
    name: str | None,
    options: Sequence[str],
    secrets: Sequence[str],
    output: str | None,
    submit: bool,
    **resources: Any,
) -> int:
    """Write the job that makes the runs of each SPEC on a scheduler, and submit it.

    A SPEC is what `olmo-eval run ... --print-spec` printed; `-` reads one. Processes that are
    preempted and started again go on where they were stopped.
    """
    read = tuple(map(_spec, specs))
    job = Job(
        name=job_name(name or f"eval-{'-'.join(_short(spec.model) for spec in read[:3])}"),
        specs=read,
        secrets=tuple(secrets),
        options=dict(map(_option, options)),
        **resources,
    )
    launcher = LAUNCHERS[scheduler]()
    text = launcher.render(job)
    if output == "-":
        click.echo(text, nl=False)
    file = Path(f"{job.name}{launcher.suffix}" if output in (None, "-") else str(output))
    if output != "-" or submit:
        _write(file, text)
        processes = f"{job.processes} process{'es' if job.processes != 1 else ''}"
        click.echo(f"{file}: {processes}, {len(read)} run{'s' if len(read) != 1 else ''}", err=True)
    if submit:
        click.echo(launcher.submit(file))
    elif output != "-":
        click.echo(f"submit it: {' '.join(launcher.command(file))}", err=True)
    return 0


def _spec(file: str) -> RunSpec:
    try:
        with click.open_file(file, "rb") as stream:
            return RunSpec.from_json(stream.read(), where=f"{file}: spec")
    except OSError as error:
        raise UsageError(f"spec {file}: {error.strerror or error}") from error


def _short(model: str) -> str:
    return model.rstrip("/").rpartition("/")[2] or "model"


def _option(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    if not key:
        raise UsageError(f"option {text!r} has no name", hint="--option KEY=VALUE")
    return key, value


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write {file}: {error.strerror or error}", hint="--output names another file"
        ) from error
