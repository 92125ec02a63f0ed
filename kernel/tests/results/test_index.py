"""The index: what it answers is what the run.json files say, and it reads only what is new."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from olmo_eval.common.filesystem import open_filesystem
from olmo_eval.errors import DataError, UnknownNameError
from olmo_eval.results import listing
from olmo_eval.results.facts import read_record
from olmo_eval.results.folder import RunFolder
from olmo_eval.results.remote_run import put_record
from olmo_eval.results.store import Run, Store, TaskTables


def record(name: str, /, **changes: Any) -> dict[str, Any]:
    """A run.json as a run writes it, as far as an index looks at it."""
    model = {"name": f"models/{name}", "fingerprint": f"print-{name}", "step": 100}
    return {
        "schema_version": 1,
        "run_id": f"20260101-000000-{name}-{len(name):08x}",
        "identity": f"{len(name):08x}",
        "reuse_key": "key",
        "ask_key": f"ask-{name}",
        "kind": "run",
        "status": "complete",
        "group": "nightly",
        "started": f"2026-01-01T00:00:{len(name):02d}.000Z",
        "model": model,
        "tasks": [{"name": "sums:2shot", "task": "sums"}],
        **changes,
    }


def write(root: Path, name: str, /, **changes: Any) -> RunFolder:
    content = record(name, **changes)
    folder = RunFolder(root / "runs" / str(content["run_id"]))
    folder.write_json(content)
    return folder


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The runs whose run.json was read by an index."""
    seen: list[str] = []

    def read(location: str) -> dict[str, Any]:
        seen.append(location.rpartition("-")[0].rpartition("-")[2])
        return read_record(location)

    monkeypatch.setattr(listing, "read_record", read)
    yield seen


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OLMO_EVAL_CACHE", str(tmp_path / "cache"))
    for name in ("a", "bb", "ccc"):
        write(tmp_path / "results", name)
    return tmp_path / "results"


def names(runs: list[Run]) -> list[str]:
    return [run.model.rpartition("/")[2] for run in runs]


def test_only_what_is_new_or_changed_is_read(root: Path, reads: list[str]) -> None:
    assert names(Store(str(root)).runs()) == ["a", "bb", "ccc"]
    assert sorted(reads) == ["a", "bb", "ccc"]
    reads.clear()

    assert names(Store(str(root)).runs()) == ["a", "bb", "ccc"]
    assert reads == []

    write(root, "dddd")
    folder = write(root, "bb", status="running")
    assert names(Store(str(root)).select({"status": "running"})) in (["bb"], [])
    assert sorted(reads) == ["bb", "dddd"]
    reads.clear()

    content = json.loads((folder.path / "run.json").read_text())
    content["model"]["step"] = 999
    (folder.path / "run.json").write_text(json.dumps(content))  # by hand
    assert names(Store(str(root)).select({"step": "999"})) == ["bb"]
    assert reads == ["bb"]
    reads.clear()

    shutil.rmtree(folder.path)
    assert names(Store(str(root)).runs()) == ["a", "ccc", "dddd"]
    assert reads == []


def test_a_change_of_equal_size_within_one_tick_is_noticed(root: Path) -> None:
    folder = write(root, "a", status="running")
    store = Store(str(root))
    assert store.find("model=a").facts.status == "running"
    stamp = os.stat(folder.path / "run.json")
    write(root, "a", status="aborted")
    os.utime(folder.path / "run.json", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))

    assert store.find("model=a").facts.status == "aborted"


def test_queries_answer_as_the_records_do(root: Path) -> None:
    write(root, "100%_sure", group="it's", name="a, b", tasks=[{"name": "pick", "task": "pick"}])
    store = Store(str(root))

    assert names(store.select({"model": "100%_sure"})) == ["100%_sure"]
    assert names(store.select({"model": "models/bb"})) == ["bb"]
    assert names(store.select({"model": "BB"})) == []
    assert names(store.select({"model": "_"})) == []
    assert names(store.select({"group": "it's", "name": "a, b"})) == ["100%_sure"]
    assert names(store.select({"task": "sums:2shot", "step": "100"})) == ["a", "bb", "ccc"]
    assert names(store.select({"task": "sums"})) == []
    assert names(store.select({"reuse_key": "key", "ask_key": "ask-bb"})) == ["bb"]
    assert names(store.select({"since": "2026-01-01T00:00:03"})) == ["ccc", "100%_sure"]


