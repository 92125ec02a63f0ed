"""Tables and lines that people read; the same numbers as in JSON and Parquet."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from olmo_eval.cli.table import table

if TYPE_CHECKING:
    from olmo_eval.results.compare import Comparison, TaskComparison
    from olmo_eval.results.flips import Flip
    from olmo_eval.results.health import TaskHealth
    from olmo_eval.results.store import Run
    from olmo_eval.results.summary import Score


def print_json(value: Any) -> None:
    """Indented JSON; what JSON has no number for (NaN, infinity) is null."""
    import orjson

    from olmo_eval.cli.document import write_document

    write_document(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")


def number(value: float | None, digits: int = 4) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def interval(low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else f"[{low:.4f}, {high:.4f}]"


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
    shown = [s for s in scores if s.primary or every]
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
    lower_is_better([score.metric for score in shown if not score.higher_is_better])
    told = (outcome_lines(run, shown), reuse_lines(run), judge_lines(run), health_lines(run))
    for lines in told:
        for line in lines:
            click.echo(line)


def judge_lines(run: Run) -> list[str]:
    """What judges took, where some were asked."""
    used = run.record.get("judge_usage")
    return [f"judges: {judge_usage(used)}"] if used else []


def judge_usage(used: Mapping[str, Any]) -> str:
    """The fields of ``judges.JudgeUsage`` in words."""
    cost = "" if used["cost_usd"] is None else f", ${used['cost_usd']:.4f}"
    tokens = f"{used['prompt_tokens']:,} prompt and {used['completion_tokens']:,} completion tokens"
    return f"{used['calls']:,} requests, {tokens}{cost}"


def _measured(score: Score) -> str:
    """A row's metric; for a suite with what its score is the mean over."""
    if score.kind != "suite":
        return score.metric
    return f"{score.metric}, {_mean_over(score.scorer)}"


def _mean_over(aggregation: str) -> str:
    """In words: ``average`` is a mean over tasks, ``average, log`` one of logarithms."""
    from olmo_eval.evals.suites import AggregationStrategy

    strategy, comma, rest = aggregation.partition(",")
    return f"{AggregationStrategy(strategy).words}{comma}{rest}"


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
            f"{non_finite:,} answers are NaN or infinite: they would be again if asked again"
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
    return [f"{n:,} of {answers:,} answers taken from run {run}" for run, n in sources.items()]


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
        lines.append(f"health: nothing unusual in {n:,} instances")
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


_COMPARED = (
    ("task", "left"),
    ("metric", "left"),
    ("A", "right"),
    ("B", "right"),
    ("B - A", "right"),
    ("95% interval", "left"),
    ("p", "right"),
    ("p (Holm)", "right"),
    ("won/lost/tied", "right"),
    ("verdict", "left"),
)


def print_comparison(comparison: Comparison, *, markdown: bool = False) -> None:
    end = "  " if markdown else ""
    click.echo(f"A  {comparison.a.model}   run {comparison.a.run_id}{end}")
    click.echo(f"B  {comparison.b.model}   run {comparison.b.run_id}")
    click.echo()
    table(_COMPARED, [_compared_row(row) for row in comparison.rows], markdown=markdown)
    click.echo()
    methods = dict.fromkeys(row.verdict.method for row in comparison.rows)
    click.echo(f"overall: {comparison.kind}; tested by {', '.join(methods)}; won = B better")
    lower_is_better([r.metric for r in comparison.rows if not r.verdict.higher_is_better])
    for note in comparison.notes:
        click.echo(f"note: {note}")


def lower_is_better(metrics: Sequence[str]) -> None:
    """Say of which metrics less is more; nothing where there is none."""
    if metrics:
        click.echo(f"lower is better: {', '.join(dict.fromkeys(metrics))}")


def _compared_row(row: TaskComparison) -> list[str]:
    verdict = row.verdict
    return [
        row.name,
        _mean_over(row.metric) if row.kind == "suite" else row.metric,
        number(row.score_a),
        number(row.score_b),
        f"{verdict.difference:+.4f}",
        interval_signed(verdict.ci_low, verdict.ci_high),
        p_value(verdict.p_value),
        p_value(verdict.p_adjusted),
        f"{verdict.wins:,}/{verdict.losses:,}/{verdict.ties:,}",
        verdict_words(row),
    ]


def verdict_words(row: TaskComparison) -> str:
    verdict = row.verdict
    if verdict.kind == "equivalent":
        return f"equivalent within {verdict.equivalence_margin:g}"
    if verdict.kind == "undecided" and verdict.needs_more is not None:
        return f"undecided: needs about {_rounded(verdict.needs_more):,} more questions"
    return verdict.kind


def matrix_cell(row: TaskComparison | None) -> str:
    """``+0.0312 (p 0.004, better)``: one pair in a matrix."""
    if row is None:
        return "-"
    verdict = row.verdict
    return f"{verdict.difference:+.4f} (p {p_value(verdict.p_adjusted)}, {verdict.kind})"


def _rounded(n: int) -> int:
    """Two significant digits: it is an estimate."""
    digits = max(0, len(str(n)) - 2)
    return int(round(n, -digits))


def p_value(p: float | None) -> str:
    if p is None:
        return "-"
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1e}"


def interval_signed(low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else f"[{low:+.4f}, {high:+.4f}]"


_FLIPPED = {
    "regressed": "on which B is worse",
    "improved": "on which B is better",
    "all": "on which A and B differ",
}


def print_flips(task: str, show: str, flips: Sequence[Flip], total: int) -> None:
    """Questions that flipped, below a line that says of how many they are the first."""
    first = f", the {len(flips):,} largest differences first" if len(flips) < total else ""
    click.echo(f"\n{task}: {total:,} questions {_FLIPPED[show]}{first}")
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
