"""``olmo-eval run``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from olmo_eval.cli.options import (
    FiniteRange,
    OrderedCommand,
    fail_if_missing_option,
    json_option,
    results_option,
    reuse_by_name_option,
    strict_option,
)
from olmo_eval.cli.sweep import Sweep
from olmo_eval.errors import UsageError

if TYPE_CHECKING:
    from olmo_eval.common.overrides import Override
    from olmo_eval.harness.config import HarnessConfig
    from olmo_eval.results.store import Run
    from olmo_eval.runner.plan import Plan, TaskRequest
    from olmo_eval.runner.run import Job

_INSPECT = ("instance", "request", "response", "formatted", "tokens")


def model_and_tasks(command: Any) -> Any:
    """The options that say what to run, shared with other commands."""
    for option in reversed(
        (
            click.option(
                "-m",
                "--model",
                "models",
                multiple=True,
                required=True,
                help="Checkpoint folder, hub id, preset, provider:model, or mock. Repeatable.",
            ),
            click.option(
                "-t", "--task", "tasks", multiple=True, help="Task spec or suite. Repeatable."
            ),
            click.option(
                "-o",
                "--override",
                "overrides",
                multiple=True,
                metavar="KEY=VALUE",
                help="Override a setting of the -t or --harness before it.",
            ),
            click.option("-H", "--harness", help="Harness preset."),
            click.option("--harness-config", metavar="FILE", help="Harness from a YAML file."),
            click.option("--provider", metavar="KIND", help="Inference provider."),
            click.option(
                "--limit", type=click.IntRange(1), help="Instances per task: a seeded subset."
            ),
            click.option("--seed", type=int, help="Seed of subsets and of sampling."),
            click.option("--name", help="Name of the run."),
            click.option("--group", help="Group of runs it belongs to."),
            click.option("--step", type=click.IntRange(0), help="Training step of the checkpoint."),
        )
    ):
        command = option(command)
    return command


@click.command(cls=OrderedCommand)
@model_and_tasks
@results_option
@click.option("--executor", default="local", show_default=True, help="Where the runs execute.")
@click.option("--fresh", is_flag=True, help="Start anew: resume and reuse nothing.")
@click.option("--no-reuse", is_flag=True, help="Ask everything, even what earlier runs know.")
@reuse_by_name_option
@click.option("--max-cost", type=FiniteRange(0), metavar="USD", help="End when it costs more.")
@click.option("--stop-on-error", is_flag=True, help="End with the first model that fails.")
@fail_if_missing_option
@strict_option
@click.option("--dry-run", is_flag=True, help="Show what would run; load no model.")
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
    results: str,
    dry_run: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Evaluate models on tasks; one run a model. Rerunning the same command resumes.

    Where one of several models fails, the others run all the same, and the exit code is 1.

    -o binds to the -t or --harness before it: for a suite it applies to every member. Settings
    of the harness (provider.kwargs.x=1, max_turns=3) go to the harness wherever they stand.
    """
    sweep = Sweep(models, stop=options["stop_on_error"])
    jobs = make_all(sweep, ctx.meta["ordered"], results, options)
    if not jobs or sweep.over:
        sweep.raise_failures()
    sweep.announce()
    for job in jobs.values():
        if "provider_choice" in job.notes:
            click.echo(f"provider {job.notes['provider_choice']}", err=True)
    if dry_run:
        _show_plan(list(jobs.values()), as_json)
        sweep.raise_failures()
        return 0
    runs: list[Run] = []
    try:
        for model in sweep.left():
            with sweep.attempt(model):
                runs.append(see_through(jobs[model], options["executor"]))
            sweep.announce()
    finally:  # an interrupt, too, leaves what is finished to be shown
        show_runs(runs, as_json)
    code = missing_too_many(runs, options["fail_if_missing"]) or unusual(runs, options["strict"])
    sweep.raise_failures()
    return code


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


def see_through(job: Job, executor: str) -> Run:
    """Make the run, and show how it goes."""
    from olmo_eval.runner.evaluate import run_job
    from olmo_eval.runner.progress import make_progress

    progress = make_progress()
    try:
        return run_job(job, progress, executor)
    finally:
        progress.close()


def make_all(
    sweep: Sweep, ordered: Sequence[tuple[str, Any]], results: str, options: dict[str, Any]
) -> dict[str, Job]:
    """The jobs that can be made, by model, from the options in the order in which they stood.

    Raises:
        OlmoEvalError: what is wrong whatever the model.
    """
    from olmo_eval.runner.plan import make_plan, with_limit
    from olmo_eval.runner.run import refuse_impossible

    requests, for_harness = bind(ordered)
    harness = harness_of(options, for_harness)
    plan = with_limit(make_plan(requests), options["limit"], options["seed"])
    for note in _unfilled(plan):
        click.echo(f"note: {note}", err=True)
    jobs: dict[str, Job] = {}
    for model in sweep.left():
        with sweep.attempt(model):
            job = _make(model, harness, plan, results, options)
            refuse_contradiction(job, model, for_harness, options["provider"])
            refuse_impossible(job)
            jobs[model] = job
    return jobs


