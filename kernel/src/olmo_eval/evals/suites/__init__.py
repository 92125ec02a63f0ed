"""Suites: named collections of tasks and suites, with a way to sum them up."""

from olmo_eval.common.aggregation import AggregationStrategy
from olmo_eval.evals.suites.lookup import (
    format_tasks,
    get_suite,
    list_suites,
    make_suite,
    search_suites,
    suite_exists,
)
from olmo_eval.evals.suites.suite import Suite, register

__all__ = [
    "AggregationStrategy",
    "Suite",
    "format_tasks",
    "get_suite",
    "list_suites",
    "make_suite",
    "register",
    "search_suites",
    "suite_exists",
]