def test_a_record_is_read_when_it_is_asked_for(root: Path, reads: list[str]) -> None:
    run = Store(str(root)).find("model=bb")
    (Path(run.location) / "run.json").unlink()

    assert (run.run_id, run.facts.step, run.task_names) == (
        record("bb")["run_id"], 100, ["sums:2shot"]
    )  # fmt: skip
    with pytest.raises(DataError, match=r"holds no run\.json"):
        _ = run.record
    with pytest.raises(UnknownNameError):
        Store(str(root)).find("model=bb")


@pytest.mark.parametrize("damage", [b"", b"not a database at all" * 400, None])
def test_a_damaged_index_is_made_again(root: Path, damage: bytes | None) -> None:
    store = Store(str(root))
    store.runs()
    (file,) = (root / ".index").iterdir()
    content = file.read_bytes()
    middle = len(content) // 2
    torn = content[:middle] + b"\xff" * 5000 + content[middle + 5000 :]
    file.write_bytes(torn if damage is None else damage)

    assert names(Store(str(root)).runs()) == ["a", "bb", "ccc"]
    assert names(Store(str(root)).select({"task": "sums:2shot"})) == ["a", "bb", "ccc"]


def test_what_is_unreadable_is_named_by_the_path_that_is_asked(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = RunFolder(root / "runs/20260101-000000-broken-0")
    broken.path.mkdir()
    (broken.path / "run.json").write_text("{")
    (root / "runs" / os.fsdecode(b"caf\xe9")).mkdir()

    for location in (str(root), "results"):
        monkeypatch.chdir(root.parent)
        (error,) = Store(location).unreadable()
        assert error.message.startswith(f"{location}/runs/{broken.run_id}/run.json cannot be read")
    assert names(Store(str(root)).runs()) == ["a", "bb", "ccc"]


def test_an_old_index_is_brought_up_to_date(root: Path, tmp_path: Path) -> None:
    Store(str(root)).runs()
    shutil.copytree(root / ".index", tmp_path / "old")
    write(root, "dddd")
    write(root, "a", group="weekly")
    Store(str(root)).runs()
    shutil.rmtree(root / ".index")
    shutil.copytree(tmp_path / "old", root / ".index")

    assert names(Store(str(root)).select({"group": "weekly"})) == ["a"]
    assert names(Store(str(root)).runs()) == ["a", "bb", "ccc", "dddd"]


def test_a_store_that_cannot_be_written_has_its_index_in_the_cache(
    root: Path, tmp_path: Path, reads: list[str]
) -> None:
    (root / ".index").write_text("a file where the folder would be")

    assert names(Store(str(root)).runs()) == ["a", "bb", "ccc"]
    assert list((tmp_path / "cache/index").rglob("*.sqlite"))
    reads.clear()
    assert names(Store(str(root)).runs()) == ["a", "bb", "ccc"]
    assert reads == []


def test_without_any_place_the_index_is_kept_in_memory(
    root: Path, tmp_path: Path, reads: list[str]
) -> None:
    (root / ".index").write_text("a file where the folder would be")
    (tmp_path / "cache").write_text("another")

    assert names(Store(str(root)).runs()) == ["a", "bb", "ccc"]
    reads.clear()
    write(root, "dddd")
    assert names(Store(str(root)).runs()) == ["a", "bb", "ccc", "dddd"]
    assert reads == ["dddd"]


def test_looking_makes_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLMO_EVAL_CACHE", str(tmp_path / "cache"))

    assert Store(str(tmp_path / "none")).runs() == []
    assert list(tmp_path.iterdir()) == []


def test_several_processes_share_an_index(root: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from test_index import write\n"
        "from olmo_eval.results.store import Store\n"
        "for n in range(15):\n"
        "    write(Path(sys.argv[1]), sys.argv[3] * (n + 5))\n"
        "    runs = Store(sys.argv[1]).select({'group': 'nightly'})\n"
        "    mine = [r for r in runs if sys.argv[3] * 5 in r.run_id]\n"
        "    assert len(mine) == n + 1, (len(mine), n)\n"
    )
    here = str(Path(__file__).parent)
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(root), here, letter]) for letter in "pqrs"
    ]

    assert [process.wait(120) for process in processes] == [0, 0, 0, 0]
    assert len(Store(str(root)).runs()) == 3 + 4 * 15
    assert [path.name for path in (root / ".index").iterdir()] == ["runs.v1.sqlite"]


