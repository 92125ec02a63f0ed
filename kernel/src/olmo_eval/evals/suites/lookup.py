"""Suites by name, as functions: for notebooks, scripts and task packs."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from typing import Any

from olmo_eval import plugins
from olmo_eval.common.aggregation import AggregationStrategy
from olmo_eval.evals.suites.suite import Suite, register


def get_suite(name: str) -> Suite:
    """The registered suite called ``name``.

    Raises:
        UnknownNameError: there is none; the hint offers the closest names.
    """
    found: Suite = plugins.manager().registry("suites").get(name)
    return found


def make_suite(
    name: str,
    tasks: Any,
    aggregation: AggregationStrategy = AggregationStrategy.AVERAGE,
    description: str = "",
) -> Suite:
    """A suite, registered under its name."""
    return register(Suite(name, tasks, aggregation, description))


def list_suites() -> list[str]:
    """The names of all registered suites, in order."""
    return plugins.manager().registry("suites").names()


def search_suites(pattern: str) -> list[str]:
    """The names that hold ``pattern``, or match it where it has ``*`` or ``?``, case aside."""
    wanted = pattern.lower()
    if set("*?[") & set(wanted):
        return [name for name in list_suites() if fnmatch.fnmatchcase(name.lower(), wanted)]
    return [name for name in list_suites() if wanted in name.lower()]


def suite_exists(name: str) -> bool:
    """Whether a suite is registered under ``name``."""
    return name in plugins.manager().registry("suites")


def format_tasks(categories: Iterable[str], template: str) -> tuple[str, ...]:
    """``template`` with each of ``categories`` in its field, whatever that is called:
    ``format_tasks(("law", "physics"), "mmlu_{subject}:rc")``."""
    before, after = re.split(r"\{\w*\}", template, maxsplit=1)
    return tuple(f"{before}{category}{after}" for category in categories)
