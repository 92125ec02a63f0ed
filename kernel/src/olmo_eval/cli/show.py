"""Tables and lines that people read; the same numbers as in JSON and Parquet."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from olmo_eval.cli.table import table
from olmo_eval.common.figures import counted, interval, number

if TYPE_CHECKING:
    from olmo_eval.results.compare import Comparison
    from olmo_eval.results.flips import Flip
    from olmo_eval.results.health import TaskHealth
    from olmo_eval.results.store import Run
    from olmo_eval.results.summary import Score


def print_json(value: Any) -> None:
    """Indented JSON; what JSON has no number for (NaN, infinity) is null."""
    import orjson

    from olmo_eval.cli.document import write_document

    write_document(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")


def count(score: Score) -> str:
    """How many of how many; both only where they differ."""
    if score.complete:
        return f"{score.n_scored:,}"
    return f"{score.n_scored:,} of {score.n_expected:,}"


_SCORES = (
    ("task", "left"),
    ("metric", "left"),
    ("score", "right"),
    ("± SE", "right"),
    ("95% interval", "left"),
    ("MDE", "right"),
    ("n", "right"),
)


def print_scores(run: Run, scores: Sequence[Score], *, every: bool = False) -> None:
    """A run's scores: the primary ones, or every one."""
    from olmo_eval.results.anchored_rows import ANCHORED, anchored_lines
    from olmo_eval.results.deciding import decided_lines

    shown = [s for s in scores if s.primary or every or s.kind == ANCHORED]
    missing = any(not s.complete for s in shown)
    columns = (*_SCORES, ("if missing were known", "left")) if missing else _SCORES
    rows = []
    for score in shown:
        row = [
            score.name,
            _measured(score),
            number(score.value),
            number(score.stderr),
            interval(score.ci_low, score.ci_high),
            number(score.mde),
            count(score),
        ]
        if missing:
            row.append(
                "" if score.complete else f"{_bound(score.worst_case)} to {_bound(score.best_case)}"
            )
        rows.append(row)
    step = run.record.get("model", {}).get("step")
    click.echo(f"{run.model}{f' (step {step})' if step is not None else ''}   run {run.run_id}")
    table(columns, rows)
    _explain(shown)
    told = (
        decided_lines(run.record),
        anchored_lines(run.record),
        outcome_lines(run, shown),
        reuse_lines(run),
        judge_lines(run),
        health_lines(run),
    )
    for lines in told:
        for line in lines:
            click.echo(line)


def _explain(shown: Sequence[Score]) -> None:
    """What a reader of the table of scores cannot know."""
    from olmo_eval.results.comparison_text import lower_is_better

    if any(score.mde is not None for score in shown):
        click.echo(
            "MDE: the smallest distance from a fixed value that n questions show with power 0.8; "
            "`compare` pairs questions and sees less"
        )
    for line in lower_is_better([s.metric for s in shown if not s.higher_is_better]):
        click.echo(line)


def judge_lines(run: Run) -> list[str]:
    """What judges took, where some were asked."""
    used = run.record.get("judge_usage")
    return [f"judges: {judge_usage(used)}"] if used else []


def judge_usage(used: Mapping[str, Any]) -> str:
    """The fields of ``judges.JudgeUsage`` in words."""
    cost = "" if used["cost_usd"] is None else f", ${used['cost_usd']:.4f}"
    tokens = f"{used['prompt_tokens']:,} prompt and {used['completion_tokens']:,} completion tokens"
    return f"{counted(used['calls'], 'request')}, {tokens}{cost}"


def _measured(score: Score) -> str:
    """A row's metric; for a suite with what its score is the mean over."""
    from olmo_eval.results.comparison_text import mean_over

    if score.kind != "suite":
        return score.metric
    return f"{score.metric}, {mean_over(score.scorer)}"


def _bound(value: float | None) -> str:
    return "unbounded" if value is None else f"{value:.4f}"


def red(line: str) -> str:
    """``line`` in red, where it is shown on a terminal."""
    return click.style(line, fg="red")


#: how many tasks are named one by one
_FEW = 8
_LOST = ("infra_failed", "judge_failed", "scorer_failed")


def outcome_lines(run: Run, scores: Sequence[Score]) -> list[str]:
    """What is missing from a run, why, and what to do; and how its instances ended where they
    did not all end well. Nothing where there is nothing of that.
    """
    lines: list[str] = []
    non_finite = 0
    ended: Counter[str] = Counter()
    unwell: dict[str, Mapping[str, int]] = {}
    lacking = {s.name: s for s in scores if s.primary and not s.complete}
    for entry in run.record.get("tasks", ()):
        name, outcomes = entry["name"], entry.get("outcomes", {})
        lost = {k: n for k, n in outcomes.items() if k in _LOST}
        if lost:
            ended.update(lost)
            non_finite += entry.get("health", {}).get("non_finite", 0)
            why = one_line(next(iter(entry.get("errors", {})), ""), 200)
            lines.append(f"missing in {name}: {_counted(lost)}{f' ({why})' if why else ''}")
        elif name in lacking and "refused" not in outcomes:
            score = lacking[name]
            n = score.n_expected - score.n_scored
            lines.append(f"missing in {name}: {n:,} have no value of {score.metric}")
        if set(outcomes) - {*_LOST, "scored"}:
            unwell[name] = outcomes
    lines += _outcomes_of(unwell)
    if run.record.get("kind") in ("external", "import"):
        return lines  # it is run anew, not resumed; or it cannot be run here at all
    if ended["infra_failed"] or ended["judge_failed"]:
        lines.append("rerun the same command to try the failed ones again")
    if ended["scorer_failed"] > non_finite:
        lines.append("mend the scorer and run the same command: the model is not asked again")
    if non_finite:
        lines.append(
            f"{counted(non_finite, 'answer is', 'answers are')} NaN or infinite, and would be "
            "again if asked again"
        )
    return lines