def test_tables_that_may_hold_an_answer_come_newest_first(root: Path) -> None:
    write(root, "dddd", tasks=[{"name": "sums", "task": "sums"}, {"name": "pick", "task": "pick"}])
    runs = Store(str(root)).runs()

    found = [(names([run])[0], name) for run, name in TaskTables(runs).of("sums")]

    assert found == [
        ("dddd", "sums"), ("ccc", "sums:2shot"), ("bb", "sums:2shot"), ("a", "sums:2shot")
    ]  # fmt: skip
    assert list(TaskTables(runs).of("other")) == []


def test_primary_scores_are_read_once(bench: Any) -> None:
    run = bench.evaluate("sums", "pick", skill=0.5)
    store = Store("results")
    (scores,) = store.primary_scores([run])
    expected = {score.name: score for score in run.scores() if score.primary}
    assert {s.name: (s.value, s.ci_low) for s in scores} == {
        name: (score.value, score.ci_low) for name, score in expected.items()
    }

    (Path(run.location) / "metrics.parquet").unlink()

    assert store.primary_scores([run]) == [scores]


# -- in a bucket: a few requests a question, and one for each new run


RESULTS = "s3://evals/team"


def put(name: str, /, **changes: Any) -> str:
    content = record(name, **changes)
    put_record(*open_filesystem(RESULTS), content["run_id"], orjson.dumps(content))
    return str(content["run_id"])


@pytest.fixture
def requests(s3: Any, s3_requests: list[str]) -> list[str]:
    """What the server is asked, in a bucket with three runs that an index knows."""
    s3.create_bucket(Bucket="evals")
    for name in ("a", "bb", "ccc"):
        put(name)
    assert names(Store(RESULTS).runs()) == ["a", "bb", "ccc"]
    s3_requests.clear()
    return s3_requests


@pytest.mark.engine
def test_a_question_costs_few_requests_and_one_for_each_new_run(requests: list[str]) -> None:
    assert names(Store(RESULTS).select({"group": "nightly"})) == ["a", "bb", "ccc"]
    warm = len(requests)
    assert 1 <= warm <= 5

    put("dddd")
    put("eeeee", group="weekly")
    requests.clear()
    assert names(Store(RESULTS).runs()) == ["a", "bb", "ccc", "dddd", "eeeee"]
    assert len(requests) == warm + 2
    assert not [request for request in requests if request.endswith("run.json")]
    requests.clear()
    assert names(Store(RESULTS).select({"group": "weekly"})) == ["eeeee"]
    assert len(requests) == warm


@pytest.mark.engine
def test_a_changed_run_is_noticed_at_once(requests: list[str]) -> None:
    put("bb", status="running")
    assert Store(RESULTS).find("model=bb").status == "running"
    put("bb", status="failed")
    assert Store(RESULTS).find("model=bb").status == "failed"


