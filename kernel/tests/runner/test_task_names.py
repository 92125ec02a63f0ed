"""What was overridden is part of a task's name, in runs, listings and comparisons."""

from __future__ import annotations

from typing import Any

import pytest

from olmo_eval import compare
from olmo_eval.common.overrides import parse_override
from olmo_eval.errors import UnknownNameError, UsageError
from olmo_eval.results.naming import paired_names
from olmo_eval.runner.plan import label, make_plan
from olmo_eval.runner.spec import TaskRequest


def asked(spec: str, *overrides: str) -> TaskRequest:
    return TaskRequest(spec, tuple(map(parse_override, overrides)))


def names(*requests: TaskRequest) -> list[str]:
    return [task.name for task in make_plan(requests).tasks]


def test_a_name_says_what_was_overridden(bench: Any) -> None:
    assert names(asked("sums")) == ["sums"]
    assert names(asked("sums", "num_fewshot=3")) == ["sums[num_fewshot=3]"]
    assert names(asked("sums", "temperature=0.5", "max_tokens=9")) == [
        "sums[max_tokens=9,temperature=0.5]"
    ]


def test_the_order_of_overrides_makes_no_other_name(bench: Any) -> None:
    one = asked("sums", "max_tokens=9", "num_fewshot=1", "num_fewshot=3")
    other = asked("sums", "num_fewshot=3", "max_tokens=9")

    assert names(one, other) == ["sums[max_tokens=9,num_fewshot=3]"]


def test_tasks_of_one_spec_do_not_collide(bench: Any) -> None:
    few, more = asked("sums", "num_fewshot=2"), asked("sums", "num_fewshot=3")

    assert names(few, asked("sums"), more) == ["sums[num_fewshot=2]", "sums", "sums[num_fewshot=3]"]


def test_what_a_name_leaves_out_is_said_where_it_must_be(bench: Any) -> None:
    assert names(asked("sums", "limit=5")) == ["sums"]
    assert names(asked("sums", "metrics=[f1:f1]")) == ["sums"]
    assert names(asked("sums", "limit=5"), asked("sums", "limit=7"), asked("sums")) == [
        "sums",
        "sums[limit=7]",
        "sums[default]",
    ]


def test_a_long_name_stays_short_and_says_no_password() -> None:
    long = label([parse_override(f"formatter.template={'x' * 300}")])
    secret = label([parse_override("data_source=https://me:secret@host/a.jsonl?key=secret")])

    assert len(long) < 60
    assert secret == "[data_source=https://host/a.jsonl]"


def test_a_suite_carries_what_was_overridden(bench: Any) -> None:
    plan = make_plan([asked("both", "num_fewshot=0"), asked("both", "split=test")])

    assert [suite.name for suite in plan.suites] == ["both[num_fewshot=0]", "both[split=test]"]
    assert plan.suites[0].members == ("sums[num_fewshot=0]", "pick[num_fewshot=0]")


def test_every_table_says_it(bench: Any) -> None:
    bench.cli("run", "-m", "mock", "-t", "sums", "-o", "num_fewshot=2", "--name", "two")

    assert "sums[num_fewshot=2]" in bench.cli("results", "list").out
    assert "sums[num_fewshot=2]" in bench.cli("results", "show", "name=two").out
    rows = bench.cli("results", "instances", "name=two", "-t", "sums", "-n", 1)
    assert rows.code == 0, rows.err


def test_a_plain_spec_finds_the_only_task_of_it(bench: Any) -> None:
    run = bench.evaluate("sums", overrides=["num_fewshot=2"])

    assert run.task_record("sums")["name"] == "sums[num_fewshot=2]"
    assert run.instances("sums").num_rows == 40
    with pytest.raises(UnknownNameError, match="num_fewshot=3"):
        run.instances("sums[num_fewshot=3]")


def test_tasks_asked_otherwise_are_compared_where_that_is_allowed(bench: Any) -> None:
    plain = bench.evaluate("both", skill=0.2)
    shown = bench.evaluate("both", overrides=["max_tokens=8"], skill=0.9)

    with pytest.raises(UsageError, match="sampling"):
        compare(plain, shown)
    found = compare(plain, shown, allow_different=["sampling"])
    assert [row.name for row in found.tasks] == ["sums", "pick"]
    assert [row.name for row in found.suites] == ["both"]
    assert "sums of A is sums[max_tokens=8] of B" in found.notes
    assert list(found.flips("sums"))
    same = compare(shown, bench.evaluate("both", overrides=["max_tokens=8"], skill=0.1))
    assert next(row.name for row in same.rows) == "sums[max_tokens=8]"


def test_names_pair_by_what_was_asked_first() -> None:
    assert paired_names(["t", "t[k=3]"], ["t[k=3]"]) == {"t[k=3]": "t[k=3]"}
    assert paired_names(["t[k=2]", "u"], ["u", "t"]) == {"t[k=2]": "t", "u": "u"}
    assert paired_names(["t"], ["t[k=2]", "t[k=3]"]) == {}