def harness_of(options: dict[str, Any], overrides: Sequence[Override]) -> HarnessConfig:
    """The harness that the options name, with its overrides."""
    from olmo_eval.common.overrides import apply_overrides
    from olmo_eval.harness.config import load_harness
    from olmo_eval.harness.presets import get_harness_preset

    if options["harness"] and options["harness_config"]:
        raise UsageError("--harness and --harness-config exclude each other")
    if options["harness_config"]:
        harness = load_harness(options["harness_config"])
    else:
        harness = get_harness_preset(options["harness"] or "default")
    return apply_overrides(harness, overrides, where=f"harness {harness.name!r}")


def _make(
    model: str, harness: HarnessConfig, plan: Plan, results: str, options: dict[str, Any]
) -> Job:
    from olmo_eval.runner.evaluate import make_job

    parts = _INSPECT[:3] if options.get("inspect") else ()
    chosen = [part for part in _INSPECT if options.get(f"inspect_{part}")]
    return make_job(
        model,
        harness,
        plan,
        provider=options["provider"],
        step=options["step"],
        results=results,
        name=options["name"],
        group=options["group"],
        fresh=bool(options.get("fresh")),
        reuse=not options.get("no_reuse"),
        reuse_by_name=bool(options.get("reuse_by_name")),
        max_cost=options.get("max_cost"),
        inspect=tuple(chosen or parts),
    )


def refuse_contradiction(
    job: Job, model: str, overrides: Sequence[Override], provider: str | None
) -> None:
    """Raise where an override names another provider than what else was asked for."""
    asked = next((o for o in reversed(overrides) if o.path == ("provider", "kind")), None)
    kind = job.harness.provider.kind
    if asked is not None and asked.value != kind:
        by = f"--provider {kind}" if provider else f"-m {model}"
        raise UsageError(
            f"override {asked.text!r} contradicts {by}", hint="leave one of the two out"
        )


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


def bind(
    ordered: Sequence[tuple[str, Any]],
) -> tuple[list[TaskRequest], list[Override]]:
    """Tasks with the overrides that follow them, and the overrides of the harness.

    Raises:
        UsageError: an override that nothing before it has a setting for.
    """
    from attrs import evolve

    from olmo_eval.common.overrides import parse_override
    from olmo_eval.runner.evaluate import split_overrides
    from olmo_eval.runner.plan import TaskRequest

    requests: list[TaskRequest] = []
    for_harness: list[Override] = []
    last = ""
    for name, value in ordered:
        if name == "tasks":
            requests.append(TaskRequest(value))
        if name != "overrides":
            last = name
            continue
        override = parse_override(value)
        for_tasks, harness = split_overrides([override])
        if harness:
            for_harness += harness
        elif last == "tasks":
            bound = (*requests[-1].overrides, *for_tasks)
            requests[-1] = evolve(requests[-1], overrides=bound)
        else:
            raise UsageError(
                f"override {value!r} is a setting of tasks, but no -t stands before it",
                hint=f"write it after its task: -t TASK -o {value}",
            )
    return requests, for_harness


def _show_plan(jobs: Sequence[Job], as_json: bool) -> None:
    from olmo_eval.cli.show import print_json, table
    from olmo_eval.common.convert import to_json

    if as_json:
        print_json([_plan_json(job) for job in jobs])
        return
    for job in jobs:
        provider = job.harness.provider
        click.echo(f"{job.model}: provider {provider.kind}, harness {job.harness.name}")
    rows = []
    for planned in jobs[0].plan.tasks:
        config = planned.task.config
        source = config.data_source.uri() if config.data_source else "-"
        rows.append(
            (
                planned.name,
                str(planned.example.request_type),
                f"{config.num_fewshot}",
                config.primary().metric_name,
                "all" if config.limit is None else f"{config.limit:,}",
                source,
            )
        )
    left = "left"
    columns = [("task", left), ("request", left), ("shots", "right"), ("metric", left)]
    table([*columns, ("instances", "right"), ("data", left)], rows)
    for suite in jobs[0].plan.suites:
        click.echo(f"suite {suite.name}: {len(suite.leaves())} tasks, {to_json(suite.aggregation)}")


def _plan_json(job: Job) -> dict[str, Any]:
    from olmo_eval.common.convert import to_json
    from olmo_eval.results.redact import Redactor

    tasks = [
        {"name": p.name, "supplied_by": p.owner.to_dict(), "config": to_json(p.task.config)}
        for p in job.plan.tasks
    ]
    suites = [s.to_dict() for s in job.plan.suites]
    plain = {
        "model": job.model,
        "harness": to_json(job.harness),
        "tasks": tasks,
        "suites": suites,
    }
    redacted: dict[str, Any] = Redactor().value(plain)
    return redacted


def show_runs(runs: Sequence[Run], as_json: bool) -> None:
    """Print the primary scores of runs, or everything as JSON."""
    from olmo_eval.cli.results import run_json
    from olmo_eval.cli.show import print_json, print_scores

    if as_json:
        print_json([run_json(run) for run in runs])
        return
    for i, done in enumerate(runs):
        click.echo("\n" if i else "", nl=bool(i))
        print_scores(done, done.scores())
        click.echo(f"results: {done.location}")
