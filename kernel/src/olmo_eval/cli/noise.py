"""``olmo-eval noise``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from olmo_eval.cli.options import OrderedCommand, json_option, override_option, results_option
from olmo_eval.errors import UsageError

if TYPE_CHECKING:
    from olmo_eval.results.run import Run
    from olmo_eval.results.tracking import NoiseFloor
    from olmo_eval.runner.spec import RunSpec

#: requests in flight in the repeats after the first: other batches, met in another order
_IN_FLIGHT = (5, 16, 2, 33, 9)


@click.command(cls=OrderedCommand)
@click.argument("model")
@click.option("-t", "--task", "tasks", multiple=True, help="Task spec or suite. Repeatable.")
@override_option("Override a setting of the -t or --harness before it, in every repeat.")
@click.option("-H", "--harness", help="Harness preset.")
@click.option("--harness-config", metavar="FILE", help="Harness from a YAML file.")
@click.option(
    "--provider",
    "providers",
    multiple=True,
    metavar="KIND",
    help="Inference provider; several take turns in the repeats.",
)
@click.option(
    "--repeats",
    type=click.IntRange(2, 100),
    default=3,
    show_default=True,
    help="How often every question is asked.",
)
@click.option(
    "--vary",
    multiple=True,
    metavar="KEY=VALUE",
    help="What one repeat sets otherwise (the second, third, ...), in place of requests in flight: "
    "max_concurrency=1, provider.kwargs.batch_tokens=512, seed=2. Repeatable.",
)
@click.option("--limit", type=click.IntRange(1), help="Instances per task: a seeded subset.")
@click.option("--seed", type=int, help="Seed of subsets and of sampling.")
@results_option
@json_option
@click.pass_context
def noise(
    ctx: click.Context,
    /,
    model: str,
    providers: Sequence[str],
    repeats: int,
    vary: Sequence[str],
    results: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure how much MODEL's answers differ between repeats of one evaluation.

    The first repeat is what `run` does; the others have other numbers of requests in flight, so
    that batches and their order differ, take the --provider in turn, or set what --vary says. The
    share of questions that flip is kept in the store for each task: `compare` marks the flips
    that it explains, and `track` takes it into account. Rerunning resumes.
    """
    from olmo_eval.cli.show import print_json
    from olmo_eval.cli.specs import specs_of
    from olmo_eval.results.tracking import NoiseFloors, measure_noise

    if not options["tasks"]:
        raise UsageError("noise needs a task", hint="-t TASK")
    if len(vary) >= repeats:
        repeats = len(vary) + 1
    given = {**options, "provider": None, "name": None, "group": "noise", "step": None}
    given |= {"results": f"{results.rstrip('/')}/noise", "no_reuse": True}
    spec = specs_of([model], ctx.meta["ordered"], given)[model]
    repeated = repeats_of(spec, repeats, vary, providers)
    runs = _make(repeated)
    kept = NoiseFloors(results)
    settings = [told for told, _ in repeated]
    floors, notes = [], []
    for task in runs[0].task_names:
        try:
            floors.append(measure_noise(runs, task, settings))
        except UsageError as error:
            notes.append(error.message)
    for floor in floors:
        kept.keep(floor)
    if as_json:
        print_json({"floors": [floor.to_dict() for floor in floors], "notes": notes})
        return
    _print(floors, settings)
    for note in notes:
        click.echo(f"note: {note}")


def repeats_of(
    spec: RunSpec, repeats: int, vary: Sequence[str], providers: Sequence[str]
) -> list[tuple[str, RunSpec]]:
    """The spec of each repeat, and in words what it sets otherwise."""
    from attrs import evolve

    from olmo_eval.common.overrides import parse_override

    made = []
    for i in range(repeats):
        varied = list(vary[i - 1 : i]) if i else []
        if i and not varied:
            varied = [f"max_concurrency={_IN_FLIGHT[(i - 1) % len(_IN_FLIGHT)]}"]
        provider = providers[i % len(providers)] if providers else None
        told = [f"provider {provider}"] if provider else []
        one = evolve(
            spec,
            name=f"repeat {i + 1}",
            provider=provider,
            overrides=(*spec.overrides, *(parse_override(text) for text in varied)),
        )
        made.append((", ".join([*told, *varied]) or "as given", one))
    return made


def _make(repeated: Sequence[tuple[str, RunSpec]]) -> list[Run]:
    from olmo_eval.cli.run import see_through
    from olmo_eval.runner.resolve import resolving_once

    runs = []
    with resolving_once():
        for i, (told, spec) in enumerate(repeated):
            click.echo(f"repeat {i + 1} of {len(repeated)}: {told}", err=True)
            runs.append(see_through(spec, "local"))
    return runs


def _print(floors: Sequence[NoiseFloor], settings: Sequence[str]) -> None:
    from olmo_eval.cli.table import table

    columns = [("task", "left"), ("metric", "left"), ("questions", "right"), ("flips", "right")]
    columns += [("95% interval", "left"), ("SD of the score", "right"), ("flipped", "right")]
    rows = [
        [
            floor.task,
            floor.metric,
            f"{floor.n:,}",
            f"{floor.flip_rate:.2%}",
            "-"
            if floor.ci_low is None and floor.ci_high is None
            else f"[{floor.ci_low or 0.0:.2%}, {floor.ci_high or 0.0:.2%}]",
            f"{floor.score_sd:.4f}",
            f"{len(floor.flipped):,}",
        ]
        for floor in floors
    ]
    table(columns, rows)
    click.echo(
        f"{len(settings)} repeats ({'; '.join(settings)}); flips: questions whose score differs "
        "between two repeats"
    )
