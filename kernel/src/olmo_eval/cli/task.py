"""``olmo-eval task``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from olmo_eval.cli.options import json_option, override_option
from olmo_eval.cli.task_check import check
from olmo_eval.cli.task_show import show
from olmo_eval.errors import UsageError

if TYPE_CHECKING:
    from olmo_eval.common.types import LMRequest, SamplingParams
    from olmo_eval.providers.tokenizer import ModelTokenizer

_ENDLESS = 2**31


@click.group()
def task() -> None:
    """Tasks, from the inside."""


task.add_command(check)
task.add_command(show)


@task.command()
@click.argument("spec")
@click.option(
    "-n",
    "--count",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Instances to show.",
)
@click.option("-s", "--skip", type=click.IntRange(0), default=0, help="Instances to skip first.")
@override_option("Override a setting of the task.")
@click.option("--instance", is_flag=True, help="Show the instance (default).")
@click.option("--request", is_flag=True, help="Show the request.")
@click.option("--formatted", is_flag=True, help="Show the text a model receives.")
@click.option("--tokens", is_flag=True, help="Show its tokens; special ones are in << >>.")
@click.option("-T", "--tokenizer", help="Checkpoint folder or tokenizer.json for the last two.")
@json_option
def inspect(
    spec: str,
    count: int,
    skip: int,
    overrides: Sequence[str],
    instance: bool,
    request: bool,
    formatted: bool,
    tokens: bool,
    tokenizer: str | None,
    as_json: bool,
) -> None:
    """Show what exactly SPEC asks: instances, requests, text and tokens."""
    from olmo_eval.cli.show import print_json
    from olmo_eval.common.convert import to_json
    from olmo_eval.common.overrides import parse_override
    from olmo_eval.evals.suites.suite import find_suite
    from olmo_eval.evals.tasks.common import build_task
    from olmo_eval.evals.tasks.common.fewshot import refuse_unshown
    from olmo_eval.runner.feed import selected

    if (formatted or tokens) and not tokenizer:
        raise UsageError("--formatted and --tokens need -T TOKENIZER", hint="-T CHECKPOINT_FOLDER")
    encoder = _tokenizer(tokenizer) if tokenizer else None
    if find_suite(spec) is not None:
        raise UsageError(
            f"{spec} is a suite", hint=f"`olmo-eval suite inspect {spec}` lists its tasks"
        )
    built = build_task(spec, [parse_override(text) for text in overrides])
    shown = []
    for name, one in islice(selected(built), min(skip, _ENDLESS), min(skip + count, _ENDLESS)):
        params, asked = built.get_sampling_params(one), built.request_for(one)
        refuse_unshown(built, one, asked)
        shown.append(_view(name, one, asked, params, encoder))
    if not shown:
        raise UsageError(f"{spec} has no instance number {skip + 1}")
    if as_json:
        print_json([{**view, "inputs": to_json(view.get("inputs", []))} for view in shown])
        return
    parts = [p for p, wanted in (("request", request), ("formatted", formatted)) if wanted]
    parts += ["tokens"] if tokens else []
    for view in shown:
        _print(view, (["instance"] if instance or not parts else []) + parts)


def _view(
    name: str, instance: Any, request: LMRequest, params: SamplingParams, encoder: Any
) -> dict[str, Any]:
    """What is known of one instance; ``inputs`` only with an encoder."""
    from olmo_eval.common.convert import to_json
    from olmo_eval.providers.engine_input import engine_inputs
    from olmo_eval.results.record import request_row

    row = {k: v for k, v in request_row(request).items() if v is not None}
    view = {"id": name, "instance": to_json(instance), "request": row}
    if encoder is not None:
        # a model may cut this on the left; only a run knows its length
        view["inputs"] = engine_inputs(encoder, request, _ENDLESS, params.max_tokens)
    return view


def _print(view: dict[str, Any], parts: Sequence[str]) -> None:
    from olmo_eval.runner.inspect import engine_lines

    click.echo(f"== {view['id']}")
    for part in parts:
        if part in ("formatted", "tokens"):
            click.echo("\n".join(engine_lines(view["inputs"], part)))
        else:
            for key, inner in view[part].items():
                _field(key, inner)


def _field(key: str, value: Any) -> None:
    if isinstance(value, list):
        click.echo(f"{key}:")
        for item in value:
            click.echo(f"  - {item!r}")
    elif isinstance(value, str) and "\n" in value:
        click.echo(f"{key}: |")
        for line in value.split("\n"):
            click.echo(f"  {line}")
    else:
        click.echo(f"{key}: {value!r}")


def _tokenizer(place: str) -> ModelTokenizer:
    from pathlib import Path

    from olmo_eval.providers.tokenizer import ModelTokenizer

    path = Path(place).expanduser()
    folder = path.parent if path.name == "tokenizer.json" else path
    if not (folder / "tokenizer.json").is_file():
        raise UsageError(f"no tokenizer at {place}", hint="-T a folder with tokenizer.json")
    return ModelTokenizer(folder)
