"""Stored answers, extracted and scored again without asking a model."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from olmo_eval import plugins
from olmo_eval.results import folder, footers
from olmo_eval.results.store import open_run
from olmo_eval.results.verify import verify_run
from olmo_eval.runner.reproduce import score_again


def change(run: Path, name: str, edit: Callable[[list[dict[str, Any]]], None]) -> None:
    """Change the rows of a table, and make all digests anew, as somebody who deceives would."""
    path = run / name
    table = pq.read_table(path)
    rows = table.to_pylist()
    edit(rows)
    with pq.ParquetWriter(path, table.schema) as writer:
        footers.keep_place(writer)
        writer.write_table(table.from_pylist(rows, schema=table.schema))
    footers.seal_file(path)
    made = folder.RunFolder(run)
    record = made.read_json()
    assert record is not None
    made.seal(record)
    made.write_json(record)


def test_stored_answers_give_what_was_recorded(bench: Any) -> None:
    run = bench.evaluate("both", "prose", "sums:warm", skill=0.6, seed=3, limit=12)

    found = score_again(run)

    assert sorted(found.tasks) == ["pick", "prose", "sums", "sums:warm"]
    assert found.answers == 48 and not found.faults and not found.rows_only


def test_a_changed_answer_is_named_though_every_digest_and_score_fits(bench: Any) -> None:
    run = Path(bench.evaluate("sums", skill=1.0, limit=12).location)

    def put_another(rows: list[dict[str, Any]]) -> None:
        rows[4]["outputs"][0]["text"] = " no idea"

    change(run, "answers/sums.parquet", put_another)
    changed = pq.read_table(run / "answers/sums.parquet").to_pylist()[4]["instance_id"]
    assert verify_run(str(run)).sound

    (fault,) = verify_run(str(run), score_again).faults

    assert fault.file == "instances/sums.parquet" and fault.where == f"instance {changed}"
    assert "the extracted answer is" in fault.what and "'no idea'" in fault.what


def test_a_changed_gold_answer_is_named(bench: Any) -> None:
    run = Path(bench.evaluate("sums", skill=0.5, limit=12).location)
    change(run, "instances/sums.parquet", lambda rows: rows[2].update(gold="99"))

    faults = score_again(open_run(str(run))).faults

    assert [fault.what.startswith("gold is '99', and the data has") for fault in faults] == [True]


def test_changed_data_or_code_is_said_and_proves_nothing(bench: Any) -> None:
    run = bench.evaluate("sums", "pick", skill=0.5, limit=12)
    bench.edit("sums/test.jsonl", lambda rows: rows[0].update(answer="7"))

    found = score_again(run)

    assert found.tasks == ["pick"] and not found.faults
    assert found.rows_only == {"other data than it was scored with": ["sums"]}


def test_what_is_not_at_hand_is_verified_from_rows(bench: Any) -> None:
    run = bench.evaluate("sums", skill=0.5, limit=12)
    shutil.rmtree(bench.folder / "sums")
    assert bench.cli("verify", run.run_id).code == 0

    with plugins.fresh_manager([]):
        found = verify_run(run.location, score_again)

    assert found.sound and found.scores == 1 and not found.answers
    assert found.notes[0].startswith("sums: recomputed from rows only: ")


def test_what_was_never_answered_is_no_difference(bench: Any) -> None:
    run = bench.evaluate("sums", skill=0.5, faults={"fail": 0.3}, limit=20)
    kept = sum(row["answered"] for row in run.rows("sums", columns=["answered"]))

    found = score_again(run)

    assert 0 < kept < 20 and found.answers == kept and not found.faults


def test_the_command_says_what_was_scored_again(bench: Any) -> None:
    run = bench.evaluate("sums", limit=9)

    assert ", 1 score, 9 answers scored again: as written" in bench.cli("verify", run.run_id).out
    assert "scored again" not in bench.cli("verify", run.run_id, "--rows-only").out


@pytest.mark.parametrize("kind", ["external", "import"])
def test_runs_that_something_else_scored_have_no_task_here(bench: Any, kind: str) -> None:
    run = bench.evaluate("sums", limit=5)
    run.record["kind"] = kind

    assert list(score_again(run).rows_only.values()) == [["sums"]]
