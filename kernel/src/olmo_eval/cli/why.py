"""``olmo-eval why``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from olmo_eval.cli.options import json_option, results_option

if TYPE_CHECKING:
    from olmo_eval.results.why import Why

#: characters of a text that are shown, with --full all
_SHOWN = 300
#: modules that are named
_MODULES = 8


@click.command()
@click.argument("run")
@click.argument("task")
@click.argument("metric", required=False)
@click.option(
    "--instance", metavar="ID", help="Show this instance, not the first with the lowest value."
)
@click.option("--full", is_flag=True, help="Show texts and lists of modules whole.")
@results_option
@json_option
def why(
    run: str,
    task: str,
    metric: str | None,
    instance: str | None,
    full: bool,
    results: str,
    as_json: bool,
) -> None:
    """Where a number is from: the score of TASK in RUN by METRIC (its primary one).

    Walks from the number to its formula, its instances, one instance's answer and request, and to
    the model, the data and the code that decided it.
    """
    from olmo_eval.cli.show import print_json
    from olmo_eval.results.store import Store
    from olmo_eval.results.why import why as explain

    found = explain(Store(results).find(run), task, metric, instance)
    if as_json:
        print_json(found.to_dict())
        return
    for line in _lines(found, full):
        click.echo(line)


def _lines(found: Why, full: bool) -> Iterator[str]:
    yield f"{found.task} {found.metric}   run {found.run_id}"
    sections = (
        ("number", _number(found)),
        ("formula", _formula(found)),
        ("instances", _instances(found)),
        ("instance", _instance(found.instance, full)),
        ("request", _facts(found.request)),
        ("model", _facts({k: v for k, v in found.model.items() if k != "settings"})),
        ("data", _facts(found.data)),
        ("code", _code(found.code, full)),
    )
    for title, lines in sections:
        for number, line in enumerate(lines):
            yield f"{title if number == 0 else '':<10} {line}"


def _number(found: Why) -> Iterator[str]:
    from olmo_eval.common.figures import interval, number

    score = found.score
    better = "higher" if score.higher_is_better else "lower"
    yield f"{_exact(score.value)}   ({better} is better)"
    if score.stderr is not None:
        yield (
            f"± {number(score.stderr)}, 95% interval {interval(score.ci_low, score.ci_high)}: "
            f"{score.method}"
        )


def _formula(found: Why) -> Iterator[str]:
    made, score = found.formula, found.score
    if made.recomputed is None:
        yield made.text
        return
    yield f"{made.text} = {_figures(made)} = {_exact(made.recomputed)}"
    same = score.value is not None and math.isclose(made.recomputed, score.value, rel_tol=1e-9)
    yield "as recorded" if same else f"NOT AS RECORDED ({_exact(score.value)}): `olmo-eval verify`"


def _figures(made: Any) -> str:
    inside = f"{made.total:.12g} / {made.weight:.12g}"
    return f"{made.transform}({inside})" if made.transform else inside


def _instances(found: Why) -> Iterator[str]:
    made = found.instances
    yield f"{made.n_scored:,} of {made.n_expected:,} have a value; {made.n_clusters:,} clusters"
    yield "ended as " + ", ".join(f"{name}: {n:,}" for name, n in made.outcomes.items())
    if made.values is not None:
        yield "values " + ", ".join(f"{value} ({n:,} times)" for value, n in made.values.items())
    for title, ids in (("lowest", made.lowest), ("highest", made.highest)):
        yield f"{title}: {_text(', '.join(ids), False)}"
    if made.missing:
        yield f"without a value: {_text(', '.join(made.missing), False)}"


def _instance(one: Mapping[str, Any], full: bool) -> Iterator[str]:
    value = "no value" if one["value"] is None else f"value {one['value']:g}"
    yield f"{_text(one['instance_id'], full)}: {one['outcome']}, {value}, weight {one['weight']:g}"
    if one["error"]:
        yield f"error   {_text(one['error'], full)}"
    yield f"gold    {_text(one['gold'], full)}"
    yield f"answer  {_text(one['answer'], full)}"
    if one["scores"]:
        yield f"scorer  {', '.join(f'{score:g}' for score in one['scores'])}"
    for output in one["outputs"]:
        if output["text"] is not None:
            yield f"output  {_text(output['text'], full)}"
        elif output["sum_logprob"] is not None:
            yield f"output  log-probability {output['sum_logprob']:.6g}"
    for name, part in one["request"].items():
        yield f"asked   {name}: {_text(part, full)}"
    yield f"request {one['request_hash']}"
    if one["reused_from"]:
        yield f"taken over from run {one['reused_from']}"


def _facts(facts: Mapping[str, Any]) -> Iterator[str]:
    known = {name: value for name, value in facts.items() if value not in (None, [], {}, "")}
    if not known:
        yield "not recorded"
    for name, value in known.items():
        yield f"{name.replace('_', ' ')}: {_text(value, False)}"


def _code(code: Mapping[str, Any], full: bool) -> Iterator[str]:
    modules = dict(code["modules"])
    yield from _facts({k: v for k, v in code.items() if k not in ("modules", "argv")})
    if code["argv"]:
        import shlex

        yield f"command: olmo-eval {_text(shlex.join(map(str, code['argv'])), True)}"
    shown = list(modules.items()) if full else list(modules.items())[-_MODULES:]
    for name, digest in shown:
        yield f"module {name} {digest}"
    if len(shown) < len(modules):
        yield f"and {len(modules) - len(shown):,} more modules (--full)"


def _exact(value: float | None) -> str:
    return "no score" if value is None else f"{value:.12g}"


def _text(value: Any, full: bool) -> str:
    """A value on one line: what cannot be seen stands as its escape, long texts are cut."""
    from olmo_eval.common.text import visible
    from olmo_eval.results.record import dumps

    if value is None:
        return "-"
    text = value if isinstance(value, str) else dumps(value)
    shown = visible(text).replace("\n", "\\n")
    if full or len(shown) <= _SHOWN:
        return shown
    half = _SHOWN // 2
    return f"{shown[:half]} ... {shown[-half:]}"
