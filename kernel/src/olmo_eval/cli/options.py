"""Options that several commands share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def filter_option(command: F) -> F:
    return click.option(
        "-f", "--filter", "filter_", default="", help="Only names that contain this text."
    )(command)


def results_option(command: F) -> F:
    return click.option(
        "--results",
        envvar="OLMO_EVAL_RESULTS",
        default="results",
        show_default=True,
        help="Folder or URL (s3://, gs://) of the results.",
    )(command)


def override_option(text: str) -> Callable[[F], F]:
    """``-o KEY=VALUE``, repeatable; ``text`` is what the command's help says of it."""
    return click.option(
        "-o", "--override", "overrides", multiple=True, metavar="KEY=VALUE", help=text
    )


def markdown_option(command: F) -> F:
    return click.option("--markdown", is_flag=True, help="Print Markdown.")(command)


def allow_different_option(command: F) -> F:
    return click.option(
        "--allow-different", multiple=True, metavar="INPUT", help="An input that may differ."
    )(command)


def axis_option(command: F) -> F:
    return click.option(
        "--by",
        type=click.Choice(["step", "tokens"]),
        default="step",
        show_default=True,
        help="What checkpoints are ordered by.",
    )(command)


def reuse_by_name_option(command: F) -> F:
    return click.option(
        "--reuse-by-name",
        is_flag=True,
        help="Take answers over from other runs of a model that only its name identifies.",
    )(command)


class FiniteRange(click.FloatRange):
    """A range without NaN and infinity, which compare with nothing or with everything."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{number} is not a finite number.", param, ctx)
        return number


def fail_if_missing_option(command: F) -> F:
    return click.option(
        "--fail-if-missing",
        type=FiniteRange(0, 100),
        default=5.0,
        show_default=True,
        metavar="PCT",
        help="Exit with 1 when more than this share of a task's instances has no score.",
    )(command)


def strict_option(command: F) -> F:
    return click.option(
        "--strict", is_flag=True, help="Exit with 1 when the run's health is unusual."
    )(command)


class OrderedCommand(click.Command):
    """A command that keeps the order of its options, so that ``-o`` binds to what precedes it.

    The callback receives ``ordered``: (option's name, value) pairs as they stood on the command
    line, for the options named in ``ordered_names``.
    """

    ordered_names: Sequence[str] = ("tasks", "overrides", "harness", "harness_config")

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        parser = self.make_parser(ctx)
        try:
            values, _, order = parser.parse_args(args=list(args))
        except click.UsageError:
            return super().parse_args(ctx, args)  # reports the same error with the usual help
        taken: dict[str, int] = {}
        ordered: list[tuple[str, Any]] = []
        for parameter in order:
            name = parameter.name or ""
            if name not in self.ordered_names:
                continue
            value = values[name]
            if isinstance(value, list | tuple):
                index = taken.get(name, 0)
                taken[name] = index + 1
                value = value[index]
            ordered.append((name, value))
        ctx.meta["ordered"] = ordered
        return super().parse_args(ctx, args)
