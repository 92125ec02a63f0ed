"""Runs of schema version 1, stored when it was the present one, and what becomes of them."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from olmo_eval.errors import OlmoEvalError, UsageError
from olmo_eval.results.amend import set_step
from olmo_eval.results.answers import RunAnswers
from olmo_eval.results.compare import compare
from olmo_eval.results.convert import convert
from olmo_eval.results.locking import run_lock
from olmo_eval.results.store import Run, Store, open_run

STORED = Path(__file__).parent / "version1"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    shutil.copytree(STORED / "runs", tmp_path / "results/runs")
    return Store(str(tmp_path / "results"))


@pytest.fixture
def named(store: Store) -> Callable[[str], Run]:
    return lambda name: store.find(f"name={name}")


def test_they_are_listed_and_found(store: Store, named: Callable[[str], Run]) -> None:
    statuses = [run.status for run in store.runs()]

    assert statuses == ["complete", "complete", "incomplete"]
    assert named("first").version == 1
    assert named("first").record["lock"]["tasks"]["tiny_sums"]["limit"] == 6


def test_their_rows_are_whole(named: Callable[[str], Run]) -> None:
    (row, *others) = named("first").rows("tiny_sums")

    assert len(others) == 5
    assert row["outputs"][0]["text"] and row["request"]["prompt"]
    some = [other["instance_id"] for other in others[1:3]]
    columns = ["instance_id", "outputs"]
    found = list(named("first").rows("tiny_sums", ids=some, columns=columns))
    assert [row["instance_id"] for row in found] == some
    assert all(set(row) == set(columns) for row in found)


def test_they_are_compared(named: Callable[[str], Run]) -> None:
    found = compare(named("first"), named("second"))

    facts = next(row for row in found.tasks if row.name == "tiny_facts")
    scores = {
        run: one.value
        for run in ("first", "second")
        for one in named(run).scores()
        if one.name == "tiny_facts" and one.primary
    }
    assert (facts.score_a, facts.score_b) == (scores["first"], scores["second"])
    flips = list(found.flips("tiny_facts"))
    assert len(flips) == facts.verdict.wins + facts.verdict.losses > 0
    assert all(flip.answer_a and flip.answer_b for flip in flips)


@pytest.mark.parametrize("name", ["first", "second", "broken"])
def test_converted_they_say_the_same(named: Callable[[str], Run], name: str) -> None:
    old = named(name)
    rows = {task: list(old.rows(task)) for task in old.task_names}
    scores, record = old.scores(), old.record

    new = convert(old)

    assert new.version == 2
    assert (Path(new.location) / "answers").is_dir()
    assert (new.run_id, new.status, new.scores()) == (old.run_id, old.status, scores)
    assert {**new.record, "schema_version": 1} == {
        **record,
        "host": record["sessions"][-1]["host"],
        "sittings": 1,
        "health": new.summary["health"],
        "digests": new.summary["digests"],
        "files": new.record["files"],
    }
    for task, before in rows.items():
        for now, then in zip(new.rows(task), before, strict=True):
            kept = {key: now[key] for key in then if key != "outputs"}
            assert kept == {key: then[key] for key in then if key != "outputs"}
            later = {"evidence": None, "reasoning": None}
            outputs = [{**output, **later} for output in then["outputs"]]
            assert now["outputs"] == outputs
    assert not list(Path(new.location).parent.glob(".*"))


def test_converted_they_lend_the_same_answers(named: Callable[[str], Run]) -> None:
    def answers(run: Run) -> list[Any]:
        known = RunAnswers(run)
        rows = run.instances("tiny_sums", ["instance_id", "question"]).to_pylist()
        found = [known.of_instance("tiny_sums", r["instance_id"], r["question"]) for r in rows]
        return [one and one.outputs for one in found]

    old = answers(named("broken"))
    convert(named("broken"))

    assert answers(named("broken")) == old
    assert 0 < sum(bool(outputs) for outputs in old) < 6


def test_one_of_the_present_version_is_not_converted(named: Callable[[str], Run]) -> None:
    new = convert(named("first"))

    with pytest.raises(UsageError, match="is of version 2 already"):
        convert(open_run(new.location))


def test_one_that_is_being_made_is_not_converted(store: Store, named: Callable[[str], Run]) -> None:
    old = Path(named("first").location)
    record = json.loads((old / "run.json").read_text())
    (old / "run.json").write_text(json.dumps({**record, "status": "running"}))

    lock = run_lock(Path(store.location), record["identity"], print)
    with lock, pytest.raises(UsageError, match="is being made"):
        convert(open_run(str(old)))


@pytest.mark.parametrize("full", ["answers", "rename"])
def test_one_that_cannot_be_converted_stays_as_it_is(
    named: Callable[[str], Run], monkeypatch: pytest.MonkeyPatch, full: str
) -> None:
    old = Path(named("first").location)
    before = {path: path.read_bytes() for path in old.rglob("*") if path.is_file()}
    rename = Path.rename

    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def rename_all_but_the_new_one(self: Path, target: Path) -> Path:
        return fail() if self.name.endswith(".new") else rename(self, target)

    if full == "answers":
        monkeypatch.setattr(pq, "ParquetWriter", fail)
    else:
        monkeypatch.setattr(Path, "rename", rename_all_but_the_new_one)
    with pytest.raises(OlmoEvalError, match=r"the disk of .* is full"):
        convert(named("first"))

    assert {path: path.read_bytes() for path in old.rglob("*") if path.is_file()} == before
    assert not list(old.parent.glob(".*"))


def test_a_step_is_set_only_once_it_is_converted(named: Callable[[str], Run]) -> None:
    old = named("first")
    with pytest.raises(UsageError, match="is of version 1 of the schema"):
        set_step(old, 7)
    new = convert(named("first"))

    set_step(new, 7)

    changed = open_run(new.location)
    assert changed.record["model"]["step"] == 7
    assert set(changed.metrics()["step"].to_pylist()) == {7}


def test_run_json_stays_small(store: Store, named: Callable[[str], Run]) -> None:
    new = convert(named("first"))

    size = (Path(new.location) / "run.json").stat().st_size
    assert size < 4096 + 150 * len(new.task_names)
