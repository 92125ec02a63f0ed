"""Two runs, question by question."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from olmo_eval import compare
from olmo_eval.errors import UsageError
from olmo_eval.results.matrix import compare_many
from olmo_eval.results.pairing import pairs, primary_metric
from olmo_eval.results.statistics import compare_scores
from olmo_eval.results.store import Run


def by_id(run: Run, task: str) -> dict[str, float | None]:
    """The primary metric's value of every instance."""
    key = primary_metric(run, task)["key"]
    rows = run.instances(task).to_pylist()
    return {row["instance_id"]: row["values"][key] for row in rows}


def paired(a: Run, b: Run, task: str) -> tuple[list[float], list[float]]:
    left, right = by_id(a, task), by_id(b, task)
    shared = [n for n in left if left[n] is not None and right.get(n) is not None]
    return [left[n] or 0.0 for n in shared], [right[n] or 0.0 for n in shared]


def test_questions_are_paired_by_id(bench: Any) -> None:
    a, b = bench.evaluate("sums", skill=0.3), bench.evaluate("sums", skill=0.8)

    (row,) = compare(a, b).tasks

    left, right = paired(a, b, "sums")
    assert len(left) == 40
    assert row.score_a == pytest.approx(np.mean(left))
    assert row.verdict.difference == pytest.approx(np.mean(right) - np.mean(left))
    wins = sum(y > x for x, y in zip(left, right, strict=True))
    losses = sum(y < x for x, y in zip(left, right, strict=True))
    assert (row.verdict.wins, row.verdict.losses) == (wins, losses)
    assert row.verdict.wins + row.verdict.losses + row.verdict.ties == 40


def test_missing_instances_leave_the_pairing_right(bench: Any) -> None:
    a = bench.evaluate("sums", skill=0.3, faults={"fail": 0.2})
    b = bench.evaluate("sums", skill=0.8, faults={"fail": 0.3}, mock_seed=5)

    found = compare(a, b)

    (row,) = found.tasks
    left, right = paired(a, b, "sums")
    assert 10 < len(left) < 40
    assert row.verdict.n == len(left)
    assert row.verdict.difference == pytest.approx(np.mean(right) - np.mean(left))
    scored = [sum(v is not None for v in by_id(run, "sums").values()) for run in (a, b)]
    assert (row.only_a, row.only_b) == (scored[0] - len(left), scored[1] - len(left))
    assert f"compared on {len(left)} shared questions" in found.notes[0]


def test_the_order_of_the_data_does_not_matter(bench: Any) -> None:
    a = bench.evaluate("sums", skill=0.3)
    b = bench.evaluate("sums", skill=0.8)
    expected = compare(a, b).tasks[0]
    bench.edit("sums/test.jsonl", lambda rows: rows[::-1])
    reversed_b = bench.evaluate("sums", skill=0.8, results="reversed")

    found = compare(a, reversed_b, allow_different=["data"]).tasks[0]

    assert found.verdict == expected.verdict


def test_a_subset_is_compared_on_what_is_shared(bench: Any) -> None:
    a = bench.evaluate("sums", skill=0.3)
    b = bench.evaluate("sums", skill=0.8, limit=12)

    found = compare(a, b)

    assert (found.tasks[0].verdict.n, found.tasks[0].only_a) == (12, 28)
    assert any("limit differ" in note for note in found.notes)


def test_clusters_are_kept_together(bench: Any) -> None:
    a = bench.evaluate("sums", skill=0.3)
    b = bench.evaluate("sums", skill=0.8)
    key = primary_metric(a, "sums")["key"]

    (row,) = compare(a, b).tasks

    found = pairs(a, b, "sums", key)
    assert found.clusters is not None and len(set(found.clusters)) == 10
    expected = compare_scores(found.a, found.b, clusters=found.clusters)
    assert row.verdict.p_value == expected.p_value
    assert row.verdict.n_clusters == 10
    assert "clusters" in row.verdict.method
    (score,) = a.scores()
    assert score.n_clusters == 10


def test_samples_of_an_instance_count_as_one_question(bench: Any) -> None:
    a = bench.evaluate("sums:warm", skill=0.3)
    b = bench.evaluate("sums:warm", skill=0.8)

    (row,) = compare(a, b).tasks

    assert row.verdict.n == 40
    assert "McNemar" not in row.verdict.method


# -- metrics that are weighted, transformed, or better when lower


@pytest.fixture
def texts(bench: Any) -> tuple[Run, Run]:
    """Two models on texts of different lengths."""
    return bench.evaluate("prose"), bench.evaluate("prose", mock_seed=1)


