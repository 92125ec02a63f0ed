"""What another scorer would have said of everything that is recorded."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from olmo_eval import plugins
from olmo_eval.common.scorers import ExactMatchScorer, JudgeScorer, Scorer
from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.errors import UsageError
from olmo_eval.registry import Owner
from olmo_eval.results.store import Store
from olmo_eval.runner.history import rescore_history


class Even(Scorer):
    """Right where the recorded answer is, and the sum is even."""

    name = "even"

    def score(self, instance: Instance, output: LMOutput) -> float:
        right = str(output.extracted_answer).strip() == instance.gold_text
        return float(right and int(instance.gold_text) % 2 == 0)


class Shaky(Scorer):
    name = "shaky"

    def score(self, instance: Instance, output: LMOutput) -> float:
        if instance.gold_text.endswith("3"):
            raise ValueError("no threes")
        return ExactMatchScorer().score(instance, output)


@pytest.fixture
def store(bench: Any) -> Store:
    """Two checkpoints of one group: the second is better."""
    for step, skill in ((100, 0.3), (200, 0.95)):
        bench.evaluate("both", skill=skill, step=step, group="g", seed=step)
    return Store("results")


def values(run: Any) -> dict[str, float]:
    return {
        row["instance_id"]: row["values"]["accuracy:exact_match"]
        for row in run.rows("sums", columns=["instance_id", "values"])
    }


def test_instances_and_scores_are_those_of_a_rescore(bench: Any, store: Store) -> None:
    plugins.manager().registry("scorers").add("even", Even, Owner("acme", "1", __name__))

    found = rescore_history(store.runs(), Even(), "exact_match")

    assert [one.task for one in found.tasks] == ["sums", "sums"]
    for one, run in zip(found.tasks, store.runs(), strict=True):
        printed = bench.cli(
            "rescore", run.run_id, "-t", "sums", "-o", "metrics=[accuracy:even]", "--json"
        )
        assert printed.code == 0, printed.err
        (scored,) = printed.json if isinstance(printed.json, list) else [printed.json]
        after = next(m["value"] for m in scored["metrics"] if m["name"] == "sums")
        before = values(run)
        odd = [i for i, value in before.items() if value and int(i[1:]) % 2 == 0]
        assert one.after == pytest.approx(after)
        assert (one.gained, one.lost) == (0, len(odd))
        assert list(one.flipped) == odd[:5]
        assert one.failed == one.unlike == 0


def test_the_same_scorer_changes_nothing(store: Store) -> None:
    found = rescore_history(store.runs(), ExactMatchScorer())

    assert len(found.tasks) == 2 and found.verdicts == 1 and not found.flipped
    assert all(one.before == one.after and not one.flipped for one in found.tasks)


def test_a_verdict_between_neighbours_that_would_be_another_is_named(store: Store) -> None:
    class Nothing(Scorer):
        name = "nothing"

        def score(self, instance: Instance, output: LMOutput) -> float:
            return 0.0

    (flipped,) = rescore_history(store.runs(), Nothing(), "exact_match").flipped

    first, second = store.runs()
    assert (flipped.a, flipped.b, flipped.task) == (first, second, "sums")
    assert (flipped.before, flipped.after) == ("better", "undecided")


def test_where_the_scorer_fails_the_recorded_value_stays_and_is_counted(store: Store) -> None:
    for one in rescore_history(store.runs(), Shaky(), "exact_match").tasks:
        assert one.failed == 4 and "no threes" in one.problem
        assert one.before == one.after and not one.flipped


def test_a_gold_answer_that_is_a_list_is_a_list_again(bench: Any) -> None:
    class Among(Scorer):
        name = "among"

        def score(self, instance: Instance, output: LMOutput) -> float:
            return float(isinstance(instance.gold_answer, list) and len(instance.gold_answer) == 2)

    bench.edit("sums/test.jsonl", lambda rows: [{**r, "answer": [r["answer"], "x"]} for r in rows])
    run = bench.evaluate("sums", skill=0.0, limit=6)

    (found,) = rescore_history([run], Among(), "exact_match").tasks

    assert (found.before, found.after, found.gained) == (0.0, 1.0, 6)


def test_what_cannot_be_scored_so_is_refused_or_named(store: Store) -> None:
    with pytest.raises(UsageError, match="asks a model or runs code"):
        rescore_history(store.runs(), JudgeScorer())
    with pytest.raises(UsageError, match="no task of these runs is scored by 'even'") as error:
        rescore_history(store.runs(), Even())
    assert "exact_match" in str(error.value.hint)
    left_out = rescore_history(store.runs(), Even(), "logprob").left_out
    assert len(left_out) == 2 and "log-probabilities" in left_out[0]


def test_the_command_takes_a_scorer_from_a_file_and_writes_nothing(
    bench: Any, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "strict.py").write_text(
        "from olmo_eval.common.scorers import Scorer\n"
        "class Strict(Scorer):\n"
        "    name = 'strict'\n"
        "    def score(self, instance, output):\n"
        "        return float(output.text == instance.gold_text)\n"
    )
    before = sorted(Path("results").rglob("*.parquet"))
    arguments = ("results", "rescore-history", "--in-place-of", "exact_match")

    text = bench.cli(*arguments, "--with", "strict.py:Strict", "--where", "group=g")
    told = bench.cli(*arguments, "--with", "strict.py:Strict", "--json").json
    wrong = bench.cli(*arguments, "--with", "strict.py:Nothing")

    assert "of 80 instances flip" in text.out and "sums" in text.out
    assert told["instances"] == 80 and len(told["tasks"]) == 2
    assert wrong.code == 2 and "has no 'Nothing'" in wrong.err
    assert sorted(Path("results").rglob("*.parquet")) == before
    sys.modules.pop("strict", None)
