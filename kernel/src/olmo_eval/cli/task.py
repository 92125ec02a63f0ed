"""``olmo-eval task``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from olmo_eval.cli.options import json_option
from olmo_eval.cli.task_check import check
from olmo_eval.errors import MissingDependencyError, OlmoEvalError, UsageError

if TYPE_CHECKING:
    from olmo_eval.common.types import LMRequest


@click.group()
def task() -> None:
    """Tasks, from the inside."""


task.add_command(check)


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
@click.option("-o", "--override", "overrides", multiple=True, metavar="KEY=VALUE")
@click.option("--instance", is_flag=True, help="Show the instance (default).")
@click.option("--request", is_flag=True, help="Show the request.")
@click.option("--formatted", is_flag=True, help="Show the text after the chat template.")
@click.option("--tokens", is_flag=True, help="Show token ids and pieces, special ones marked.")
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
    from olmo_eval.common.overrides import parse_override
    from olmo_eval.evals.suites.suite import find_suite
    from olmo_eval.evals.tasks.common import build_task
    from olmo_eval.runner.feed import selected

    if (formatted or tokens) and not tokenizer:
        raise UsageError("--formatted and --tokens need -T TOKENIZER", hint="-T CHECKPOINT_FOLDER")
    encoder = Tokenizer(tokenizer) if tokenizer else None
    if find_suite(spec) is not None:
        raise UsageError(
            f"{spec} is a suite", hint=f"`olmo-eval suite inspect {spec}` lists its tasks"
        )
    built = build_task(spec, [parse_override(text) for text in overrides])
    shown = []
    for name, one in islice(selected(built), skip, skip + count):
        shown.append(_view(name, one, built.request_for(one), encoder))
    if not shown:
        raise UsageError(f"{spec} has no instance number {skip + 1}")
    if as_json:
        print_json(shown)
        return
    parts = [p for p, wanted in (("request", request), ("formatted", formatted)) if wanted]
    parts += ["tokens"] if tokens else []
    for view in shown:
        _print(view, (["instance"] if instance or not parts else []) + parts)


def _view(
    name: str, instance: Any, request: LMRequest, encoder: Tokenizer | None
) -> dict[str, Any]:
    from olmo_eval.common.convert import to_json
    from olmo_eval.results.record import request_row

    row = {k: v for k, v in request_row(request).items() if v is not None}
    view = {"id": name, "instance": to_json(instance), "request": row}
    if encoder is not None:
        text = encoder.render(request)
        view["formatted"] = text
        view["tokens"] = encoder.tokens(text)
    return view


def _print(view: dict[str, Any], parts: Sequence[str]) -> None:
    click.echo(f"== {view['id']}")
    for part in parts:
        value = view[part]
        if isinstance(value, dict):
            for key, inner in value.items():
                _field(key, inner)
        elif part == "tokens":
            click.echo(" ".join(f"{t['id']}:{t['piece']!r}" for t in value))
        else:
            click.echo(value)


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


class Tokenizer:
    """A ``tokenizer.json`` and its chat template, without any engine."""

    def __init__(self, place: str) -> None:
        from pathlib import Path

        try:
            from tokenizers import Tokenizer as Rust
        except ImportError as error:
            raise MissingDependencyError(
                "showing tokens needs the tokenizers library", hint="pip install tokenizers"
            ) from error
        path = Path(place)
        file = path / "tokenizer.json" if path.is_dir() else path
        if not file.is_file():
            raise UsageError(f"no tokenizer at {place}", hint="-T a folder with tokenizer.json")
        try:
            self._rust = Rust.from_file(str(file))
        except Exception as error:
            raise OlmoEvalError(f"{file} is no tokenizer: {error}") from error
        self._special = {
            token.content
            for token in self._rust.get_added_tokens_decoder().values()
            if token.special
        }
        self._folder = file.parent

    def render(self, request: LMRequest) -> str:
        """The text the engine receives: the prompt and, for likelihoods, the first continuation."""
        if request.messages:
            return self._chat(request)
        first = request.continuations[0] if request.continuations else ""
        return (request.contexts()[0] if request.continuations else request.prompt) + first

    def _chat(self, request: LMRequest) -> str:
        import json

        config = self._folder / "tokenizer_config.json"
        data = json.loads(config.read_text()) if config.is_file() else {}
        template = data.get("chat_template")
        extra = self._folder / "chat_template.jinja"
        if extra.is_file():
            template = extra.read_text()
        if not isinstance(template, str):
            raise UsageError(f"the tokenizer in {self._folder} has no chat template")
        try:
            from jinja2.sandbox import ImmutableSandboxedEnvironment
        except ImportError as error:
            raise MissingDependencyError(
                "rendering a chat template needs jinja2", hint="pip install jinja2"
            ) from error
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        names = {k: _text(v) for k, v in data.items() if k.endswith("_token")}
        return environment.from_string(template).render(
            messages=request.chat_messages(),
            tools=[t.to_openai() for t in request.tools] or None,
            add_generation_prompt=True,
            **names,
        )

    def tokens(self, text: str) -> list[dict[str, Any]]:
        encoding = self._rust.encode(text)
        pieces = zip(encoding.ids, encoding.tokens, strict=True)
        return [
            {"id": i, "piece": f"<<{p}>>" if p in self._special else self._rust.decode([i])}
            for i, p in pieces
        ]


def _text(token: Any) -> str:
    return token.get("content", "") if isinstance(token, dict) else str(token)