def test_weighted_scores_are_compared_as_they_are_reported(texts: tuple[Run, Run]) -> None:
    (row,) = compare(*texts).tasks

    reported = [run.scores()[0] for run in texts]
    assert row.metric == reported[0].metric == "bits_per_byte_corpus"
    assert [row.score_a, row.score_b] == pytest.approx([score.value for score in reported])
    assert row.verdict.difference == pytest.approx(row.score_b - row.score_a)
    low, high = row.verdict.ci_low, row.verdict.ci_high
    assert low is not None and high is not None
    assert low <= row.verdict.difference <= high


def test_lower_is_better_where_it_is(texts: tuple[Run, Run]) -> None:
    a, b = texts
    (row,) = compare(a, b).tasks
    left, right = paired(a, b, "prose")

    assert not row.verdict.higher_is_better
    assert row.verdict.wins == sum(y < x for x, y in zip(left, right, strict=True))
    (back,) = compare(b, a).tasks
    assert (back.verdict.wins, back.verdict.losses) == (row.verdict.losses, row.verdict.wins)
    for flip in compare(a, b).flips("prose", "improved"):
        assert flip.value_b < flip.value_a
    for flip in compare(a, b).flips("prose", "regressed"):
        assert flip.value_b > flip.value_a


def test_a_clearly_lower_perplexity_is_better(bench: Any) -> None:
    only = {"overrides": ["metrics=[bits_per_byte_corpus]"]}
    a = bench.evaluate("prose", **only)
    rows = a.instances("prose").to_pylist()
    likelier = [
        {"instance_id": row["instance_id"], "logprobs": [row["outputs"][0]["sum_logprob"] / 2]}
        for row in rows
    ]
    bench.write("likelier.jsonl", likelier)
    b = bench.evaluate("prose", model="replay:likelier.jsonl", **only)

    assert compare(a, b).kind == "better"
    assert compare(b, a).kind == "worse"


def test_perplexity_is_tested_on_the_scale_that_is_named(bench: Any) -> None:
    a, b = bench.evaluate("prose:ppl"), bench.evaluate("prose:ppl", mock_seed=1)

    (row,) = compare(a, b).tasks

    reported = [run.scores()[0].value or math.nan for run in (a, b)]
    assert row.metric == "log perplexity_corpus"
    assert [row.score_a, row.score_b] == pytest.approx([math.log(v) for v in reported])
    assert row.verdict.difference == pytest.approx(row.score_b - row.score_a)


def test_a_score_of_perplexity_is_the_exponential_of_its_columns(bench: Any) -> None:
    run = bench.evaluate("prose:ppl")

    score = next(s for s in run.scores() if s.primary)
    rows = run.instances("prose:ppl").to_pylist()
    key = primary_metric(run, "prose:ppl")["key"]
    weights = [row["weights"][key] for row in rows]
    mean = np.average([row["values"][key] for row in rows], weights=weights)
    assert score.value == pytest.approx(math.exp(mean))
    assert score.ci_low < score.value < score.ci_high


# -- flips


def test_flips_are_the_questions_that_were_lost_and_won(bench: Any) -> None:
    a, b = bench.evaluate("sums", skill=0.4), bench.evaluate("sums", skill=0.6, mock_seed=2)
    found = compare(a, b)

    (row,) = found.tasks
    regressed, improved = (list(found.flips("sums", show)) for show in ("regressed", "improved"))
    assert (len(improved), len(regressed)) == (row.verdict.wins, row.verdict.losses)
    assert all((f.value_a, f.value_b) == (1.0, 0.0) for f in regressed)
    assert {f.instance_id for f in found.flips("sums")} == {
        f.instance_id for f in (*regressed, *improved)
    }
    answers = {r["instance_id"]: r["outputs"][0]["text"] for r in b.instances("sums").to_pylist()}
    assert all(answers[f.instance_id] == f.answer_b for f in improved)
    assert all(f.answer_b.strip() == f.gold for f in improved)


def test_flips_of_choices_show_the_choice(bench: Any) -> None:
    a, b = bench.evaluate("pick", skill=0.0), bench.evaluate("pick", skill=1.0)

    flip = next(compare(a, b).flips("pick", "improved"))

    assert flip.answer_a != flip.answer_b
    assert flip.answer_b.startswith(("A", "B", "C"))


# -- several runs


def test_a_matrix_adjusts_every_pair_together(bench: Any) -> None:
    runs = [bench.evaluate("sums", "pick", skill=skill) for skill in (0.3, 0.5, 0.9)]

    matrix = compare_many(runs)

    rows = [row for pair in matrix.comparisons.values() for row in pair.tasks]
    assert len(rows) == 3 * 2
    order = sorted(rows, key=lambda row: row.verdict.p_value)
    expected, highest = [], 0.0
    for rank, row in enumerate(order):
        highest = max(highest, min(1.0, (6 - rank) * row.verdict.p_value))
        expected.append(highest)
    assert [row.verdict.p_adjusted for row in order] == pytest.approx(expected)
    assert matrix.names() == ["sums", "pick"]