@pytest.mark.engine
def test_runs_copied_and_deleted_by_other_means_are_noticed_in_time(
    requests: list[str], s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = record("dddd")
    s3.put_object(Bucket="evals", Key=f"team/runs/{new['run_id']}/run.json", Body=orjson.dumps(new))
    s3.delete_object(Bucket="evals", Key=f"team/runs/{record('a')['run_id']}/run.json")
    assert names(Store(RESULTS).runs()) == ["a", "bb", "ccc"]

    monkeypatch.setattr(listing, "LIST_EVERY", 0.0)

    assert names(Store(RESULTS).runs()) == ["bb", "ccc", "dddd"]


@pytest.mark.engine
def test_refresh_reads_everything_again(requests: list[str], s3: Any) -> None:
    changed = record("bb", status="failed")
    s3.put_object(
        Bucket="evals", Key=f"team/runs/{changed['run_id']}/run.json", Body=orjson.dumps(changed)
    )
    assert Store(RESULTS).find("model=bb").facts.status == "complete"

    found = Store(RESULTS).listing(refresh=True)

    assert [run.facts.status for run in found.runs] == ["complete", "failed", "complete"]
    requests.clear()
    Store(RESULTS).runs()
    assert len(requests) <= 5


@pytest.mark.engine
def test_another_machine_begins_with_what_one_has_read(
    requests: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(listing, "_MANY", 3)
    Store(RESULTS).listing(refresh=True)
    put("dddd")
    requests.clear()
    monkeypatch.setenv("OLMO_EVAL_CACHE", str(tmp_path / "another"))

    assert names(Store(RESULTS).runs()) == ["a", "bb", "ccc", "dddd"]
    assert not [request for request in requests if request.endswith("run.json")]


@pytest.mark.engine
@pytest.mark.parametrize("content", [b"", b"{", b'{"line": "[]"}\n', b'{"line": "{}"}\n'])
def test_a_note_that_says_nothing_is_answered_by_the_run(
    requests: list[str], s3: Any, content: bytes
) -> None:
    run_id = put("dddd")
    notes = s3.list_objects_v2(Bucket="evals", Prefix="team/.index/changes/")["Contents"]
    (key,) = [entry["Key"] for entry in notes if run_id in entry["Key"]]
    s3.put_object(Bucket="evals", Key=key, Body=content)

    assert names(Store(RESULTS).runs()) == ["a", "bb", "ccc", "dddd"]


@pytest.mark.engine
def test_old_notes_are_removed(requests: list[str], s3: Any) -> None:
    old = "team/.index/changes/20200101T00/20200101T000000000000-x.v1.json"
    s3.put_object(Bucket="evals", Key=old, Body=b"{}")

    listing.forget_old_changes(*open_filesystem(RESULTS))

    kept = [e["Key"] for e in s3.list_objects_v2(Bucket="evals")["Contents"]]
    assert old not in kept
    assert len([key for key in kept if key.endswith(".v1.json")]) == 3
    assert names(Store(RESULTS).runs()) == ["a", "bb", "ccc"]


# -- the command


def test_the_newest_runs_are_shown_and_how_to_see_more(bench: Any, root: Path) -> None:
    for n in range(4, 30):
        write(root, "x" * n)

    shown = bench.cli("results", "list", "--results", root)
    assert shown.out.count("\n") == 2 + 20 + 1  # the titles and the line below them
    assert "the newest 20 of 29 runs" in shown.out and "--all" in shown.out
    assert "x" * 29 in shown.out and "models/ccc" not in shown.out
    assert bench.cli("results", "list", "--results", root, "-n", 2).out.count("\n") == 5
    every = bench.cli("results", "list", "--results", root, "--all").out
    assert every.count("\n") == 31 and "the newest" not in every
    assert len(bench.cli("results", "list", "--results", root, "--json").json) == 29


def test_runs_are_listed_by_status_and_time(bench: Any, root: Path) -> None:
    write(root, "dddd", status="failed", started="2026-03-01T12:00:00.000Z")

    def listed(*options: str) -> list[str]:
        found = bench.cli("results", "list", "--results", root, "--json", *options).json
        return [run["model"] for run in found]

    assert listed("--status", "failed") == ["models/dddd"]
    assert listed("--since", "2026-02-01") == ["models/dddd"]
    assert listed("--since", "2026-03-01T14:00:00+02:00") == ["models/dddd"]
    assert listed("--since", "2026-03-01T12:00:01") == []
    assert len(listed("--since", "90000d")) == 4
    bad = bench.cli("results", "list", "--since", "yesterday")
    assert bad.code == 2 and "2026-06-01" in bad.err


def test_scores_stand_in_the_list(bench: Any) -> None:
    run = bench.evaluate("both", skill=0.5, step=1200, name="mine", group="nightly")
    shown = bench.cli("results", "list").out
    (listed,) = bench.cli("results", "list", "--json").json

    half = {s.name: (s.value, (s.ci_high - s.ci_low) / 2) for s in run.scores() if s.primary}
    for name, (value, error) in half.items():
        assert f"{name} {value:.3f} ± {error:.3f}" in shown
    assert "1,200" in shown and "mine/nightly" in shown
    assert {s["name"] for s in listed["scores"]} == set(half)
    assert listed["tasks"] == run.task_names and listed["location"] == run.location
