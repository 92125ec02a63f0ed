"""Suites: collections that may name what is not there yet."""

from __future__ import annotations

import pytest

from olmo_eval.errors import UsageError
from olmo_eval.evals.suites import AggregationStrategy, Suite, register
from olmo_eval.evals.suites.suite import find_suite


def test_a_suite_is_a_mean_over_its_tasks_unless_it_says_otherwise() -> None:
    suite = Suite(name="acme", tasks=("a", "b:2shot"))

    assert suite.aggregation is AggregationStrategy.AVERAGE
    assert suite.expand() == ("a", "b:2shot")


def test_nested_suites_expand_in_order_each_task_once() -> None:
    inner = Suite(name="inner", tasks=("b", "c"))
    register(Suite(name="acme_named", tasks=("c", "d")))

    suite = Suite(name="outer", tasks=("a", inner, "acme_named", "a"))

    assert suite.expand() == ("a", "b", "c", "d")
    assert [getattr(m, "name", m) for m in suite.members()] == ["a", "inner", "acme_named", "a"]


def test_registered_suites_are_found_by_name() -> None:
    suite = register(Suite(name="acme_found", tasks=("a",), aggregation="display_only"))

    assert find_suite("acme_found") is suite
    assert suite.aggregation is AggregationStrategy.DISPLAY_ONLY
    assert find_suite("acme_missing") is None


def test_a_suite_that_contains_itself_is_refused() -> None:
    register(Suite(name="acme_loop", tasks=("a", "acme_back")))
    loop = register(Suite(name="acme_back", tasks=("acme_loop",)))

    with pytest.raises(UsageError, match="acme_back > acme_loop > acme_back"):
        loop.expand()


def test_members_are_names_or_suites() -> None:
    with pytest.raises(UsageError, match="a task spec or a Suite"):
        Suite(name="acme", tasks=(3,))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="mean"):
        Suite(name="acme", tasks=("a",), aggregation="mean")
