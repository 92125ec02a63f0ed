"""Every instance ends in one way; what is missing never looks like a score."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import ExactMatchScorer, Scorer
from olmo_eval.common.types import Instance, LMOutput, Outcome
from olmo_eval.results.store import Run

Tables = Callable[[Run], dict[str, Any]]


def score_of(run: Run, name: str) -> Any:
    return next(s for s in run.scores() if s.name == name and s.primary)


def test_every_instance_has_one_outcome(bench: Any) -> None:
    faults = {"transient": 0.2, "refuse": 0.2, "fail": 0.1, "truncate": 0.2, "garbage": 0.2}
    run = bench.evaluate("sums", skill=1.0, faults=faults)

    rows = run.instances("sums").to_pylist()
    counted = Counter(row["outcome"] for row in rows)
    assert len(rows) == 40
    assert counted == run.record["tasks"][0]["outcomes"]
    assert set(counted) <= set(Outcome)
    assert {"scored", "refused", "infra_failed", "truncated"} <= set(counted)
    for row in rows:
        value = row["values"]["accuracy:exact_match"]
        unscored = row["outcome"] in ("refused", "infra_failed")
        assert (value is None) == unscored
        assert (row["error"] is not None) == unscored


def test_transient_failures_leave_no_trace_in_the_score(bench: Any, tables: Tables) -> None:
    plain = bench.evaluate("sums", skill=0.5, results="plain")
    shaken = bench.evaluate("sums", skill=0.5, faults={"transient": 0.5}, results="shaken")

    assert tables(plain) == tables(shaken)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10_000),
    fail=st.floats(0.01, 0.3),
    refuse=st.floats(0, 0.3),
    skill=st.floats(0, 1),
)
def test_the_bounds_contain_the_score_without_faults(
    bench: Any, seed: int, fail: float, refuse: float, skill: float
) -> None:
    where = {"results": f"{seed}-{fail}-{refuse}-{skill}"}
    tasks = ("sums", "pick", "both", "nested", "sized")
    whole = bench.evaluate(*tasks, skill=skill, mock_seed=seed, **where)
    faults = {"fail": fail, "refuse": refuse}
    faulty = bench.evaluate(*tasks, skill=skill, mock_seed=seed, faults=faults, **where)

    expected = {(s.name, s.metric): s.value for s in whole.scores()}
    for score in faulty.scores():
        if score.value is None:
            continue
        truth = expected[score.name, score.metric]
        assert score.worst_case - 1e-12 <= truth <= score.best_case + 1e-12, score
        assert score.n_scored + sum(
            n for entry in faulty.record["tasks"] if entry["name"] == score.name
            for outcome, n in entry["outcomes"].items() if outcome in ("refused", "infra_failed")
        ) == score.n_expected or score.kind == "suite"  # fmt: skip


def test_what_failed_is_tried_again_and_the_rest_is_not(bench: Any) -> None:
    plugin = bench.write("ignored.jsonl", []).with_name("recovering.py")
    plugin.write_text(
        "import os, olmo_eval\n"
        "from olmo_eval.common.types import LMOutput\n"
        "from olmo_eval.errors import ProviderError\n"
        "from olmo_eval.providers import Capability, Provider\n"
        "asked = []\n"
        "class Recovering(Provider):\n"
        "    capabilities = frozenset({Capability.GENERATE})\n"
        "    async def generate(self, request, params):\n"
        "        asked.append(request.prompt)\n"
        "        if os.environ.get('DOWN') and '3 plus' in request.prompt:\n"
        "            raise ProviderError('down for the moment')\n"
        "        return [LMOutput('4', finish_reason='stop')]\n"
        "@olmo_eval.hookimpl\n"
        "def register_providers(register):\n"
        "    register('recovering', Recovering)\n"
    )
    ask = ("run", "--plugin", plugin, "-m", "recovering:x", "-t", "sums")

    failed = bench.command(*ask, env={"DOWN": "1"})
    assert failed.code == 1  # four of forty is more than 5%
    assert "infra_failed" in failed.out
    assert "36 of 40" in failed.out
    resumed = bench.command(*ask)

    assert resumed.code == 0
    assert "36 instances are done" in resumed.err
    assert "36 of 40" not in resumed.out


@pytest.mark.parametrize(("percent", "code"), [(0, 1), (5, 1), (50, 0), (100, 0)])
def test_how_much_may_be_missing_is_said(bench: Any, percent: int, code: int) -> None:
    done = bench.cli(
        "run", "-m", "mock", "-t", "sums", "-o", "provider.kwargs.faults.fail=0.2",
        "--fail-if-missing", percent,
    )  # fmt: skip

    assert done.code == code
    assert (f"--fail-if-missing {percent}" in done.err) == bool(code)
    assert "of 40" in done.out
    assert "if missing were known" in done.out


def test_missing_instances_are_said_in_every_format(bench: Any) -> None:
    bench.evaluate("sums", faults={"fail": 0.2}, name="half")

    shown = bench.cli("results", "show", "name=half")
    as_json = bench.cli("results", "show", "name=half", "--json").json

    (score,) = as_json["metrics"]
    assert score["n_scored"] < score["n_expected"] == 40
    assert f"{score['n_scored']} of 40" in shown.out
    assert f"{score['worst_case']:.4f} to {score['best_case']:.4f}" in shown.out
    assert as_json["outcomes"]["sums"]["infra_failed"] == 40 - score["n_scored"]


def strict_json(path: Path) -> Any:
    def refuse(constant: str) -> Any:
        raise AssertionError(f"{path} holds {constant}")

    return json.loads(path.read_text(), parse_constant=refuse)


def test_a_task_without_one_answer_has_no_score(bench: Any) -> None:
    bench.edit("few/test.jsonl", lambda rows: rows[:3])
    faulty = ("-o", "provider.kwargs.faults.fail=1.0")

    done = bench.cli("run", "-m", "mock", "-t", "sums:few", *faulty, "--json")

    (run,) = done.json
    (score,) = run["metrics"]
    assert done.code == 1
    assert "NaN" not in done.out
    assert score["value"] is None and score["stderr"] is None
    assert (score["n_scored"], score["n_expected"]) == (0, 3)
    assert (score["worst_case"], score["best_case"]) == (0.0, 1.0)
    strict_json(Path(run["location"]) / "run.json")
    assert "100.0% of the instances have no score" in done.err
    shown = bench.cli("results", "show", run["run_id"])
    assert "0 of 3" in shown.out


def test_a_suite_without_one_members_score_has_none(bench: Any) -> None:
    bench.edit("few/test.jsonl", lambda rows: [{**r, "question": f"few {r['id']}"} for r in rows])
    plugin = Path("fails_few.py")
    plugin.write_text(
        "import olmo_eval\n"
        "from olmo_eval.common.types import LMOutput\n"
        "from olmo_eval.errors import ProviderError\n"
        "from olmo_eval.providers import Capability, Provider\n"
        "class FailsFew(Provider):\n"
        "    capabilities = frozenset({Capability.GENERATE})\n"
        "    async def generate(self, request, params):\n"
        "        if 'few' in request.prompt:\n"
        "            raise ProviderError('not these')\n"
        "        return [LMOutput('4', finish_reason='stop')]\n"
        "@olmo_eval.hookimpl\n"
        "def register_providers(register):\n"
        "    register('fails_few', FailsFew)\n"
    )
    run = bench.evaluate("sized", model="fails_few:x", plugin=[str(plugin)])

    assert score_of(run, "sums").value is not None
    assert score_of(run, "sums:few").value is None
    suite = score_of(run, "sized")
    assert suite.value is None
    assert (suite.n_scored, suite.n_expected) == (40, 50)
    shown = bench.cli("results", "show", run.run_id)
    assert "40 of 50" in shown.out


def test_a_provider_that_is_gone_ends_the_run(bench: Any) -> None:
    done = bench.cli("run", "-m", "mock", "-t", "sums", "-o", "provider.kwargs.faults.fail=1.0")

    assert done.code == 1
    assert "20 requests in a row failed" in done.err
    assert "rerun the same command to resume" in done.err


def test_a_run_that_is_ended_says_what_its_provider_advises(bench: Any) -> None:
    plugin = bench.folder / "lost.py"
    plugin.write_text(
        "import olmo_eval\n"
        "from olmo_eval.errors import ProviderError\n"
        "from olmo_eval.providers import Capability, Provider\n"
        "class Lost(Provider):\n"
        "    capabilities = frozenset({Capability.GENERATE})\n"
        "    async def generate(self, request, params):\n"
        "        raise ProviderError('answered 404', hint='does base_url end in /v1?')\n"
        "@olmo_eval.hookimpl\n"
        "def register_providers(register):\n"
        "    register('lost', Lost)\n"
    )
    done = bench.cli("run", "--plugin", plugin, "-m", "lost:x", "-t", "sums")

    assert done.code == 1
    assert "answered 404\n  does base_url end in /v1?\n  what is finished is kept" in done.err


# -- scorers that go wrong


@frozen
class OddScorer(Scorer):
    """Gives what is no score to some."""

    name = "odd"
    result: str = "nan"

    def score(self, instance: Instance, output: LMOutput) -> float:
        if not instance.question.startswith("3 "):
            return 1.0
        return float(self.result)


def test_a_scorer_that_fails_takes_no_other_score_with_it(bench: Any) -> None:
    metrics = (
        AccuracyMetric(scorer=OddScorer("no number at all")),
        AccuracyMetric(scorer=ExactMatchScorer()),
    )
    run = bench.evaluate("sums", skill=1.0, overrides={"metrics": metrics})

    odd, exact = run.scores()
    assert (odd.scorer, odd.n_scored, odd.n_expected) == ("odd", 39, 40)
    assert (exact.value, exact.n_scored, exact.n_expected) == (1.0, 40, 40)
    assert run.record["tasks"][0]["outcomes"] == {"scored": 39, "scorer_failed": 1}
    assert run.record["status"] == "incomplete"


@pytest.mark.parametrize("result", ["nan", "inf", "-inf", "no number at all"])
def test_what_is_no_number_is_a_failure_of_the_scorer(bench: Any, result: str) -> None:
    metric = AccuracyMetric(scorer=OddScorer(result))
    run = bench.evaluate("sums", overrides={"metrics": (metric,)})

    (row,) = (r for r in run.instances("sums").to_pylist() if r["outcome"] != "scored")
    assert (row["instance_id"], row["outcome"]) == ("s3", "scorer_failed")
    assert "odd" in row["error"] or "accuracy" in row["error"]
    score = score_of(run, "sums")
    assert (score.value, score.n_scored, score.n_expected) == (1.0, 39, 40)
    assert score.worst_case == pytest.approx(39 / 40)


@pytest.mark.parametrize("blank", ["", " ", None])
def test_a_question_without_a_gold_answer_has_no_value(bench: Any, blank: str | None) -> None:
    bench.edit("sums/test.jsonl", lambda rows: rows[0].update(answer=blank))

    run = bench.evaluate("sums", text="")

    (row,) = (row for row in run.rows("sums") if row["instance_id"] == "s0")
    assert (row["outcome"], row["values"]) == ("scorer_failed", {"accuracy:exact_match": None})
    assert row["error"].endswith("the instance has no gold answer")
