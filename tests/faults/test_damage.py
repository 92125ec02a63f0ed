"""Damaged files of a store: every command says which, or does without; no number is made of them.

That ``olmo-eval verify`` finds each flipped bit is in ``kernel/tests/results/test_verify.py``, torn
and damaged journals are in ``kernel/tests/runner/test_crash.py``.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olmo_eval.results.store import Run, Store, open_run

pytestmark = pytest.mark.slow

HTTP_MODEL = Path(__file__).parents[2] / "kernel/tests/packs/http_model.py"
Tables = Callable[[Run], dict[str, Any]]
RUN = ("run", "-m", "mock", "-t", "sums", "-t", "pick", "-o", "provider.kwargs.skill=0.5")

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "zeros": lambda data: data[:100] + bytes(len(data) - 200) + data[-100:],
    "flipped": lambda data: data[: len(data) // 3] + bytes([data[len(data) // 3] ^ 8])
    + data[len(data) // 3 + 1 :],
    "a page": lambda data: b"<html>503</html>",
}  # fmt: skip
FILES = (
    "run.json", "lock.json", "metrics.parquet", "instances/sums.parquet", "answers/sums.parquet",
)  # fmt: skip
#: what reads a run; ``RUN`` is it
READING = (
    ("results", "list"), ("results", "show", "RUN"), ("results", "table"),
    ("results", "transcript", "RUN", "s3"), ("results", "instances", "RUN", "sums"),
    ("compare", "RUN", "OTHER"), ("why", "RUN", "sums"), ("rescore", "RUN", "--name", "again"),
    ("results", "export", "RUN", "-o", "out.csv"), ("verify", "RUN"),
)  # fmt: skip


@pytest.fixture
def runs(bench: Any) -> tuple[Run, Run]:
    """A run that will be damaged, and another of the same tasks."""
    one = bench.evaluate("sums", "pick", skill=0.5)
    return one, bench.evaluate("sums", "pick", skill=0.5, seed=5)


@pytest.mark.parametrize("file", FILES)
def test_whatever_reads_a_damaged_run_says_so_or_does_without(
    bench: Any, runs: tuple[Run, Run], file: str
) -> None:
    one, other = runs
    path = Path(one.location) / file
    sound = path.read_bytes()
    whole = {c: bench.cli(*filled(c, runs)).out for c in READING if c[0] == "results"}
    for name, damage in DAMAGES.items():
        path.write_bytes(damage(sound))
        for command in READING:
            done = bench.cli(*filled(command, runs))
            assert "Traceback" not in done.err and "defect" not in done.err, (name, done.err)
            assert done.code in (0, 1, 2), (name, command)
            if done.code == 0 and command in whole and "list" not in command:
                # it was read: then what it says is what it said before, or less
                assert set(done.out.split()) <= set(whole[command].split()) | {"-", "(none)"} or (
                    one.run_id in done.err or file in done.err
                ), (name, command, done.out, done.err)
            if command[0] == "verify":
                assert done.code == 1, (name, done.out)
        for made in Path("results/runs").glob("*"):
            if (
                made.is_dir()
                and made.name not in (one.run_id, other.run_id)
                and (made.name != ".locks")
            ):
                shutil.rmtree(made)
        path.write_bytes(sound)


def filled(command: tuple[str, ...], runs: tuple[Run, Run]) -> list[str]:
    names = {"RUN": runs[0].location, "OTHER": runs[1].location}
    return [names.get(part, part) for part in command]


def without_tokens(found: dict[str, Any]) -> dict[str, Any]:
    """Tables without what an answer cost, which one that was taken over does not cost again."""
    return {
        name: [{k: v for k, v in row.items() if not k.endswith("_tokens")} for row in rows]
        for name, rows in found.items()
    }


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("file", ["instances/sums.parquet", "answers/sums.parquet", "run.json"])
def test_no_answer_is_taken_over_from_a_damaged_table(
    bench: Any, tables: Tables, file: str, damage: str
) -> None:
    """A run with another name takes the answers of the first one over, where it can read them."""
    first = bench.evaluate("sums", skill=0.5)
    expected = tables(first)
    path = Path(first.location) / file
    path.write_bytes(DAMAGES[damage](path.read_bytes()))

    done = bench.cli("run", "-m", "mock", "-t", "sums", "-o", "provider.kwargs.skill=0.5",
                     "--name", "second")  # fmt: skip

    assert "Traceback" not in done.err and "defect" not in done.err, done.err
    assert done.code in (0, 1), done.err
    if done.code == 0:
        (second,) = [run for run in Store("results").runs() if run.record.get("name") == "second"]
        assert without_tokens(tables(second)) == without_tokens(expected)


@pytest.mark.parametrize("damage", [*DAMAGES, "another layout", "a folder"])
def test_a_damaged_index_changes_no_answer(bench: Any, runs: tuple[Run, Run], damage: str) -> None:
    before = bench.cli("results", "list", "--json").json
    (index,) = Path("results/.index").glob("*.sqlite")
    if damage == "another layout":
        with sqlite3.connect(index) as db:
            db.execute("DROP TABLE runs")
            db.execute("CREATE TABLE runs (a, b)")
    elif damage == "a folder":
        index.unlink()
        index.mkdir()
    else:
        index.write_bytes(DAMAGES[damage](index.read_bytes()))

    after = bench.cli("results", "list", "--json")

    assert after.code == 0, after.err
    assert after.json == before


def test_data_that_changes_between_two_runs_makes_another_run(
    bench: Any, server: Any, tables: Tables
) -> None:
    """Also where the first was killed in the middle: nothing old is mixed with the new."""
    server.seconds = 0.1
    command = ("run", "--plugin", HTTP_MODEL, "-m", "http_model:counting", "-t", "sums",
               "-o", f"provider.base_url={server.url}", "-o", "max_concurrency=4")  # fmt: skip
    process = bench.start(*command)
    while "sums: 40 instances" not in process.stderr.readline():
        pass
    journals = list(Path("results").glob("runs/*/journal/*.jsonl"))
    while len(journals[0].read_bytes().splitlines()) < 6:
        pass
    process.kill()
    process.communicate()

    def other(rows: list[dict[str, Any]]) -> None:
        for row in rows[::2]:
            row["answer"] = "0"

    bench.edit("sums/test.jsonl", other)
    server.seconds = 0.0
    again = bench.cli(*command)
    assert again.code == 0, again.err

    complete = [run for run in Store("results").runs() if run.status == "complete"]
    assert len(complete) == 1 and len(Store("results").runs()) == 2
    assert bench.cli(*command, "--results", "alone").code == 0
    (alone,) = Store("alone").runs()
    assert tables(complete[0]) == tables(alone)
    gold = complete[0].instances("sums")["gold"].to_pylist()
    assert gold.count("0") == 20


def test_data_that_changes_under_a_finished_run_is_seen(bench: Any) -> None:
    first = bench.evaluate("sums", skill=0.5)
    bench.edit("sums/test.jsonl", lambda rows: rows[:-1])

    second = bench.evaluate("sums", skill=0.5)

    assert second.run_id != first.run_id and second.instances("sums").num_rows == 39
    refused = bench.cli("compare", first.location, second.location)
    assert refused.code != 0 and "data" in refused.err
    assert open_run(first.location).instances("sums").num_rows == 40
