"""``olmo-eval task show``: what a task's number means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from olmo_eval.cli.options import json_option, override_option
from olmo_eval.errors import UsageError

#: columns of the names on the left
_LEFT = 13
#: characters of an example; --json and ``task inspect`` show it whole
_LONGEST = 600


@click.command()
@click.argument("spec")
@override_option("Override a setting of the task.")
@json_option
def show(spec: str, overrides: Sequence[str], as_json: bool) -> None:
    """Say what SPEC measures: its data, prompt, shots, metrics, source, licence, known defects.

    The data need not be there; where it is, its instances are counted.
    """
    from olmo_eval.cli.show import print_json
    from olmo_eval.common.overrides import parse_override
    from olmo_eval.evals.suites.suite import find_suite
    from olmo_eval.evals.tasks.common import build_task, parse_spec
    from olmo_eval.evals.tasks.legend import legend

    if find_suite(spec) is not None:
        raise UsageError(
            f"{spec} is a suite", hint=f"`olmo-eval suite inspect {spec}` lists its tasks"
        )
    parsed = parse_spec(spec)
    found = legend(parsed, build_task(parsed, [parse_override(text) for text in overrides]))
    if as_json:
        print_json(found)
        return
    for line in _lines(found):
        click.echo(line)


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    owner = found["supplier"]
    yield f"{found['task']}  ({owner['distribution']} {owner['version']})"
    yield from found["description"].splitlines()
    yield ""
    yield from _field("source", _source(found["source"]))
    yield from _field("instances", _instances(found["instances"]))
    yield from _field("prompt", *_prompt(found["prompt"]))
    yield from _field("shots", _shots(found["shots"]))
    if found["sampling"] is not None:
        yield from _field("sampling", *_sampling(found["sampling"]))
        yield from _field("extraction", found["extraction"])
    yield from _field("metrics", *(_metric(metric) for metric in found["metrics"]))
    yield from _field("citation", found["citation"])
    yield from _field("url", found["url"])
    yield from _field("licence", found["licence"])
    mark = found["data_access"]
    yield from _field("access", ": ".join(part for part in (mark, found["access"]) if part))
    yield from _field("defects", *found["defects"])
    yield from _field("variants", ", ".join(found["variants"]))
    yield from _field("example", *_example(found["prompt"]["example"]))
    if found["about"]:
        yield ""
        yield from found["about"].replace("``", "`").splitlines()


def _field(name: str, *values: str) -> Iterator[str]:
    """A name and its values, a line each; nothing where there are none."""
    lines = [line for value in values for line in value.splitlines()]
    for number, line in enumerate(lines):
        yield f"{name if number == 0 else '':<{_LEFT}}{line}".rstrip()


def _source(source: Mapping[str, Any]) -> str:
    if source["uri"] is None:
        return "made by the task"
    return source["uri"] if source["at_hand"] else f"{source['uri']}\nnot read: {source['missing']}"


def _instances(size: Mapping[str, Any]) -> str:
    parts = []
    if size["published"] is not None:
        parts.append(f"{size['published']:,} published")
    if size["counted"] is not None:
        parts.append(f"{size['counted']:,} here")
    if size["limit"] is not None:
        parts.append(f"{size['limit']:,} are evaluated")
    return ", ".join(parts) or "not counted: the data is not here"


def _prompt(prompt: Mapping[str, Any]) -> Iterator[str]:
    yield prompt["formatter"] or "made by the task's own code"
    for name, text in prompt["templates"].items():
        yield f"{name} = {text!r}" if "\n" in text or text != text.strip() else f"{name} = {text}"


def _shots(shots: Mapping[str, Any]) -> str:
    if shots["number"] == 0:
        return "none"
    how = f"drawn with seed {shots['seed']}" if shots["drawn"] else "in order"
    kind = "the fixed set " if shots["fixed"] else ""
    return f"{shots['number']}, {how}, from {kind}{shots['source']}"


def _sampling(sampling: Mapping[str, Any]) -> Iterator[str]:
    plain = {k: v for k, v in sampling.items() if k != "stop_sequences"}
    yield ", ".join(f"{key} {value}" for key, value in plain.items())
    stops = sampling["stop_sequences"] or ()
    yield f"stops at {', '.join(map(repr, stops))}" if stops else "no stop sequences"


def _metric(metric: Mapping[str, Any]) -> str:
    better = "higher" if metric["higher_is_better"] else "lower"
    primary = ", the primary one" if metric["primary"] else ""
    return f"{metric['key']} ({metric['unit']}, {better} is better{primary})"


def _example(example: Mapping[str, Any] | None) -> Iterator[str]:
    if example is None:
        return
    if "prompt" in example:
        yield _short(example["prompt"])
    if "system_prompt" in example:
        yield f"system: {_short(example['system_prompt'])}"
    for message in example.get("messages", ()):
        yield f"{message.get('role')}: {_short(str(message.get('content')))}"
    for continuation in example.get("continuations", ()):
        yield f"  -> {continuation!r}"
    yield f"gold: {_short(str(example['gold']))}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ... ({len(text):,} characters)"
