"""Suites: named collections of tasks and suites, with a way to sum them up."""

from olmo_eval.evals.suites.suite import AggregationStrategy, Suite, register

__all__ = ["AggregationStrategy", "Suite", "register"]
