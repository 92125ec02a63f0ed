"""A damaged Parquet file is refused before a reader follows it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from olmo_eval.results import footers


@pytest.fixture
def run(bench: Any) -> Path:
    return Path(bench.evaluate("sums", skill=0.5, limit=12).location)


def read(content: bytes) -> pa.Table:
    return footers.opened(pa.BufferReader(content)).read()


@pytest.mark.parametrize("name", ["metrics", "instances/sums", "answers/sums"])
def test_no_bit_of_a_file_changes_what_is_read(run: Path, name: str) -> None:
    content = (run / f"{name}.parquet").read_bytes()
    sound, rng = read(content), random.Random(4)
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    key = range(content.index(footers.KEY.encode(), start), len(content))[: len(footers.KEY) + 2]

    for at in rng.sample(range(len(content)), 300):
        wrong = content[:at] + bytes([content[at] ^ (1 << rng.randrange(8))]) + content[at + 1 :]
        try:
            assert read(wrong).equals(sound)  # a page's header, say, which holds no value
        except (pa.ArrowException, OSError):
            continue
        assert at < start or at in key


def test_what_is_cut_or_no_table_at_all_is_refused(run: Path) -> None:
    content = (run / "metrics.parquet").read_bytes()

    for wrong in (b"", b"PAR1", content[:-1], content[:100], content[:-8] + b"\xff" * 4 + b"PAR1"):
        with pytest.raises(pa.ArrowInvalid, match=r"is not a Parquet file|has changed"):
            read(wrong)


def test_files_without_a_checksum_are_read_as_ever(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1, 2]}), tmp_path / "old.parquet")

    assert read((tmp_path / "old.parquet").read_bytes()).to_pydict() == {"x": [1, 2]}


def test_the_damaged_file_of_several_is_named(bench: Any, run: Path) -> None:
    path = run / "instances/sums.parquet"
    content = path.read_bytes()
    path.write_bytes(content[:700] + bytes([content[700] ^ 1]) + content[701:])

    for command in (
        ("results", "query", "select count(*) from instances"),
        ("results", "export", run.name, "--instances"),
        ("results", "instances", run.name),
        ("rescore", run.name),
    ):
        if command[1] == "query":
            pytest.importorskip("duckdb")
        printed = bench.cli(*command)
        assert printed.code == 1, command
        assert f"{run.name}/instances/sums.parquet cannot be read: " in printed.err
        assert "`olmo-eval verify`" in printed.err