def _outcomes_of(tasks: Mapping[str, Mapping[str, int]]) -> list[str]:
    """How the instances of ``tasks`` ended, a line each; of very many tasks together."""
    names = list(tasks)
    lines = [f"outcomes of {name}: {_counted(tasks[name])}" for name in names[:_FEW]]
    if rest := names[_FEW:]:
        total: Counter[str] = Counter()
        for name in rest:
            total.update(tasks[name])
        more = f"{len(rest)} more task{'s' * (len(rest) > 1)}"
        lines.append(f"outcomes of {more}: {_counted(total)}")
    return lines


def _listed(told: Sequence[str]) -> str:
    """The first of ``told``, and how many more there are."""
    more = f" and {len(told) - _FEW} more" if len(told) > _FEW else ""
    return ", ".join(told[:_FEW]) + more


def reuse_lines(made: Run) -> list[str]:
    """Which of a run's answers were not asked for, and which run they are from."""
    sources: Counter[str] = Counter()
    answers = 0
    for entry in made.record.get("tasks", ()):
        sources.update(entry.get("reused_from", {}))
        answers += entry.get("n_expected") or 0
    total = counted(answers, "answer")
    return [f"{n:,} of {total} taken from run {run}" for run, n in sources.items()]


def _counted(outcomes: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {outcome}" for outcome, n in outcomes.items())


def health_lines(run: Run) -> list[str]:
    """What is unusual in a run, each with the command that shows it; that nothing is; or nothing at
    all where nobody looked.
    """
    from olmo_eval.results.health import MEASURES, health_of

    health = health_of(run.record)
    lines: list[str] = []
    for measure in MEASURES:
        found = {name: h for name, h in health.items() if measure.name in h.unusual}
        if found:
            told = [f"{n} {h.share_in_words(measure)}" for n, h in found.items()]
            lines.append(red(f"health: {measure.words}: {_listed(told)}"))
            task = f" -t {shlex.quote(next(iter(found)))}" if len(found) == 1 < len(health) else ""
            place = shlex.quote(run.location)
            lines.append(f"  olmo-eval results instances {place}{task} --only {measure.name}")
    if health and not lines:
        n = sum(h.instances for h in health.values())
        lines.append(f"health: nothing unusual in {counted(n, 'instance')}")
    return lines + _tie_lines(health)


def _tie_lines(health: Mapping[str, TaskHealth]) -> list[str]:
    """Where ties between the likeliest choices decided, too few as they may be to be unusual."""
    from olmo_eval.results.health import MEASURES

    measure = next(m for m in MEASURES if m.name == "ties")
    few = {n: h for n, h in health.items() if h.counts.get("ties") and "ties" not in h.unusual}
    if not few:
        return []
    told = [f"{name} {h.share_in_words(measure)}" for name, h in few.items()]
    return [f"{measure.words}, of which the first was taken: {_listed(told)}"]


def print_comparison(comparison: Comparison, *, markdown: bool = False) -> None:
    from olmo_eval.results.comparison_text import comparison_lines

    click.echo("\n".join(comparison_lines(comparison, markdown=markdown)))


_FLIPPED = {
    "regressed": "on which B is worse",
    "improved": "on which B is better",
    "all": "on which A and B differ",
}


def print_flips(task: str, show: str, flips: Sequence[Flip], total: int) -> None:
    """Questions that flipped, below a line that says of how many they are the first."""
    largest = "largest difference" if len(flips) == 1 else f"{len(flips):,} largest differences"
    first = f", the {largest} first" if len(flips) < total else ""
    click.echo(f"\n{task}: {counted(total, 'question')} {_FLIPPED[show]}{first}")
    for flip in flips:
        noise = "   noise: repeats of one model differ here, too" if flip.noise else ""
        click.echo(f"\n  {flip.instance_id}   A {flip.value_a:g}  B {flip.value_b:g}{noise}")
        click.echo(f"    question  {one_line(flip.question)}")
        if flip.gold is not None:
            click.echo(f"    gold      {one_line(flip.gold)}")
        click.echo(f"    A         {one_line(flip.answer_a)}")
        click.echo(f"    B         {one_line(flip.answer_b)}")


def one_line(text: str, width: int = 160) -> str:
    """``text`` on one line, control characters made visible, long ones cut."""
    from olmo_eval.common.text import visible

    shown = visible(json.dumps(text, ensure_ascii=False)[1:-1])
    shown = shown.replace("\\n", " ").replace('\\"', '"')
    shown = " ".join(shown.split())
    return shown if len(shown) <= width else f"{shown[: width - 3]}..."
