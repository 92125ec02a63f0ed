"""The events of episodes as a table: every type, some instances of it, and very many of them."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from olmo_eval.common.convert import to_json
from olmo_eval.common.types import (
    Instance,
    LMOutput,
    LMRequest,
    MessageEvent,
    RequestType,
    Trajectory,
    Usage,
)
from olmo_eval.errors import DataError
from olmo_eval.results import finalize, schema
from olmo_eval.results.convert import convert
from olmo_eval.results.finalize import write_task
from olmo_eval.results.record import Row, answer_record, joined, request_row, row_outputs
from olmo_eval.results.store import Run, open_run

PACK = str(Path(__file__).parent.parent / "packs/agent.py")
SCHEMA_PAGE = Path(__file__).parents[3] / "docs/schema.md"
NAMES = [field.name for field in schema.TURNS]


@pytest.fixture
def run(bench: Any) -> Run:
    harness = {"scaffold": "errand_runner", "provider": {"kwargs": {"skill": 1}}}
    made: Run = bench.evaluate("errands", plugin=[PACK], harness=harness, limit=6)
    return made


def test_every_event_of_every_sample_is_a_row(run: Run) -> None:
    rows = list(run.turns("errands"))

    instances = run.instances("errands", ["instance_id", "position"]).to_pylist()
    seen = dict.fromkeys((row["instance_id"], row["position"], row["sample"]) for row in rows)
    assert list(seen) == [
        (one["instance_id"], one["position"], sample) for one in instances for sample in (0, 1)
    ]
    assert [row["index"] for row in rows] == list(range(10)) * 12
    assert run.task_record("errands")["events"] == len(rows) == 120
    assert all(list(row) == NAMES for row in rows)


def test_a_row_has_what_belongs_to_its_type(run: Run) -> None:
    def told(row: dict[str, Any]) -> dict[str, Any]:
        about = ("instance_id", "position", "sample", "index", "start", "seconds")
        return {k: v for k, v in row.items() if v is not None and k not in about}

    note, message, *others = list(run.turns("errands"))[:10]

    assert told(note) == {"type": "note", "text": f"of {note['instance_id']}"}
    assert (message["type"], message["role"]) == ("message", "assistant")
    assert message["prompt_tokens"] > 0 and message["completion_tokens"] > 0
    assert message["seconds"] >= 0 and message["start"] >= note["start"] > 0
    call = {"type": "tool_call", "call_id": "c1", "tool": "look", "arguments": '{"at": "it"}'}
    result = {"type": "tool_result", "call_id": "c2", "tool": "touch", "text": "ouch"}
    command = {"type": "command", "argv": ["ls", "-l"], "exit_code": 2, "text": "none"}
    assert [told(row) for row in others] == [
        {"type": "reasoning", "text": "hm"},
        call,
        {"type": "tool_call", "call_id": "c2", "tool": "touch", "arguments": "{}"},
        {**result, "error": True},
        {**command, "truncated": True, "timed_out": False},
        {**result, "call_id": "c1", "tool": "look", "text": "nothing", "error": False},
        {"type": "error", "text": "the network is down"},
        {"type": "limit", "text": "max_turns"},
    ]
    assert others[4]["seconds"] == 0.5


def test_the_turns_of_some_instances_are_read(run: Run) -> None:
    ids = run.instances("errands", ["instance_id"])["instance_id"].to_pylist()

    found = list(run.turns("errands", ids=[ids[4], ids[1]]))

    assert list(dict.fromkeys(row["instance_id"] for row in found)) == [ids[1], ids[4]]
    assert len(found) == 40
    assert found == [row for row in run.turns("errands") if row["instance_id"] in (ids[1], ids[4])]


def test_the_example_in_the_documentation_counts_failed_calls(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    section = SCHEMA_PAGE.read_text(encoding="utf-8").partition("## turns/TASK.parquet")[2]
    example = section.partition("```python\n")[2].partition("```")[0]

    exec(example, {"run": Path(run.location)})

    printed = capsys.readouterr().out
    assert "tool: string" in printed and '["touch"]' in printed and "[12]" in printed


def test_a_task_without_episodes_has_no_turns(bench: Any) -> None:
    made = bench.evaluate("sums", limit=4)

    assert list(made.turns("sums")) == []
    assert not Path(made.location, "turns").exists()
    assert "events" not in made.task_record("sums")


def test_an_answer_comes_back_with_its_trajectory(run: Run) -> None:
    for row in run.rows("errands"):
        for sample, output in enumerate(row_outputs(row)):
            assert output.trajectory is not None
            turns = run.turns("errands", ids=[row["instance_id"]])
            types = [turn["type"] for turn in turns if turn["sample"] == sample]
            assert [event.type for event in output.trajectory.events] == types


def test_a_table_of_turns_that_is_lost_is_missed(run: Run) -> None:
    Path(run.location, "turns/errands.parquet").unlink()

    assert run.missing_tables() == ["turns/errands.parquet"]
    with pytest.raises(DataError, match=r"has no turns/errands\.parquet"):
        list(run.turns("errands"))


def test_a_run_of_version_1_has_turns(run: Run) -> None:
    before = list(run.turns("errands"))
    old = as_version_1(run)

    assert list(old.turns("errands")) == before
    assert list(convert(old).turns("errands")) == before
    assert open_run(old.location).task_record("errands")["events"] == len(before)


def as_version_1(run: Run) -> Run:
    """The run with its answers in the table of its instances, as they once stood."""
    folder = Path(run.location)
    record = {**run.record, "schema_version": 1}
    for entry in record["tasks"]:
        entry.pop("events")
    whole = run.instances("errands")
    for name in ("lock.json", "turns/errands.parquet", "answers/errands.parquet"):
        (folder / name).unlink()
    stamped = whole.replace_schema_metadata({"olmo_eval_schema": "1"})
    pq.write_table(stamped, folder / "instances/errands.parquet")
    (folder / "run.json").write_text(json.dumps(to_json(record)))
    return open_run(run.location)


# -- as many as there are


def rows_of(n: int, size: int) -> Iterator[tuple[Row, int]]:
    """Instances, each with a trajectory of ``size`` characters in ten messages, and its bytes."""
    for position in range(n):
        text = f"{position:06d} " * (size // 70)
        said = tuple(MessageEvent("assistant", text, Usage(1, 2)) for _ in range(10))
        output = LMOutput("done", trajectory=Trajectory(said))
        answer = answer_record(
            Instance(f"q{position}", "done"),
            instance_id=f"i{position}",
            position=position,
            request=request_row(LMRequest(RequestType.COMPLETION, prompt="?")),
            request_hash="0" * 32,
            outputs=[output],
        )
        score = {
            **{"outcome": "scored", "error": None, "scores": {}, "values": {}, "weights": {}},
            **{"answers": [None], "evidence": None},
        }
        yield joined(answer, score), size


def peak(folder: Path, n: int, size: int) -> int:
    """Bytes that writing the tables of ``rows_of(n, size)`` takes, of Python's and of Arrow's."""
    folder.mkdir()
    before, pool = pa.default_memory_pool(), pa.proxy_memory_pool(pa.system_memory_pool())
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        write_task(folder, "long", ["right:yes"], ["yes"], rows_of(n, size))
        return int(tracemalloc.get_traced_memory()[1] + pool.max_memory())
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(before)


def test_memory_does_not_grow_with_the_trajectories(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit, size = 1 << 20, 100_000
    monkeypatch.setattr(finalize, "_GROUP_BYTES", limit)

    few, many = (peak(tmp_path / str(n), n, size) for n in (40, 160))

    assert many < 1.25 * few
    table = pq.ParquetFile(tmp_path / "160/turns/long.parquet")
    assert table.metadata.num_rows == 1600
    groups = [table.metadata.row_group(i) for i in range(table.metadata.num_row_groups)]
    assert max(group.num_rows for group in groups) * size / 10 <= limit
    first = table.read_row_group(len(groups) - 1).to_pylist()[-1]
    assert (first["instance_id"], first["index"]) == ("i159", 9)
    assert first["text"].startswith("000159 ")
