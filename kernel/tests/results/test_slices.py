"""Where exactly two runs differ: slices of their questions, and what is claimed of them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from attrs import evolve

from olmo_eval import compare
from olmo_eval.results.pairing import Pairs
from olmo_eval.results.slices import Slice, endings, slices_of
from olmo_eval.results.slices import judge_slices as judged
from olmo_eval.results.slices.members import answer_type
from olmo_eval.results.slices.tested import Subject
from olmo_eval.results.slices.texts import text_clusters
from olmo_eval.results.statistics import compare_scores
from olmo_eval.results.statistics.slices import contrast_p_value, selective_alpha

ENTRY = {"weighted": False, "higher_is_better": True}


def subject(a: np.ndarray, b: np.ndarray, slices: list[Slice], **more: Any) -> Subject:
    ids = pa.chunked_array([pa.array([str(i) for i in range(len(a))])])
    ones = np.ones(len(a))
    found = evolve(Pairs(ids, a, b, ones, ones, None, 0, 0), **more)
    return Subject("task", found, ENTRY, slices)


def test_a_planted_slice_is_found_with_its_difference_and_nothing_else() -> None:
    rng = np.random.default_rng(1)
    a = (rng.random(2000) < 0.6).astype(float)
    subjects = [Slice("metadata", f"subject = {i}", np.arange(2000) % 10 == i) for i in range(10)]
    b = a.copy()
    broken = subjects[3].members
    b[broken & (rng.random(2000) < 0.2)] = 0
    noise = rng.random(2000) < 0.06
    b[noise] = 1 - b[noise]

    results = judged([subject(a, b, subjects)])

    (one,) = [r for r in results if r.changed]
    assert one.name == "subject = 3" and one.verdict.kind == "worse" and one.stands_out
    alone = compare_scores(a[broken], b[broken])
    assert one.verdict.difference == alone.difference
    assert one.verdict.p_value == alone.p_value <= one.verdict.p_adjusted
    assert one.verdict.adjustment == "discrete benjamini-hochberg"
    assert one.elsewhere == pytest.approx((b - a)[~broken].mean())
    # chosen out of ten, its interval is wider than that of a slice named beforehand
    assert one.verdict.ci_low < alone.ci_low and alone.ci_high < one.verdict.ci_high


def test_where_all_questions_gain_alike_every_slice_is_better_and_none_stands_out() -> None:
    rng = np.random.default_rng(2)
    a = (rng.random(1000) < 0.4).astype(float)
    b = np.where(rng.random(1000) < 0.3, 1.0, a)
    slices = [Slice("metadata", f"level = {i}", np.arange(1000) % 4 == i) for i in range(4)]

    results = judged([subject(a, b, slices)])

    assert [r.verdict.kind for r in results] == ["better"] * 4
    assert not any(r.stands_out for r in results)


def test_slices_in_which_too_few_questions_differ_are_not_tested() -> None:
    a = np.zeros(100)
    b = a.copy()
    b[:5] = 1
    half = Slice("metadata", "half", np.arange(100) < 50)
    assert judged([subject(a, b, [half])]) == []
    b[5] = 1
    (one,) = judged([subject(a, b, [half])])
    assert one.verdict.wins == 6 and one.verdict.p_value == pytest.approx(2 / 2**6)


def test_weighted_scores_are_compared_as_the_task_reports_them() -> None:
    rng = np.random.default_rng(3)
    weights = rng.integers(1, 50, 400).astype(float)
    a = rng.normal(1.0, 0.2, 400)
    half = Slice("metadata", "half", np.arange(400) < 200)
    b = a + np.where(half.members, 0.1, 0.0) + rng.normal(0, 0.05, 400)
    entry = {"weighted": True, "higher_is_better": False}
    found = evolve(subject(a, b, [half], weights_a=weights, weights_b=weights), entry=entry)

    (one,) = judged([found])

    inside = half.members
    assert one.score_a == pytest.approx(np.average(a[inside], weights=weights[inside]))
    expected = np.average((b - a)[inside], weights=weights[inside])
    assert one.verdict.difference == pytest.approx(expected)
    assert one.verdict.kind == "worse" and one.stands_out


def test_the_contrast_is_that_of_labels_dealt_out_at_random() -> None:
    rng = np.random.default_rng(4)
    d = rng.choice([-1.0, 0.0, 1.0], 300, p=[0.1, 0.8, 0.1])
    inside = np.arange(300) < 60
    d[:60] = np.maximum(d[:60], rng.random(60) < 0.1)
    observed = abs(d[inside].mean() - d.mean())
    dealt = [abs(d[rng.permutation(300)[:60]].mean() - d.mean()) for _ in range(20_000)]

    assert contrast_p_value(d, inside) == pytest.approx(
        np.mean(np.array(dealt) >= observed), abs=0.02
    )


def test_a_slice_without_any_difference_is_not_taken_for_a_sure_one() -> None:
    d = np.zeros(200)
    d[20:38] = -1  # 18 of the other 180; of 20 questions none may be bad luck
    assert contrast_p_value(d, np.arange(200) < 20) > 0.1
    assert contrast_p_value(np.zeros(50), np.arange(50) < 20) == 1.0
    with pytest.raises(ValueError, match="some inside and some outside"):
        contrast_p_value(d, np.ones(200, dtype=bool))


def test_a_contrast_of_whole_passages_knows_how_few_they_are() -> None:
    d = np.repeat([1.0, -1.0, 1.0, 1.0, -1.0, 0.0, 0.0, -1.0], 25)
    inside = np.arange(200) < 100
    passages = np.repeat(np.arange(8), 25)
    assert contrast_p_value(d, inside) < 0.001 < 0.05 < contrast_p_value(d, inside, passages)


def test_intervals_of_chosen_slices_allow_for_the_choice() -> None:
    assert selective_alpha(2, 40, 0.05) == pytest.approx(0.0025)
    assert selective_alpha(40, 40, 0.05) == 0.05
    with pytest.raises(ValueError, match="found <= family"):
        selective_alpha(3, 2, 0.05)


def rows(n: int) -> list[dict[str, Any]]:
    return [
        {
            "question": "x" * (10 + i),
            "gold": str(i) if i % 2 else "a harbour",
            "choices": None,
            "cluster": None,
            "metadata": json.dumps(
                {"id": f"q{i}", "subject": "algebra" if i < n // 2 else "logic",
                 "tags": ["all", "odd"] if i % 2 else ["all"], "difficulty": i / 7}
            ),
        }
        for i in range(n)
    ]  # fmt: skip


def test_slices_come_from_what_is_known_before_anything_is_answered() -> None:
    made = {s.name: int(s.members.sum()) for s in slices_of(rows(200))}

    assert made["subject = algebra"] == made["subject = logic"] == 100
    assert made["tags = odd"] == 100
    assert "tags = all" not in made  # all questions are no slice
    assert not any("id" in name.split() for name in made)
    assert made["difficulty 0 to 5.57143"] == 40  # a quantity, in fifths
    assert made["question of 10 to 29 characters"] == 20
    assert "answer = whole number" not in made  # the same questions as tags = odd


def test_small_tasks_have_no_slices() -> None:
    assert slices_of(rows(30)) == []


@pytest.mark.parametrize(
    ("gold", "kind"),
    [
        ("12,300", "whole number"),
        ("-3", "negative number"),
        ("3.5", "decimal, fraction or share"),
        ("1/2", "decimal, fraction or share"),
        ("Yes", "yes or no"),
        ("B", "letter"),
        (r"\frac{1}{2}", "expression"),
        ("Paris", "one word"),
        ("the old harbour", "several words"),
        ("", None),
        (None, None),
    ],
)
def test_answers_have_a_type(gold: str | None, kind: str | None) -> None:
    assert answer_type({"gold": gold}) == kind


def test_endings_divide_the_difference_up() -> None:
    a = {"1": "answered", "2": "answered", "3": "cut off", "4": "answered"}
    b = {"1": "answered", "2": "cut off", "3": "answered", "4": "answered"}
    effects = {"1": 0.0, "2": -1.0, "3": 1.0, "4": -1.0}

    found = endings(a, b, effects)

    assert sum(e.part for e in found) == pytest.approx(np.mean(list(effects.values())))
    assert {(e.a, e.b): e.part for e in found}["answered", "cut off"] == -0.25
    assert endings(a, a, {"1": 1.0, "2": 0.0}) == []


def test_the_command_shows_slices_of_every_task(bench: Any) -> None:
    bench.write(
        "sums/test.jsonl",
        [{"id": f"s{n}", "question": f"{n} plus 1?", "answer": str(n + 1)} for n in range(200)],
    )
    a = bench.evaluate("sums", "pick", skill=0.3)
    b = bench.evaluate("sums", "pick", skill=0.9, faults={"truncate": 0.1}, name="b")

    found = compare(a, b).slices()

    assert [t.task for t in found.tasks] == ["sums", "pick"]
    assert found.family == sum(len(t.tested) for t in found.tasks) > 0
    shown = bench.cli("compare", a.run_id, b.run_id, "--slices")
    assert shown.code == 0
    assert "question of" in shown.out and "Benjamini-Hochberg" in shown.out
    assert "no slice of its 30 questions has 20 of them" in shown.out
    assert "answered in A, truncated in B" in shown.out
    data = bench.cli("compare", a.run_id, b.run_id, "--slices", "--json").json["slices"]
    assert data["tasks"][0]["tested"][0]["verdict"]["p_adjusted"] <= 0.05
    refused = bench.cli("compare", a.run_id, b.run_id, a.run_id, "--slices")
    assert refused.code == 2 and "--slices is for two runs" in refused.err


def texts() -> list[str]:
    trains = "the train leaves {} station and the train arrives at {} station late"
    apples = "a basket holds {} apples and {} pears and somebody eats apples"
    return [(trains if i % 2 else apples).format(i, i * 3) for i in range(160)]


@pytest.mark.engine
def test_questions_about_the_same_are_one_slice() -> None:
    pytest.importorskip("sklearn")

    found = text_clusters(texts())

    train = next(s for s in found if "train" in s.name)
    assert train.family == "text"
    assert train.members.tolist() == [bool(i % 2) for i in range(160)]
    assert text_clusters(texts()[:50]) == []
    assert text_clusters(["12 + 13"] * 200) == []
