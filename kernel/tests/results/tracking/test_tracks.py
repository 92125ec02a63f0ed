"""Scores over checkpoints: order, comparability, trend, noise, alarms that name questions."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest

from olmo_eval.errors import MissingDependencyError, UnknownNameError, UsageError
from olmo_eval.results import biographies_of, track, trust
from olmo_eval.results.tracking.plots import drawing
from olmo_eval.results.tracking.plots.scales import ticks

#: a mock's skill at each of its checkpoints; the seventh one breaks
SKILLS = (0.4, 0.45, 0.5, 0.55, 0.6, 0.6, 0.1)


def checkpoints(
    bench: Any, *tasks: str, group: str = "run", skills: Sequence[float] = SKILLS
) -> None:
    for i, skill in enumerate(skills):
        step = 100 * (i + 1)
        name = f"step {step}"  # or a model that does not change is one run
        bench.evaluate(*(tasks or ("sums",)), skill=skill, group=group, step=step, name=name)


def test_checkpoints_stand_in_the_order_of_their_steps(bench: Any) -> None:
    for step, skill in ((1000, 0.9), (200, 0.1), (400, 0.5)):
        bench.evaluate("sums", skill=skill, group="run", step=step)

    (found,) = track("results", ["run"]).tracks

    assert [p.at for p in found.points] == [200, 400, 1000]
    scores = [p.score.value for p in found.points]
    assert scores == sorted(scores) and len(set(scores)) == 3
    assert found.trend is not None and found.trend.slope > 0
    assert all(p.score.ci_low < p.score.value < p.score.ci_high for p in found.points)
    assert found.points[0].change is None
    assert found.points[1].change.difference == pytest.approx(scores[1] - scores[0])


def test_an_alarm_names_the_questions_that_moved(bench: Any) -> None:
    checkpoints(bench)

    found = track("results", ["run"])

    (one,) = found.tracks
    (alarmed,) = one.alarms
    assert alarmed.at == 700 and found.looked_at == 3
    before = one.points[-2].score.value * 40
    after = alarmed.score.value * 40
    assert len(alarmed.moved) >= before - after > 10
    assert all((m.before, m.after, m.noise) == (1, 0, False) for m in alarmed.moved)
    printed = bench.cli("track", "--group", "run", "-n", "2")
    assert printed.code == 0
    assert "ALARM run: sums at step 700" in printed.out
    assert f"    {alarmed.moved[0].instance_id}   1 -> 0" in printed.out


def test_a_run_that_was_asked_otherwise_is_left_out_and_named(bench: Any) -> None:
    checkpoints(bench, skills=(0.3, 0.5))
    bench.evaluate("sums", skill=0.9, group="run", step=60, limit=20)
    bench.evaluate("sums:2shot", skill=0.9, group="run", step=70)

    (one,) = track("results", ["run"], ["sums"]).tracks

    assert [p.at for p in one.points] == [60, 100, 200]  # a part of the questions is comparable
    bench.edit("sums/test.jsonl", lambda rows: [{**row, "answer": "1"} for row in rows])
    changed = bench.evaluate("sums", skill=0.8, group="run", step=300)
    found = track("results", ["run"], ["sums"])
    assert [p.run_id for p in found.tracks[0].points] == [changed.run_id]
    assert sum("is left out: data differ" in note for note in found.notes) == 3


def test_of_two_runs_of_one_checkpoint_the_newest_counts(bench: Any) -> None:
    first = bench.evaluate("sums", skill=0.2, group="run", step=100)
    second = bench.evaluate("sums", skill=0.8, group="run", step=100)
    bench.evaluate("sums", skill=0.9, group="run", step=200)
    bench.evaluate("sums", skill=0.9, group="run", name="no step")

    found = track("results", ["run"])

    assert found.tracks[0].points[0].run_id == second.run_id
    notes = " ".join(found.notes)
    assert f"newer than {first.run_id}" in notes and "it has no step" in notes


def test_a_rescored_run_does_not_stand_for_its_checkpoint(bench: Any) -> None:
    run = bench.evaluate("sums", skill=0.6, group="run", step=100)
    bench.evaluate("sums", skill=0.7, group="run", step=200)
    assert bench.cli("rescore", run.run_id).code == 0

    (one,) = track("results", ["run"]).tracks

    assert one.points[0].run_id == run.run_id


def test_groups_stand_side_by_side(bench: Any) -> None:
    checkpoints(bench, group="a", skills=(0.2, 0.4, 0.6, 0.7))
    checkpoints(bench, group="b", skills=(0.3, 0.5, 0.6, 0.9))

    found = track("results", ["a", "b"])
    printed = bench.cli("track", "--group", "a", "--group", "b")

    assert [t.group for t in found.of("sums")] == ["a", "b"]
    assert found.between["sums"].n_runs == 2
    assert "a: score" in printed.out and "b: score" in printed.out
    document = bench.cli("track", "--group", "a", "--group", "b", "--json").json
    assert [t["group"] for t in document["tracks"]] == ["a", "b"]
    assert (
        document["tracks"][0]["points"][0]["ci_low"] < document["tracks"][0]["points"][0]["value"]
    )


def test_a_suite_stands_with_its_members(bench: Any) -> None:
    checkpoints(bench, "both", skills=(0.4, 0.45, 0.5, 0.5, 0.55, 0.1))

    found = track("results", ["run"], ["both"])

    kinds = {t.name: t.kind for t in found.tracks}
    assert kinds["both"] == "suite" and len(kinds) > 1
    (suite,) = found.of("both")
    (alarmed,) = suite.alarms
    assert alarmed.moved and all("/" in m.instance_id for m in alarmed.moved)


def test_what_is_not_there_is_said(bench: Any) -> None:
    checkpoints(bench, skills=(0.3,))

    with pytest.raises(UnknownNameError, match="no run of group 'other'"):
        track("results", ["other"])
    with pytest.raises(UnknownNameError, match="no run of run has pick"):
        track("results", ["run"], ["pick"])
    with pytest.raises(UsageError, match="no finished run of group 'run' has a tokens"):
        track("results", ["run"], by="tokens")
    assert bench.cli("track").code == 2
    assert bench.cli("track", "--group", "run", "--plot", "x.pdf").code == 2
    assert bench.cli("track", "--group", "run", "--plot", "no/such/x.svg").code == 2
    assert bench.cli("track", "--group", "run", "--output", "x.csv").code == 2
    assert bench.cli("track", "--group", "run", "--questions").code == 2


def test_plots_are_well_formed_and_show_every_point(bench: Any) -> None:
    checkpoints(bench)
    assert bench.cli("track", "--group", "run", "--plot", "track.svg").code == 0
    assert bench.cli("track", "--group", "run", "--plot", "track.html").code == 0

    root = ElementTree.parse(bench.folder / "track.svg").getroot()
    titles = [e.text or "" for e in root.iter("{http://www.w3.org/2000/svg}title")]
    assert len(titles) == len(SKILLS)
    assert sum("alarm" in title for title in titles) == 1
    page = (bench.folder / "track.html").read_text()
    assert "<svg" in page and page.count("<details>") == 1 and "http-equiv" not in page


def test_a_png_needs_matplotlib(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("olmo_eval.results.tracking.plots.find_spec", lambda name: None)

    with pytest.raises(MissingDependencyError) as error:
        drawing("track.png")
    assert "olmo-eval[plot]" in str(error.value.hint)


@pytest.mark.engine
def test_a_png_is_drawn(bench: Any) -> None:
    pytest.importorskip("matplotlib")
    checkpoints(bench)

    assert bench.cli("track", "--group", "run", "--plot", "track.png").code == 0

    assert (bench.folder / "track.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (200, 1000), (-3.1, 7.0), (0.81, 0.83)])
def test_ticks_are_round_and_inside(low: float, high: float) -> None:
    found = ticks(low, high)

    assert 2 <= len(found) <= 6
    assert all(low <= tick <= high for tick in found)


def test_questions_are_learned_and_forgotten(bench: Any) -> None:
    checkpoints(bench, "sums", "prose", skills=(0.3, 0.3, 0.3, 0.8, 0.8, 0.8))

    found, notes = biographies_of("results", "run")

    (sums,) = found
    assert any(note.startswith("prose: ") for note in notes)
    learned = [q for q in sums.questions if q.kind == "learned"]
    assert len(learned) >= 15
    assert {q.at for q in learned} == {400}
    assert all(q.history == "000111" and q.certainty > 0.8 for q in learned)
    assert sum(sums.counts().values()) == 40

    asked = ("track", "--group", "run", "--questions")
    assert bench.cli(*asked, "--output", "b.csv").code == 0
    printed = bench.cli(*asked, "--output", "b.parquet")
    rows = pq.read_table(bench.folder / "b.parquet").to_pylist()
    assert {row["instance_id"] for row in rows} == {f"s{n}" for n in range(40)}
    assert {row["changed_at"] for row in rows if row["biography"] == "learned"} == {400}
    with (bench.folder / "b.csv").open() as file:
        assert [row["biography"] for row in csv.DictReader(file)] == [r["biography"] for r in rows]
    assert "learned at step 400" in printed.out


def test_trust_tells_tasks_apart_by_their_decisions(bench: Any) -> None:
    ends = {"a": 0.3, "b": 0.5, "c": 0.8}
    for name, end in ends.items():
        skills = (end - 0.1, end - 0.05, end, end)
        checkpoints(bench, group=f"small-{name}", skills=skills)
        bench.evaluate("sums", skill=end + 0.15, group=f"large-{name}", step=900)

    pairs = [(f"small-{name}", f"large-{name}") for name in ends]
    (task,) = trust("results", pairs).tasks
    arguments = [text for small, large in pairs for text in ("--pair", f"{small}={large}")]
    printed = bench.cli("trust", *arguments)

    assert task.decisions is not None and task.decisions.value == 1.0
    assert task.signal is not None and task.signal.n_models == 3
    assert "100%" in printed.out
    with pytest.raises(UsageError, match="two different groups"):
        trust("results", [("small-a", None)])
    assert bench.cli("trust", "--pair", "small-a").code == 2
