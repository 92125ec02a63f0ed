"""Finding runs, and reading them with nothing but pyarrow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from olmo_eval.errors import DataError, UnknownNameError, UsageError
from olmo_eval.results import schema
from olmo_eval.results.store import Run, Store, open_run


@pytest.fixture
def runs(bench: Any) -> list[Run]:
    """Three runs: two of one group, the last of another task as well."""
    return [
        bench.evaluate("sums", skill=0.2, group="nightly", name="first", step=100),
        bench.evaluate("sums", skill=0.4, group="nightly", name="second", step=200),
        bench.evaluate("sums", "pick", skill=0.9, group="weekly", name="third"),
    ]


@pytest.fixture
def store(runs: list[Run]) -> Store:
    return Store("results")


def test_a_run_is_found_by_the_beginning_of_its_id(store: Store, runs: list[Run]) -> None:
    for run in runs:
        assert store.find(run.run_id).run_id == run.run_id
        assert store.find(run.record["identity"][:6]).run_id == run.run_id
        assert store.find(run.location).run_id == run.run_id


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("name=first", "first"),
        ("group=nightly,step=200", "second"),
        ("group=nightly,latest", "second"),
        ("latest", "third"),
        ("task=pick", "third"),
        ("model=mock,group=weekly", "third"),
        ("status=complete, latest", "third"),
    ],
)
def test_a_run_is_found_by_a_query(store: Store, query: str, name: str) -> None:
    assert store.find(query).record["name"] == name


def test_what_names_several_is_refused(store: Store, runs: list[Run]) -> None:
    with pytest.raises(UsageError, match="names 2 runs") as refused:
        store.find("group=nightly")
    assert runs[0].run_id in refused.value.message
    assert "latest" in str(refused.value.hint)
    with pytest.raises(UsageError, match="names 3 runs"):
        store.find("20")


def test_what_names_none_is_answered_with_the_closest(store: Store, runs: list[Run]) -> None:
    almost = runs[1].run_id[:-1] + "x"
    with pytest.raises(UnknownNameError, match=f"no run '{almost}' in results") as refused:
        store.find(almost)
    assert runs[1].run_id in str(refused.value.hint)
    with pytest.raises(UnknownNameError) as refused:
        store.find("group=none")
    assert "olmo-eval results list" in str(refused.value.hint)
    with pytest.raises(UnknownNameError, match="in elsewhere"):
        Store("elsewhere").find("latest")


@pytest.mark.parametrize("query", ["colour=red", "=red", "name=first,", "name"])
def test_a_query_that_is_none(store: Store, query: str) -> None:
    with pytest.raises(UsageError):
        store.find(query)


# -- what is broken


BROKEN = [
    ('{"run_id": "x', "cannot be read"),
    ("", "cannot be read"),
    ("[]", "not a run of olmo-eval"),
    ('{"run_id": "x"}', "not a results file of olmo-eval"),
    ('{"run_id": "x", "schema_version": 99}', "schema version 99; this olmo-eval reads up to"),
    ('{"run_id": "x", "schema_version": 1, "tasks": 3}', "'tasks' is not a list"),
]


@pytest.mark.parametrize(("content", "said"), BROKEN)
def test_a_broken_record_is_skipped_and_named(
    bench: Any, store: Store, runs: list[Run], content: str, said: str
) -> None:
    (Path(runs[1].location) / "run.json").write_text(content)
    name = runs[1].run_id

    assert [run.run_id for run in store.runs()] == [runs[0].run_id, runs[2].run_id]
    with pytest.raises(DataError, match=said):
        store.find(name)
    with pytest.raises(DataError, match=said):
        open_run(runs[1].location)
    listed = bench.cli("results", "list")
    assert listed.code == 0
    assert name not in listed.out
    assert name in listed.err and said in listed.err
    assert bench.cli("results", "show", name).code == 1


def test_a_table_of_a_newer_schema_is_refused(bench: Any, runs: list[Run]) -> None:
    path = Path(runs[0].location) / "metrics.parquet"
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({"olmo_eval_schema": "99"}), path)

    refused = bench.cli("results", "show", "name=first")

    assert refused.code == 1
    assert "schema version 99" in refused.err
    assert "pip install --upgrade olmo-eval" in refused.err


def test_a_run_without_tables_says_what_it_is(bench: Any, runs: list[Run]) -> None:
    (Path(runs[0].location) / "metrics.parquet").unlink()

    for command in (("results", "show", "name=first"), ("results", "show", "name=first", "--json")):
        refused = bench.cli(*command)
        assert refused.code == 1
        assert "has no metrics.parquet" in refused.err


# -- listing and showing


def test_runs_are_listed_oldest_first_and_filtered(bench: Any, runs: list[Run]) -> None:
    listed = bench.cli("results", "list").out
    assert [listed.index(run.run_id) for run in runs] == sorted(
        listed.index(run.run_id) for run in runs
    )
    nightly = bench.cli("results", "list", "--group", "nightly", "--json").json
    assert [run["name"] for run in nightly] == ["first", "second"]
    assert bench.cli("results", "list", "--task", "pick", "--json").json[0]["name"] == "third"
    assert "no runs in elsewhere" in bench.cli("results", "list", "--results", "elsewhere").out


def test_every_format_shows_the_same_numbers(bench: Any, runs: list[Run]) -> None:
    table = pq.read_table(Path(runs[2].location) / "metrics.parquet").to_pylist()
    shown = bench.cli("results", "show", "name=third").out
    as_json = bench.cli("results", "show", "name=third", "--json").json

    assert as_json["metrics"] == table
    for row in table:
        assert f"{row['value']:.4f}" in shown
        assert f"{row['stderr']:.4f}" in shown
        assert f"{row['mde']:.4f}" in shown
    assert runs[2].to_arrow().to_pylist() == table


# -- reading


def test_everything_is_read_with_pyarrow_alone(bench: Any, runs: list[Run]) -> None:
    script = (
        "import json, sys, pyarrow.parquet as pq\n"
        "folder = sys.argv[1]\n"
        "metrics = pq.read_table(f'{folder}/metrics.parquet').to_pylist()\n"
        "rows = pq.read_table(f'{folder}/instances/sums.parquet').to_pylist()\n"
        "record = json.load(open(f'{folder}/run.json'))\n"
        "assert not [m for m in sys.modules if m.startswith('olmo_eval')]\n"
        "print(metrics[0]['value'], len(rows), record['status'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", "import site; site.main()\n" + script, runs[0].location],
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(runs[0].scores()[0].value), "40", "complete"]


def test_tables_carry_their_schema_version(runs: list[Run]) -> None:
    for path in Path(runs[0].location).rglob("*.parquet"):
        metadata = pq.read_schema(path).metadata
        assert metadata[b"olmo_eval_schema"] == str(schema.VERSION).encode()


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("gsm8k", "gsm8k"),
        ("arc_easy:mc:5shot", "arc_easy%3Amc%3A5shot"),
        ("t[limit=5,data_source=a/b]", "t%5Blimit%3D5%2Cdata_source%3Da%2Fb%5D"),
        ("naïve", "na%C3%AFve"),
        ("50%", "50%25"),
    ],
)
def test_a_tasks_file_is_named_after_it(task: str, name: str) -> None:
    assert schema.file_name(task) == name


def test_a_very_long_task_name_has_a_file_all_the_same(bench: Any) -> None:
    long = "x" * 300
    bench.write(f"{long[:100]}.jsonl", bench.read("few/test.jsonl"))
    source = f"./{long[:100]}.jsonl"
    twice = (
        "run", "-m", "mock", "-t", "sums", "-t", "sums", "-o", f"data_source={source}",
        "-o", "formatter.template='" + "{question} and then some more words, many " * 4 + "'",
        "--json",
    )  # fmt: skip
    done = bench.cli(*twice)

    assert done.code == 0, done.err
    (run,) = done.json
    assert len(run["metrics"]) == 2
    again = open_run(run["location"])
    assert [again.instances(name).num_rows for name in again.task_names] == [40, 10]


# -- in a bucket


@pytest.fixture
def bucket(s3: Any) -> str:
    """A folder of a bucket of a server on loopback."""
    s3.create_bucket(Bucket="runs")
    return "s3://runs/team"


@pytest.mark.engine
def test_results_live_in_a_bucket(bench: Any, bucket: str) -> None:
    local = bench.evaluate("both", skill=0.5)
    remote = bench.evaluate("both", skill=0.5, results=bucket)

    assert remote.location.startswith(f"{bucket}/runs/")
    assert remote.metrics() == local.metrics()
    listed = bench.cli("results", "list", "--results", bucket, "--json").json
    assert [run["run_id"] for run in listed] == [remote.run_id]
    assert Store(bucket).find("latest").instances("sums").num_rows == 40
    better = bench.evaluate("both", skill=0.9, results=bucket, name="better")
    compared = bench.cli("compare", remote.run_id, "name=better", "--results", bucket, "--json")
    assert compared.json["b"]["run_id"] == better.run_id
    again = bench.evaluate("both", skill=0.5, results=bucket)
    assert again.run_id == remote.run_id


@pytest.mark.engine
def test_answers_in_a_bucket_are_reused(bench: Any, bucket: str) -> None:
    bench.evaluate("sums", skill=0.5, results=bucket)
    second = bench.evaluate("sums", "pick", skill=0.5, results=bucket)

    assert [entry["reused"] for entry in second.record["tasks"]] == [40, 0]


@pytest.mark.engine
def test_a_bucket_that_is_not_there(bench: Any, bucket: str) -> None:
    failed = bench.cli("run", "-m", "mock", "-t", "sums", "--results", "s3://elsewhere/x")

    assert failed.code == 1
    assert "cannot" in failed.err and "s3://elsewhere/x" in failed.err
    assert "Traceback" not in failed.err
    assert len(json.dumps(failed.err)) < 2_000