# -- what cannot be compared


def test_runs_without_a_shared_task(bench: Any) -> None:
    a, b = bench.evaluate("sums"), bench.evaluate("pick")

    with pytest.raises(UsageError, match="have no task in common") as refused:
        compare(a, b)
    assert "sums" in str(refused.value.hint) and "pick" in str(refused.value.hint)


def test_tasks_that_only_one_run_has_are_named(bench: Any) -> None:
    found = compare(bench.evaluate("sums", "pick"), bench.evaluate("sums", skill=0.5))

    assert [row.name for row in found.tasks] == ["sums"]
    assert any("only in" in note and "pick" in note for note in found.notes)


def test_an_unknown_input_or_task_is_refused(bench: Any) -> None:
    a, b = bench.evaluate("sums"), bench.evaluate("sums", skill=0.5)

    with pytest.raises(UsageError, match="unknown input 'fewshots'") as refused:
        compare(a, b, allow_different=["fewshots"])
    assert "fewshot" in str(refused.value.hint)
    with pytest.raises(UsageError, match="no task 'sms'"):
        compare(a, b, tasks=["sms"])


# -- as commands


@pytest.fixture
def two(bench: Any) -> Any:
    bench.evaluate("sums", "pick", skill=0.2, name="weak")
    bench.evaluate("sums", "pick", skill=0.9, name="strong")
    return bench


def test_the_commands_json_is_the_python_interfaces(two: Any) -> None:
    printed = two.cli("compare", "name=weak", "name=strong", "--json").json

    found = compare("name=weak", "name=strong")
    assert printed == json.loads(json.dumps(found.to_dict()))
    assert found.to_arrow().num_rows == 2
    assert found.to_arrow().column("verdict").to_pylist() == ["better", "better"]


@pytest.mark.parametrize(
    ("a", "b", "fail_on", "code"),
    [
        ("weak", "strong", ["worse"], 0),
        ("strong", "weak", ["worse"], 1),
        ("weak", "strong", ["better"], 1),
        ("weak", "weak", ["worse", "better"], 0),
        ("weak", "weak", ["undecided"], 1),
        ("strong", "weak", [], 0),
    ],
)
def test_a_verdict_may_decide_the_exit_code(
    two: Any, a: str, b: str, fail_on: list[str], code: int
) -> None:
    options = [part for kind in fail_on for part in ("--fail-on", kind)]

    assert two.cli("compare", f"name={a}", f"name={b}", *options).code == code


def test_markdown_holds_the_same_table(two: Any) -> None:
    plain = two.cli("compare", "name=weak", "name=strong").out
    markdown = two.cli("compare", "name=weak", "name=strong", "--markdown").out

    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 2
    assert set(rows[1]) <= set("|-: ")
    cells = [cell.strip() for cell in rows[2].strip("|").split("|")]
    assert all(cell in plain for cell in cells)


def test_a_matrix_is_printed_in_every_format(two: Any) -> None:
    two.evaluate("sums", "pick", skill=0.5, name="middle")
    runs = ("name=weak", "name=middle", "name=strong")

    plain = two.cli("compare", *runs).out
    markdown = two.cli("compare", *runs, "--markdown").out
    as_json = two.cli("compare", *runs, "--json").json

    assert len(as_json["pairs"]) == 3
    assert "column minus row on 40 questions" in plain
    assert "| A" in markdown
    assert two.cli("compare", *runs, "--fail-on", "better").code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["name=weak"], "nobody knows which checkpoint came before it"),
        (["name=weak", "name=strong", "--best"], "of a single run"),
        (["name=weak", "name=strong", "--margin", "-1"], "margin"),
        (["name=weak", "name=strong", "--margin", "0"], "margin"),
        (["name=weak", "name=strong", "-n", "-3", "--show", "all"], "-n"),
        (["name=weak", "name=strong", "--show", "some"], "regressed"),
        (["name=weak", "nonsense"], "no run 'nonsense'"),
        (["name=weak", "colour=red"], "bad run query 'colour=red'"),
    ],
)
def test_bad_comparisons_are_refused(two: Any, arguments: list[str], said: str) -> None:
    refused = two.cli("compare", *arguments)

    assert refused.code == 2, refused.err
    assert said in refused.err
    assert "defect" not in refused.err


def test_equivalence_is_asked_for_with_a_margin(two: Any) -> None:
    found = two.cli("compare", "name=weak", "name=weak", "--margin", "0.3").out

    assert "equivalent within 0.3" in found
