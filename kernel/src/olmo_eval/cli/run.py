"""``olmo-eval run``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from olmo_eval.cli.garbage import rare_collections
from olmo_eval.cli.options import (
    F,
    FiniteRange,
    OrderedCommand,
    fail_if_missing_option,
    json_option,
    override_option,
    results_option,
    reuse_by_name_option,
    strict_option,
)
from olmo_eval.cli.specs import read_spec, specs_of
from olmo_eval.cli.sweep import Sweep
from olmo_eval.errors import UsageError

if TYPE_CHECKING:
    from olmo_eval.results.store import Run
    from olmo_eval.runner.job import Job
    from olmo_eval.runner.plan import Plan
    from olmo_eval.runner.spec import RunSpec


def model_and_tasks(*, required: bool) -> Callable[[Any], Any]:
    """The options that say what to run, shared with other commands; whether -m is required."""

    def add(command: Any) -> Any:
        command = click.option(
            "--step", type=click.IntRange(0), help="Training step of the checkpoint."
        )(command)
        command = tasks_and_harness(command)
        return click.option(
            "-m",
            "--model",
            "models",
            multiple=True,
            required=required,
            help="Checkpoint folder, or a pattern of some ('checkpoints/*'); hub id, preset, "
            "provider:model, or mock. Repeatable.",
        )(command)

    return add


def tasks_and_harness(command: F) -> F:
    """The options that say what is asked of a model, whichever it is."""
    for option in reversed(_ASKED):
        command = option(command)
    return command


_ASKED: Sequence[Callable[[Any], Any]] = (
    click.option("-t", "--task", "tasks", multiple=True, help="Task spec or suite. Repeatable."),
    override_option("Override a setting of the -t or --harness before it."),
    click.option("-H", "--harness", help="Harness preset."),
    click.option("--harness-config", metavar="FILE", help="Harness from a YAML file."),
    click.option("--provider", metavar="KIND", help="Inference provider."),
    click.option("--sandbox", metavar="BACKEND", help="What makes the environments."),
    click.option("--judge", metavar="MODEL", help="Model of the judges, named as for -m."),
    click.option("--limit", type=click.IntRange(1), help="Instances per task: a seeded subset."),
    click.option("--seed", type=int, help="Seed of subsets and of sampling."),
    click.option(
        "--skip-missing", is_flag=True, help="Leave members of suites out whose data is not there."
    ),
    click.option("--name", help="Name of the run."),
    click.option("--group", help="Group of runs it belongs to."),
)


class Workers(click.ParamType[Any]):
    """``join``, or how many."""

    name = "workers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "join" or isinstance(value, int):
            return value
        if not value.isdigit() or not 1 <= int(value) <= 10_000:
            self.fail(f"{value!r} is neither 'join' nor a number of workers.", param, ctx)
        return int(value)


@click.command(cls=OrderedCommand)
@model_and_tasks(required=False)
@results_option
@click.option("--spec", "spec_file", metavar="FILE", help="Make the run of a spec; - reads it.")
@click.option("--print-spec", is_flag=True, help="Print the run's spec; make nothing.")
@click.option("--executor", default="local", show_default=True, help="Where the runs execute.")
@click.option("--shard", metavar="K/N", help="Make the K-th of N parts, beside other processes.")
@click.option(
    "--workers",
    type=Workers(),
    metavar="join|N",
    help="join: divide the run among all processes of this command, on any machine. N: among N "
    "workers that the executor starts.",
)
@click.option("--address", metavar="ADDRESS", help="Of the cluster, for executors that have one.")
@click.option("--fresh", is_flag=True, help="Start anew: resume and reuse nothing.")
@click.option("--no-reuse", is_flag=True, help="Ask everything, even what earlier runs know.")
@reuse_by_name_option
@click.option("--max-cost", type=FiniteRange(0), metavar="USD", help="End when it costs more.")
@click.option(
    "--stop-when-decided",
    "against",
    metavar="BASELINE",
    help="Ask in random order, until better or worse than this run.",
)
@click.option(
    "--anchor",
    metavar="RUN",
    help="With --limit: also estimate the score of all questions, from what this earlier run "
    "scored on all.",
)
@click.option("--stop-on-error", is_flag=True, help="End with the first model that fails.")
@fail_if_missing_option
@strict_option
@click.option("--dry-run", is_flag=True, help="Show what would run, as `olmo-eval plan` does.")
@click.option("--inspect", is_flag=True, help="Show the first instance of each task as it runs.")
@click.option("--inspect-instance", is_flag=True, help="Show only its instance.")
@click.option("--inspect-request", is_flag=True, help="Show only its request.")
@click.option("--inspect-response", is_flag=True, help="Show only its response.")
@click.option("--inspect-formatted", is_flag=True, help="Show the text the engine receives.")
@click.option("--inspect-tokens", is_flag=True, help="Show the tokens the engine receives.")
@json_option
@click.pass_context
def run(
    ctx: click.Context,
    /,
    models: Sequence[str],
    spec_file: str | None,
    print_spec: bool,
    executor: str,
    workers: str | int | None,
    address: str | None,
    dry_run: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Evaluate models on tasks; one run a model. Rerunning the same command resumes.

    A pattern such as -m 'checkpoints/*' takes every checkpoint that matches, in the order of steps.
    Where one of several models fails, the others run all the same, and the exit code is 1.

    -o binds to the -t or --harness before it: for a suite it applies to every member; --limit and
    --seed are for every task. Settings of the harness (provider.kwargs.x=1, max_turns=3) go to the
    harness wherever they stand.

    --spec makes a run that `run --print-spec` described, here or elsewhere.
    """
    from attrs import evolve

    from olmo_eval.cli.plan import show_plans
    from olmo_eval.runner.resolve import resolving_once

    if spec_file is None:
        if not models:  # which --spec alone does without
            option = next(p for p in ctx.command.params if p.name == "models")
            raise click.MissingParameter(ctx=ctx, param=option)
        joins = workers if workers == "join" else None
        specs = specs_of(models, ctx.meta["ordered"], {**options, "workers": joins})
    else:
        spec = read_spec(ctx, spec_file)
        if workers == "join":
            spec = evolve(spec, workers=workers)
        specs = {spec.model: spec}
    if print_spec:
        _print_spec(specs)
        return 0
    sweep = Sweep(tuple(specs), stop=options["stop_on_error"])
    with resolving_once():
        if dry_run:
            show_plans(sweep, specs, as_json)
            return 0
        place = {"address": address, "workers": workers if isinstance(workers, int) else None}
        settings = {name: value for name, value in place.items() if value is not None}
        runs = make_all(sweep, specs, executor, as_json, settings)
    code = missing_too_many(runs, options["fail_if_missing"]) or unusual(runs, options["strict"])
    sweep.raise_failures()
    return code


