"""``olmo-eval judge``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from olmo_eval.cli.options import FiniteRange, filter_option, json_option, override_option
from olmo_eval.errors import OlmoEvalError

if TYPE_CHECKING:
    from olmo_eval.common.overrides import Override


@click.group()
def judge() -> None:
    """Models that grade what other models answer."""


@judge.command("list")
@filter_option
@json_option
def list_(filter_: str, as_json: bool) -> None:
    """List judges, and the scorers that ask one."""
    from olmo_eval.cli.listing import entries
    from olmo_eval.cli.show import print_json
    from olmo_eval.cli.table import table
    from olmo_eval.plugins import manager

    rows = [{"kind": "judge", "needs": [], **row} for row in entries("judges", filter_)]
    scorers = manager().registry("scorers")
    for row in entries("scorers", filter_):
        try:
            scorer = scorers.get(f"{row['distribution']}:{row['name']}")()
        except (OlmoEvalError, TypeError) as error:
            click.echo(f"left out: scorer {row['name']}: {error}", err=True)
            continue
        needs = [n for n in sorted(scorer.requires) if n.startswith(("judge", "model:"))]
        if needs:
            rows.append({"kind": "scorer", "needs": needs, **row})
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("no judges found")
        return
    columns = [("kind", "left"), ("name", "left"), ("needs", "left"), ("distribution", "left")]
    cells = [[r["kind"], r["name"], ", ".join(r["needs"]), r["distribution"]] for r in rows]
    table(columns, cells)


def _sampling_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--draws", type=click.IntRange(100), default=2_000, show_default=True,
                     help="Draws of the bootstrap."),
        click.option("--confidence", type=FiniteRange(0, 1, min_open=True, max_open=True),
                     default=0.95, show_default=True, help="Of the intervals."),
        click.option("--seed", type=int, default=0, show_default=True, help="Of the bootstrap."),
    ):  # fmt: skip
        command = option(command)
    return command


@judge.command()
@click.argument("labels", type=click.Path(path_type=Path))
@click.option("--judge", "model", metavar="MODEL", help="The judge's model, as `run -m` names it.")
@click.option("--scorer", default="judge", show_default=True, help="What asks the judge.")
@override_option("Setting of the harness, or of the scorer: scorer.KEY=VALUE.")
@click.option("-H", "--harness", help="Harness preset whose judges are asked.")
@click.option("--harness-config", metavar="FILE", help="Harness from a YAML file.")
@click.option(
    "--repeats",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How often each answer is judged.",
)
@click.option(
    "--level",
    type=click.Choice(("nominal", "ordinal", "interval")),
    help="What labels are to each other.",
)
@click.option("--order", help="Labels from lowest to highest: bad,fair,good.")
@click.option(
    "--save",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Keep judgements as they come; those in FILE are not asked for again.",
)
@click.option("--max-cost", type=FiniteRange(0), metavar="USD", help="End when it costs more.")
@_sampling_options
@json_option
def calibrate(
    labels: Path,
    model: str | None,
    scorer: str,
    overrides: Sequence[str],
    repeats: int,
    level: Any,
    order: str | None,
    save: Path | None,
    max_cost: float | None,
    draws: int,
    confidence: float,
    seed: int,
    as_json: bool,
    **options: Any,
) -> int:
    """Hold a judge against LABELS, what people said of answers, and against itself.

    LABELS is a file of JSON Lines: question, gold, answer and label (or labels, of several people).
    """  # fmt: skip
    import anyio

    from olmo_eval.cli.judge_agreement import print_calibration
    from olmo_eval.cli.show import print_json
    from olmo_eval.cli.specs import harness_of
    from olmo_eval.runner.calibrate import Calibrating, judged_scorer, judging_harness
    from olmo_eval.runner.calibration import Resampling, calibration
    from olmo_eval.runner.labels import read_labels

    for_scorer, for_harness = _split(overrides)
    rows = read_labels(labels)
    made = judged_scorer(scorer, for_scorer)
    config = judging_harness(harness_of(options), model, for_harness)
    work = Calibrating(
        rows, config, made, repeats=repeats, save=save, max_cost=max_cost, progress=_progress()
    )
    judgements = anyio.run(work.judge)
    names = [name.strip() for name in order.split(",")] if order else []
    found = calibration(
        rows,
        judgements,
        repeats,
        level=level,
        order=names,
        used=work.used,
        resampling=Resampling(draws, seed, confidence),
    )
    facts = {"scorer": made.to_dict(), "models": _models(config)}
    if as_json:
        print_json({**facts, **found.to_dict()})
    else:
        print_calibration(found, made.name, facts["models"])
    if work.stopped is not None:
        raise work.stopped
    return 1 if found.n_asked == found.n_failed else 0


def _split(overrides: Sequence[str]) -> tuple[list[Override], list[Override]]:
    """(for the scorer, for the harness)."""
    from olmo_eval.common.overrides import parse_override

    mine = "scorer."
    for_scorer = [parse_override(text[len(mine) :]) for text in overrides if text.startswith(mine)]
    others = [parse_override(text) for text in overrides if not text.startswith(mine)]
    return for_scorer, others


def _models(config: Any) -> dict[str, str]:
    named = config.auxiliary_providers.items()
    return {name: f"{one.kind or ''}:{one.model}".lstrip(":") for name, one in named}


def _progress() -> Callable[[int, int], None]:
    """A line on standard error for each tenth of the work."""
    told = 0

    def tell(done: int, total: int) -> None:
        nonlocal told
        tenth = done * 10 // total
        if tenth > told:
            told = tenth
            click.echo(f"judged {done:,} of {total:,}", err=True)

    return tell
