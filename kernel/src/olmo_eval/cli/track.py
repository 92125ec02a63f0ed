"""``olmo-eval track``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from olmo_eval.cli.options import (
    FiniteRange,
    allow_different_option,
    axis_option,
    json_option,
    markdown_option,
    results_option,
)
from olmo_eval.common.figures import counted, interval, interval_signed, number, sparkline
from olmo_eval.errors import UsageError

if TYPE_CHECKING:
    from olmo_eval.results.tracking import TaskBiographies, Track, TrackPoint, Tracks


@click.command()
@click.option("--group", "groups", multiple=True, help="A training run's group. Repeatable.")
@click.option("-t", "--task", "tasks", multiple=True, help="Only this task or suite. Repeatable.")
@results_option
@axis_option
@click.option("--plot", metavar="FILE", help="Draw the tracks: .svg, .html, or .png (matplotlib).")
@click.option("--questions", is_flag=True, help="What became of each question instead.")
@click.option("--output", metavar="FILE", help="With --questions: a .parquet or .csv file of them.")
@click.option(
    "-n",
    "--count",
    type=click.IntRange(0),
    default=5,
    show_default=True,
    help="Questions to show an alarm, or a kind of biography.",
)
@click.option(
    "--alpha",
    type=FiniteRange(0, 0.5, min_open=True),
    default=0.01,
    show_default=True,
    help="Level of an alarm: how often a checkpoint like the others raises one.",
)
@click.option(
    "--window",
    type=click.IntRange(4),
    default=10,
    show_default=True,
    help="Checkpoints before it that an alarm looks at.",
)
@allow_different_option
@markdown_option
@json_option
def track(
    groups: Sequence[str],
    tasks: Sequence[str],
    results: str,
    by: Any,
    plot: str | None,
    questions: bool,
    output: str | None,
    count: int,
    alpha: float,
    window: int,
    allow_different: Sequence[str],
    markdown: bool,
    as_json: bool,
) -> None:
    """Follow scores over the checkpoints of a training run; of several groups side by side.

    Shows each task's score by step with its interval, the paired change from the checkpoint
    before, trend and signal-to-noise, and an alarm where a checkpoint falls below what the noise
    of its own run allows, with the questions that moved. --questions tells for each question when
    it was learned or forgotten.
    """
    from olmo_eval.results.tracking import track as tracks_of

    if output and not questions:
        raise UsageError("--output is for --questions", hint="--json prints what tracks hold")
    if questions:
        if plot:
            raise UsageError("--plot draws tracks, not questions", hint="leave --questions out")
        _show_questions(groups, tasks, results, by, output, count, allow_different, as_json)
        return
    draw = None if plot is None else _drawing(plot)
    found = tracks_of(
        results,
        groups,
        tasks,
        by=by,
        alpha=alpha,
        window=window,
        allow_different=allow_different,
    )
    if draw is not None and plot is not None:
        draw(found, Path(plot))
    if as_json:
        from olmo_eval.cli.show import print_json

        print_json(found.to_dict())
    else:
        print_tracks(found, count, markdown=markdown)
    if plot is not None:
        click.echo(f"drawn: {plot}", err=as_json)


def _drawing(plot: str) -> Any:
    """The function that draws into a file of this name, before anything is read for it."""
    from olmo_eval.results.tracking.plots import drawing

    return drawing(plot)


def print_tracks(found: Tracks, count: int, *, markdown: bool = False) -> None:
    """A table a task with a row a checkpoint, then one line a track, then every alarm."""
    from olmo_eval.results.comparison_text import lower_is_better

    for name in found.names():
        _print_task(found, found.of(name), markdown)
    _print_summary(found, markdown)
    for line in lower_is_better([t.metric for t in found.tracks if not t.higher_is_better]):
        click.echo(line)
    click.echo(
        "change: paired, from the checkpoint before, better or worse after Holm over the track; "
        "S/N: range of the checkpoints over the spread of the last ones"
    )
    _print_alarms(found, count)
    for note in found.notes:
        click.echo(f"note: {note}")


def _print_task(found: Tracks, tracks: Sequence[Track], markdown: bool) -> None:
    from olmo_eval.cli.table import table

    several = len(found.groups) > 1
    columns: list[tuple[str, str]] = [(found.axis, "right")]
    for one in tracks:
        own = f"{one.group}: " if several else ""
        columns += [(f"{own}score", "right"), ("95% interval", "left"), ("change", "left")]
    if any(one.alarms for one in tracks):
        columns.append(("", "left"))
    points = [{p.at: p for p in one.points} for one in tracks]
    rows = []
    for at in sorted({at for known in points for at in known}):
        cells = [cell for known in points for cell in _cells(known.get(at))]
        alarmed = [
            one.group if several else ""
            for one, k in zip(tracks, points, strict=True)
            if at in k and k[at].alarmed
        ]
        told = " ".join(["ALARM", *alarmed]).strip() if alarmed else ""
        rows.append([f"{at:,}", *cells, told][: len(columns)])
    click.echo(f"{tracks[0].name} ({tracks[0].metric})")
    if markdown:
        click.echo()
    table(columns, rows, markdown=markdown)
    click.echo()


def _cells(point: TrackPoint | None) -> list[str]:
    if point is None:
        return ["", "", ""]
    score, change = point.score, point.change
    told = ""
    if change is not None:
        mark = change.kind if change.kind in ("better", "worse") else ""
        told = f"{change.difference:+.4f} {mark}".rstrip()
    return [number(score.value), interval(score.ci_low, score.ci_high), told]


def _print_summary(found: Tracks, markdown: bool) -> None:
    from olmo_eval.cli.table import table

    several = len(found.groups) > 1
    unit, per = _unit(found)
    columns = [("task", "left"), *([("group", "left")] if several else []), ("", "left")]
    columns += [("first", "right"), ("last", "right"), (f"trend a {unit}", "right")]
    columns += [("95% interval", "left"), ("S/N", "right"), ("noise", "right")]
    columns += [("alarms", "right")]
    rows = []
    for one in found.tracks:
        values = [p.score.value or 0.0 for p in one.points]
        slope, low, high = "-", None, None
        if one.trend is not None:
            slope = f"{one.trend.slope * per:+.4f}"
            low, high = one.trend.ci_low, one.trend.ci_high
        signal = one.signal
        rows.append(
            [
                one.name,
                *([one.group] if several else []),
                sparkline(values[-40:]),
                number(values[0]),
                number(values[-1]),
                slope,
                interval_signed(*(None if x is None else x * per for x in (low, high))),
                "-" if signal is None or signal.ratio is None else f"{signal.ratio:.1f}",
                "-" if signal is None else f"{signal.noise:.1%}",
                str(len(one.alarms)),
            ]
        )
    table(columns, rows, markdown=markdown)
    click.echo()
    if found.between:
        click.echo("between the groups' newest checkpoints, against the noise within them:")
        for name, signal in found.between.items():
            ratio = "no noise" if signal.ratio is None else f"S/N {signal.ratio:.1f}"
            click.echo(f"  {name}  {ratio}, range {signal.signal:.1%} of the mean")
        click.echo()


def _unit(found: Tracks) -> tuple[str, int]:
    """A round number of steps or tokens that trends are given for, in words and as a number."""
    largest = max(p.at for t in found.tracks for p in t.points)
    for per, words in ((10**12, "1T"), (10**9, "1B"), (10**6, "1M"), (1000, "1,000")):
        if largest >= per:
            return f"{words} {found.axis if found.axis == 'tokens' else 'steps'}", per
    return found.axis.removesuffix("s"), 1


def _print_alarms(found: Tracks, count: int) -> None:
    from olmo_eval.cli.show import red

    raised = [(one, point) for one in found.tracks for point in one.alarms]
    for one, point in raised:
        known = point.alarm
        assert known is not None
        click.echo(
            red(
                f"ALARM {one.group}: {one.name} at {found.axis} {point.at:,} is {known.score:.4f}, "
                f"outside of {known.ci_low:.4f} to {known.ci_high:.4f} expected of this run "
                f"(p {known.p_value:.1e})"
            )
        )
        moved = [m for m in point.moved if not m.noise]
        explained = len(point.moved) - len(moved)
        more = f", {explained:,} more that also differ between repeats" if explained else ""
        click.echo(f"  {counted(len(moved), 'question')} scored worse than before{more}")
        for m in moved[:count]:
            click.echo(f"    {m.instance_id}   {m.before:g} -> {m.after:g}")
        if len(moved) > count:
            click.echo(f"    and {len(moved) - count:,} more: -n {len(moved)}, or --json")
    if not found.looked_at:
        click.echo("alarms: none yet, as they need four earlier checkpoints")
    else:
        chance = found.looked_at * found.alpha
        click.echo(
            f"alarms: {len(raised)} at {counted(found.looked_at, 'checkpoint')} looked at, "
            f"of which about {chance:.1f} would come by chance (--alpha {found.alpha:g})"
        )


def _show_questions(
    groups: Sequence[str],
    tasks: Sequence[str],
    results: str,
    by: Any,
    output: str | None,
    count: int,
    allow_different: Sequence[str],
    as_json: bool,
) -> None:
    from olmo_eval.cli.show import print_json
    from olmo_eval.results.tracking import biographies_of

    if not groups:
        raise UsageError("track needs a group", hint="--group NAME, as given to `olmo-eval run`")
    found: list[TaskBiographies] = []
    notes: list[str] = []
    for group in groups:
        made, told = biographies_of(results, group, tasks, by=by, allow_different=allow_different)
        found += made
        notes += told
    if output is not None:
        _write(output, found)
    if as_json:
        print_json({"tasks": [one.to_dict() for one in found], "notes": notes})
        return
    for one in found:
        print_biographies(one, count)
    for note in notes:
        click.echo(f"note: {note}")
    if output is not None:
        click.echo(f"written: {output}")


def _write(output: str, found: Sequence[TaskBiographies]) -> None:
    import pyarrow as pa
    import pyarrow.csv as csv
    import pyarrow.parquet as pq

    table = pa.concat_tables([one.to_arrow() for one in found])
    try:
        if output.endswith(".parquet"):
            pq.write_table(table, output)
        elif output.endswith(".csv"):
            csv.write_csv(table, output)
        else:
            raise UsageError(f"--output {output}: expected a .parquet or .csv file")
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror or error}") from error


def print_biographies(one: TaskBiographies, count: int) -> None:
    """How many questions have which story, then the surest of each kind that changes."""
    from olmo_eval.cli.show import one_line

    counts = one.counts()
    told = ", ".join(f"{n:,} {_WORDS[kind]}" for kind, n in counts.items() if n)
    places = one.places
    click.echo(
        f"{one.group}: {one.task} ({one.metric}), {counted(len(one.questions), 'question')} over "
        f"{counted(len(places), 'checkpoint')}, {one.axis} {places[0]:,} to {places[-1]:,}"
    )
    click.echo(f"  {told}")
    click.echo(f"  answers against a question's story: {one.flip_rate:.1%} {_measured(one)}")
    for kind in ("forgotten", "learned", "coin-flip"):
        some = [q for q in one.questions if q.kind == kind]
        for q in some[:count]:
            at = "" if q.at is None else f" at {one.axis} {q.at:,}"
            click.echo(
                f"    {kind}{at}  certainty {q.certainty:.2f}  {q.history}  {q.instance_id}  "
                f"{one_line(q.question, 60)}"
            )
        if len(some) > count > 0:
            click.echo(f"    and {len(some) - count:,} more {_WORDS[kind]}: -n N, --output, --json")
    click.echo()


_WORDS = {
    "always": "always right",
    "never": "never right",
    "coin-flip": "coin-flips",
    "learned": "learned",
    "forgotten": "forgotten",
}


def _measured(one: TaskBiographies) -> str:
    floor = one.noise_floor
    if floor is None:
        return "(estimated from this run; `olmo-eval noise` measures what repeats say)"
    return (
        f"(estimated from this run; repeats of {floor.model} disagree on {floor.flip_rate:.1%}, "
        "below which it is not taken to be)"
    )