def _print_spec(specs: Mapping[str, RunSpec]) -> None:
    if len(specs) > 1:
        raise UsageError(
            f"--print-spec prints the spec of one run, and these are {len(specs)}",
            hint="give one -m at a time",
        )
    for spec in specs.values():
        click.echo(spec.to_json())


def prepare(sweep: Sweep, specs: Mapping[str, RunSpec], executor: str) -> None:
    """Refuse what can be refused before the first run begins, where this machine makes them.

    Raises:
        OlmoEvalError: nothing is left to run.
    """
    from olmo_eval.runner.evaluate import executor_class
    from olmo_eval.runner.executor import LocalExecutor

    made_by = executor_class(executor)
    if not (isinstance(made_by, type) and issubclass(made_by, LocalExecutor)):
        return  # data, checkpoint and secrets may be where the run is made alone
    if not resolve_all(sweep, specs) or sweep.over:
        sweep.raise_failures()
    sweep.announce()


def make_all(
    sweep: Sweep,
    specs: Mapping[str, RunSpec],
    executor: str,
    as_json: bool,
    settings: Mapping[str, Any],
) -> list[Run]:
    """Have the executor make every run, and show them."""
    prepare(sweep, specs, executor)
    runs: list[Run] = []
    try:
        for model in sweep.left():
            with sweep.attempt(model), rare_collections():
                made = see_through(specs[model], executor, settings, sweep.place(model))
                if specs[model].shard is None:  # a part of a run has no scores to show
                    runs.append(made)
            sweep.announce()
    finally:  # an interrupt, too, leaves what is finished to be shown
        show_runs(runs, as_json)
    return runs


