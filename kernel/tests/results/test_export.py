"""Rows out: tables in files, SQL, and what is kept when runs are pruned."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from olmo_eval.results.locking import run_lock
from olmo_eval.results.pins import pin, pinned, unpin
from olmo_eval.results.prune import choose
from olmo_eval.results.rowtable import safe_cell, write_rows
from olmo_eval.results.store import Store


@pytest.fixture
def filled(bench: Any) -> Any:
    """A store with two groups of runs."""
    for seed, skill in enumerate((0.2, 0.9, 0.5)):
        bench.evaluate("sums", limit=8, skill=skill, mock_seed=seed, group="a", step=seed * 100)
    bench.evaluate("sums", "pick", limit=4, group="b")
    return bench


def test_scores_are_written_as_csv(filled: Any) -> None:
    printed = filled.cli("results", "export", "group=a").out

    rows = list(csv.DictReader(io.StringIO(printed)))
    assert [row["step"] for row in rows] == ["0", "100", "200"]
    runs = Store("results").select({"group": "a"})
    assert [float(row["value"]) for row in rows] == [run.scores()[0].value for run in runs]
    primary, every = (filled.cli("results", "export", "group=b", *more) for more in ([], ["--all"]))
    assert len(primary.out.splitlines()) == 3
    assert len(every.out.splitlines()) == 1 + len(Store("results").runs()[-1].scores())
    assert filled.cli("results", "export", "group=zzz").code == 2


def test_instances_are_written_in_every_format(filled: Any) -> None:
    for name in ("i.csv", "i.jsonl", "i.md", "i.parquet"):
        printed = filled.cli("results", "export", "group=b", "--instances", "-o", f"out/{name}")
        assert printed.out == f"8 rows written to out/{name}\n"

    assert len(list(csv.DictReader(io.StringIO(Path("out/i.csv").read_text())))) == 8
    lines = [json.loads(line) for line in Path("out/i.jsonl").read_text().splitlines()]
    assert {line["task"] for line in lines} == {"sums", "pick"}
    assert lines[0]["values"] == {"accuracy:exact_match": lines[0]["value"]}
    assert len(Path("out/i.md").read_text().splitlines()) == 10
    assert pq.read_table("out/i.parquet").num_rows == 8
    assert not list(Path("out").glob("*.tmp"))
    one = filled.cli("results", "export", "group=b", "--instances", "-t", "pick").out
    assert len(one.splitlines()) == 5


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_spreadsheet_computes_what_a_model_wrote(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


def test_numbers_and_plain_texts_stay(tmp_path: Path) -> None:
    table = pa.table({"n": [-1.5, None], "=name": ["a|b\n<c>", "\x1b[1m"], "l": [["x"], []]})
    written = {}
    for format_ in ("csv", "markdown", "jsonl"):
        stream = io.BytesIO()
        assert write_rows(table.schema, table.to_batches(), format_, stream) == 2
        written[format_] = stream.getvalue().decode()

    assert written["csv"] == 'n,\'=name,l\n-1.5,"a|b\n<c>","[""x""]"\n,\x1b[1m,[]\n'
    assert written["markdown"].splitlines()[2] == '| -1.5 | a\\|b &lt;c> | ["x"] |'
    assert "\x1b" not in written["markdown"]
    assert json.loads(written["jsonl"].splitlines()[1]) == {"n": None, "=name": "\x1b[1m", "l": []}


# -- pruning


def test_pruning_says_what_would_go_and_removes_it_when_told(filled: Any) -> None:
    runs = Store("results").select({"group": "a"})

    dry = filled.cli("results", "prune", "--group", "a", "--keep-best", 1)
    assert "2 runs would go: --yes removes them" in dry.out
    assert f"kept: {runs[1].run_id} is the best of its group" in dry.out
    assert len(Store("results").runs()) == 4

    wet = filled.cli("results", "prune", "--group", "a", "--keep-best", 1, "--yes", "--json").json
    assert wet["runs"] == [runs[0].run_id, runs[2].run_id]
    assert [run.run_id for run in Store("results").select({"group": "a"})] == [runs[1].run_id]
    assert not Path(runs[0].location).exists()
    assert not [p for p in Path("results/runs").iterdir() if p.name.endswith(".removed")]


def test_what_is_pinned_or_new_stays(filled: Any) -> None:
    first, _, third = Store("results").select({"group": "a"})
    assert filled.cli("results", "pin", first.run_id).out == f"{first.run_id} is pinned\n"
    assert filled.cli("results", "pin").out == f"{first.run_id}\n"

    printed = filled.cli("results", "prune", "--group", "a", "--keep-latest", 1).out
    assert f"kept: {first.run_id} is pinned" in printed
    assert f"kept: {third.run_id} is among the newest of its group" in printed
    assert "1 run would go" in printed

    filled.cli("results", "pin", first.run_id, "--remove")
    assert pinned("results") == frozenset()
    young = filled.cli("results", "prune", "--older-than", "1d").out
    assert young == "0 runs would go: --yes removes them\n"
    assert len(choose(Store("results"), {}, before="9999").go) == 4


def test_a_run_that_is_being_made_stays_and_one_that_was_killed_goes(filled: Any) -> None:
    first, *_ = Store("results").select({"group": "a"})
    summary = Path(first.location, "run.json")
    summary.write_text(summary.read_text().replace('"complete"', '"running"'))

    with run_lock(Path("results"), first.facts.identity, print):
        printed = filled.cli("results", "prune", "--group", "a").out
    assert f"kept: {first.run_id} is being made" in printed

    assert "1 run would go" in filled.cli("results", "prune", "--status", "killed").out


def test_pins_are_put_and_taken_away(tmp_path: Path) -> None:
    place = str(tmp_path / "store")
    assert pinned(place) == frozenset()
    pin(place, "r1")
    pin(place, "r1")
    pin(place, "r2")
    unpin(place, "r1")
    unpin(place, "r3")
    assert pinned(place) == {"r2"}


def test_nothing_is_pruned_unless_it_is_said_what(filled: Any) -> None:
    printed = filled.cli("results", "prune", "--yes")

    assert printed.code == 2 and "which runs?" in printed.err
    assert len(Store("results").runs()) == 4


# -- SQL


@pytest.mark.engine
def test_sql_is_asked_of_runs_metrics_and_instances(filled: Any) -> None:
    query = 'select "group", count(*) n from runs group by all order by all'
    found = filled.cli("results", "query", query, "--json").json
    assert found == [{"group": "a", "n": 3}, {"group": "b", "n": 1}]

    query = 'select step, value from metrics where "group" = \'a\' and "primary" order by step'
    found = filled.cli("results", "query", query, "--json").json
    runs = Store("results").select({"group": "a"})
    assert [row["value"] for row in found] == [run.scores()[0].value for run in runs]

    query = (
        "select m.run_id, m.value, avg(i.values['accuracy:exact_match']) mean from metrics m "
        "join instances i using (run_id, task) where m.task = 'sums' and m.metric = 'accuracy' "
        "group by all"
    )
    found = filled.cli("results", "query", query, "--json").json
    assert len(found) == 4 and all(row["value"] == pytest.approx(row["mean"]) for row in found)
    some = filled.cli("results", "query", "select * from instances", "--group", "b", "-o", "i.csv")
    assert some.out == "8 rows written to i.csv\n"
    assert filled.cli("results", "query", "select 1 x").out == "x\n-\n1\n1 row\n"


@pytest.mark.engine
@pytest.mark.parametrize(
    "query",
    [
        "select * from '/etc/passwd'",
        "select * from read_text('/etc/passwd')",
        "copy runs to 'out.csv'",
        "attach 'other.db'",
        "set enable_external_access = true",
        "install httpfs",
        "drop table runs",
        "select 1; select 2",
        "selct 1",
        "",
    ],
)
def test_a_query_reaches_nothing_outside_and_changes_nothing(filled: Any, query: str) -> None:
    printed = filled.cli("results", "query", query)

    assert printed.code == 2 and printed.err.startswith("error: "), printed
    assert not Path("out.csv").exists() and not Path("other.db").exists()
    assert len(Store("results").runs()) == 4


@pytest.mark.engine
def test_a_store_at_a_url_is_queried(s3: Any, bench: Any, monkeypatch: Any) -> None:
    s3.create_bucket(Bucket="evals")
    monkeypatch.setenv("OLMO_EVAL_RESULTS", "s3://evals/r")
    bench.evaluate("sums", limit=4)

    query = (
        "select count(*) n, count(distinct instance_id) k from instances join runs using (run_id)"
    )
    assert bench.cli("results", "query", query, "--json").json == [{"n": 4, "k": 4}]


def test_without_duckdb_the_way_out_is_said(bench: Any, monkeypatch: Any) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "duckdb", None)
    printed = bench.cli("results", "query", "select 1")
    assert printed.code == 1 and "pip install 'olmo-eval[query]'" in printed.err
