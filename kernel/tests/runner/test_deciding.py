"""Runs that stop as soon as it is decided how they compare."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from olmo_eval import compare
from olmo_eval.results.deciding import AgainstOne, BetweenTwo, Decision
from olmo_eval.results.statistics import anytime_p_value, confidence_sequence, e_process
from olmo_eval.results.statistics.stopping import MeanProcess, SignProcess


def many_sums(bench: Any, n: int = 200) -> None:
    bench.write(
        "sums/test.jsonl",
        [{"id": f"s{i}", "question": f"{i} plus 1?", "answer": str(i + 1)} for i in range(n)],
    )


def decided(bench: Any, *tasks: str, against: str, **settings: Any) -> Any:
    options = [f"-o provider.kwargs.{k}={v}".split() for k, v in settings.items()]
    names = [part for task in tasks for part in ("-t", task)]
    printed = bench.cli(
        "run", "-m", "mock", *names, *(p for o in options for p in o),
        "--stop-when-decided", against, "--name", "decided", "--json",
    )  # fmt: skip
    assert printed.code == 0, printed.err
    from olmo_eval.results.store import Store

    return Store("results").find("name=decided,latest"), printed


def test_a_run_stops_when_it_is_better(bench: Any) -> None:
    many_sums(bench)
    baseline = bench.evaluate("sums", skill=0.3)

    run, printed = decided(bench, "sums", against=baseline.run_id, skill=0.9)

    told = run.record["decided"]["sums"]
    assert (told["verdict"], told["against"]) == ("better than", [baseline.run_id])
    assert told["counted"] <= told["asked"] < told["questions"] == 200
    assert told["p_value"] <= 0.05
    assert run.status == "complete"
    (score,) = [s for s in run.scores() if s.primary]
    assert score.n_scored == score.n_expected == told["asked"]
    assert "were not asked" in printed.err and "anytime-valid McNemar" in printed.err
    shown = bench.cli("results", "show", run.run_id).out
    assert f"{200 - told['asked']:,} of 200 were not asked, and the score is not that of" in shown


def test_it_is_decided_by_the_questions_in_the_order_of_asking(bench: Any) -> None:
    many_sums(bench)
    baseline = bench.evaluate("sums", skill=0.5)
    run, _ = decided(bench, "sums", against=baseline.run_id, skill=0.8, latency="[0,0.02]")
    told = run.record["decided"]["sums"]
    key = "accuracy:exact_match"
    sides = [
        {r["instance_id"]: r["values"][key] for r in one.instances("sums").to_pylist()}
        for one in (baseline, run)
    ]
    decision = Decision(AgainstOne({n: (v, 1.0) for n, v in sides[0].items()}), True, 0.05, 0)
    seed = run.task_record("sums")["config"]["seed"]
    decision.seed = seed

    order = decision.arrange(sorted(sides[0]), lambda name: (name, None))

    assert order != sorted(order)
    first = order[: told["counted"]]
    log_e = e_process([sides[0][n] for n in first], [sides[1][n] for n in first])
    assert anytime_p_value(log_e) == pytest.approx(told["p_value"])
    assert told["p_value"] <= 0.05 < anytime_p_value(log_e[:-1])


def test_what_is_not_decided_is_asked_to_the_end(bench: Any) -> None:
    many_sums(bench, 60)
    baseline = bench.evaluate("sums", "pick", skill=0.5)

    run, printed = decided(bench, "sums", "pick", against=baseline.run_id, skill=0.5)

    told = run.record["decided"]
    assert {t["verdict"] for t in told.values()} == {"undecided"}
    assert told["sums"]["asked"] == 60 and told["pick"]["asked"] == 30
    assert told["sums"]["alpha"] == 0.025  # shared out between the tasks
    assert "not decided" in printed.err


def test_comparing_a_stopped_run_warns_of_tests_that_take_n_as_given(bench: Any) -> None:
    many_sums(bench)
    baseline = bench.evaluate("sums", skill=0.3)
    run, _ = decided(bench, "sums", against=baseline.run_id, skill=0.9)

    notes = compare(baseline, run).notes

    assert any("stopped when it was decided" in n and "are too sure" in n for n in notes)
    assert not any("stopped when" in n for n in compare(baseline, baseline).notes)


def test_the_whole_run_is_another_one_and_takes_the_answers_over(bench: Any) -> None:
    many_sums(bench)
    baseline = bench.evaluate("sums", skill=0.3)
    part, _ = decided(bench, "sums", against=baseline.run_id, skill=0.9)

    whole = bench.evaluate("sums", skill=0.9, name="decided")

    assert whole.run_id != part.run_id
    assert whole.task_record("sums")["n_expected"] == 200
    again, _ = decided(bench, "sums", against=baseline.run_id, skill=0.9)
    assert again.run_id in (part.run_id, whole.run_id)


def test_questions_that_fail_hold_nothing_up(bench: Any) -> None:
    many_sums(bench)
    baseline = bench.evaluate("sums", skill=0.2)
    printed = bench.cli(
        "run", "-m", "mock", "-t", "sums", "-o", "provider.kwargs.skill=0.9",
        "-o", "provider.kwargs.faults.fail=0.1", "--stop-when-decided", baseline.run_id,
        "--fail-if-missing", "100",
    )  # fmt: skip
    assert printed.code == 0 and "better than" in printed.out


def test_weighted_scores_are_decided_by_a_confidence_sequence(bench: Any) -> None:
    bench.write(
        "prose/test.jsonl",
        [{"id": f"t{n}", "title": f"{n}.", "text": "word " * (n % 5 + 2)} for n in range(200)],
    )
    baseline = bench.evaluate("prose", skill=0.1)
    run, _ = decided(bench, "prose", against=baseline.run_id, skill=1.0)
    told = run.record["decided"]["prose"]
    assert told["method"] == "asymptotic confidence sequence"
    assert told["verdict"] in ("better than", "undecided")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-t", "pick"], "has no task pick"),
        (["-t", "sums:2shot"], "has no task sums:2shot"),
        (["-t", "sums", "-o", "max_tokens=3"], "sampling differ"),
        (["-t", "sums", "--shard", "1/2"], "a part of a run cannot stop when decided"),
    ],
)
def test_what_nothing_can_be_decided_against_is_refused(
    bench: Any, arguments: list[str], told: str
) -> None:
    baseline = bench.evaluate("sums", skill=0.3)
    printed = bench.cli("run", "-m", "mock", *arguments, "--stop-when-decided", baseline.run_id)
    assert printed.code == 2 and told in printed.err


def test_other_prompts_are_refused(bench: Any) -> None:
    baseline = bench.evaluate("sums", skill=0.3)
    bench.edit("sums/test.jsonl", lambda rows: [{**row, "question": "What?"} for row in rows])
    printed = bench.cli("run", "-m", "mock", "-t", "sums", "--stop-when-decided", baseline.run_id)
    assert printed.code == 2 and "differ" in printed.err


def test_arrival_order_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    names = [f"q{i}" for i in range(300)]
    baseline = {n: (float(rng.random() < 0.5), 1.0) for n in names}
    values = {n: float(rng.random() < 0.7) for n in names}

    def run_through(arrival: list[str]) -> Decision:
        decision = Decision(AgainstOne(baseline), True, 0.05, seed=3)
        decision.arrange(names, lambda n: (n, None))
        for name in arrival:
            decision.see(name, values[name])
        return decision

    one, other = run_through(names), run_through(random.Random(1).sample(names, 300))
    assert (one.sign, one.counted) == (other.sign, other.counted) and one.sign == 1


def test_passages_are_asked_together_and_count_once() -> None:
    names = [f"q{i}" for i in range(90)]
    decision = Decision(AgainstOne({n: (0.0, 1.0) for n in names}), True, 0.05, seed=0)

    order = decision.arrange(names, lambda n: (n, int(n[1:]) // 3))

    passages = [int(n[1:]) // 3 for n in order]
    assert all(passages[i] == passages[i + 1] == passages[i + 2] for i in range(0, 90, 3))
    for name in order:
        decision.see(name, float(int(name[1:]) % 7 > 0))
    assert decision.sign == 1 and decision.counted == 90  # 30 passages: the first look
    assert decision.report()["method"] == "asymptotic confidence sequence"


def test_between_two_runs_the_middle_decides() -> None:
    first = {f"q{i}": (1.0, 1.0) for i in range(200)}
    second = {f"q{i}": (float(i >= 40), 1.0) for i in range(200)}
    evidence = BetweenTwo(first, second, direction=-1.0)
    assert (evidence.of("q0", 0.0), evidence.of("q0", 1.0)) == (0.5, -0.5)
    assert evidence.of("q99", 1.0) == 0.0 and not evidence.informs("q200")
    for values, sign in ((first, -1), (second, 1)):
        decision = Decision(evidence, False, 0.05, 0, asks_all=False)
        for name in decision.arrange([*first, "unshared"], lambda n: (n, None)):
            assert name != "unshared"
            decision.see(name, values[name][0])
        assert decision.sign == decision.leaning == sign


def test_the_processes_are_those_of_whole_arrays() -> None:
    rng = np.random.default_rng(5)
    a, b = (rng.random(500) < 0.5).astype(float), (rng.random(500) < 0.55).astype(float)
    sign = SignProcess(alpha=1e-9)
    for d in b - a:
        sign.see(float(d))
    assert sign.p_value == pytest.approx(anytime_p_value(e_process(a, b)))
    mean = MeanProcess(alpha=1e-9, planned=500)
    for d in b - a:
        mean.see(float(d))
    lows, highs = confidence_sequence(b - a, 500, 1e-9)
    assert (mean.low, mean.high) == pytest.approx((lows[-1], highs[-1]))


def test_equal_differences_alone_decide_nothing() -> None:
    """Thirty times the same tiny gain has no variance, which is not certainty."""
    process = MeanProcess(alpha=0.05, planned=100)
    assert [process.see(0.001) for _ in range(60)][-1] == 0