def missing_too_many(runs: Sequence[Run], percent: float) -> int:
    """1 and a line for each run whose model has diverged and each task with too much missing; else
    0.
    """
    from olmo_eval.cli.show import red
    from olmo_eval.results.health import divergence

    code = 0
    for one in runs:
        diverged = divergence(one.record)
        if diverged:
            click.echo(red(f"error: {diverged}"), err=True)
            code = 1
            continue
        for score in one.scores():
            lost = score.n_expected - score.n_scored
            if score.kind != "suite" and score.primary and lost > score.n_expected * percent / 100:
                share = 100 * lost / score.n_expected
                click.echo(
                    f"error: {score.name}: {share:.1f}% of the instances have no score "
                    f"(--fail-if-missing {percent:g})",
                    err=True,
                )
                code = 1
    return code


def unusual(runs: Sequence[Run], strict: bool) -> int:
    """1 and a line for each run whose health is unusual, where ``strict`` asks for that; else 0."""
    from olmo_eval.results.health import health_of

    code = 0
    for one in runs if strict else ():
        tasks = [name for name, health in health_of(one.record).items() if health.unusual]
        if tasks:
            click.echo(f"error: unusual health in {', '.join(tasks)} (--strict)", err=True)
            code = 1
    return code


def see_through(
    spec: RunSpec,
    executor: str,
    settings: Mapping[str, Any] | None = None,
    place: str = "",
) -> Run:
    """Make the run, and show how it goes; ``place`` says which of several it is."""
    from olmo_eval.runner.evaluate import make_run
    from olmo_eval.runner.progress import make_progress

    progress = make_progress(label=place)
    try:
        return make_run(spec, progress, executor, settings)
    finally:
        progress.close()


def resolve_all(sweep: Sweep, specs: Mapping[str, RunSpec]) -> dict[str, Job]:
    """The runs that can be made here, by model; why others cannot be is the sweep's to tell."""
    from olmo_eval.runner.resolve import resolve
    from olmo_eval.runner.run import refuse_impossible

    jobs: dict[str, Job] = {}
    noted: set[str] = set()
    for model in sweep.left():
        with sweep.attempt(model):
            job = resolve(specs[model])
            for note in _unfilled(job.plan):
                if note not in noted:
                    noted.add(note)
                    click.echo(f"note: {note}", err=True)
            refuse_impossible(job)
            jobs[model] = job
            if "provider_choice" in job.notes:
                click.echo(f"provider {job.notes['provider_choice']}", err=True)
    return jobs


def _unfilled(plan: Plan) -> list[str]:
    """A note for each field of a template that was written by hand and that nothing filled."""
    import re

    notes = []
    for planned in plan.tasks:
        texts = [*planned.example.contexts(), planned.example.prompt]
        texts += [str(message.get("content")) for message in planned.example.messages]
        for override in planned.overrides:
            for field in re.findall(r"\{\w+\}", str(override.value)):
                if override.path[0] == "formatter" and any(field in text for text in texts):
                    notes.append(
                        f"{planned.name}: {field} of {override.text!r} stands in the prompt as it "
                        "is: the instances have no such field"
                    )
    return notes


def show_runs(runs: Sequence[Run], as_json: bool) -> None:
    """Print the primary scores of runs, or everything as JSON."""
    from olmo_eval.cli.results import run_json
    from olmo_eval.cli.show import print_json, print_scores

    if as_json:
        print_json([run_json(run) for run in runs])
        return
    for i, done in enumerate(runs):
        click.echo("\n" if i else "", nl=bool(i))
        print_scores(done, done.scores(), every=done.record["kind"] == "external")
        click.echo(f"results: {done.location}")
