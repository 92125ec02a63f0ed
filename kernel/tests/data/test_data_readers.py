"""Readers: rows as they stand, damage named by file and line."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from olmo_eval.data.readers import read_rows, read_stream
from olmo_eval.errors import DataError

Write = Callable[[str, Any], Path]
ROWS = [{"q": 'a, "b"\nc', "n": "1"}, {"q": "naïve – 数", "n": "2"}]


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz", "x.json", "x.json.gz", "X.NDJSON"])
def test_json_lines_under_any_of_their_names(write: Write, name: str) -> None:
    assert list(read_rows(write(name, ROWS))) == ROWS


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"version": 1, "data": rows}])
def test_a_json_document_with_a_list(write: Write, wrap: Any, indent: int | None) -> None:
    path = write("x.json", json.dumps(wrap(ROWS), indent=indent).encode())
    assert list(read_rows(path)) == ROWS


def test_csv_tsv_and_parquet_give_the_same_rows(write: Write, tmp_path: Path) -> None:
    text = 'q,n\r\n"a, ""b""\nc",1\r\n\r\nnaïve – 数,2\r\n'.encode()
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "x.parquet")
    assert list(read_rows(write("x.csv", text))) == ROWS
    assert list(read_rows(write("x.csv.gz", b"\xef\xbb\xbf" + text))) == ROWS
    assert list(read_rows(write("y.tsv", b"q\tn\nx\t1\n"))) == [{"q": "x", "n": "1"}]
    assert list(read_rows(tmp_path / "x.parquet")) == ROWS


def test_byte_order_mark_crlf_and_blank_lines_are_no_rows(write: Write) -> None:
    path = write("x.jsonl", b'\xef\xbb\xbf{"a":1}\r\n\r\n  \n{"a":2}')
    assert list(read_rows(path)) == [{"a": 1}, {"a": 2}]


def test_unicode_line_separators_do_not_end_a_row(write: Write) -> None:
    rows = [{"a": "x\u2028y\u0085z"}]
    assert (
        list(read_rows(write("x.jsonl", json.dumps(rows[0], ensure_ascii=False).encode()))) == rows
    )


def test_large_integers_stay_exact(write: Write) -> None:
    rows = [{"a": 2**64 + 1, "b": [-(10**30)]}]
    assert list(read_rows(write("x.jsonl", rows))) == rows


def test_long_csv_values_are_read(write: Write) -> None:
    assert next(read_rows(write("x.csv", b"a\n" + b"x" * 300_000)))["a"] == "x" * 300_000


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.jsonl", b'{"a":1}\n\n{"a":\n', "x.jsonl:3: not valid JSON"),
        ("x.jsonl", b'{"a":1}\n[1]\n', "x.jsonl:2: expected a JSON object, got a list"),
        ("x.jsonl", b'{"a":1}\nnull\n', "x.jsonl:2: expected a JSON object, got null"),
        ("x.jsonl", b'{"a":NaN}\n', "x.jsonl:1: not valid JSON"),
        ("x.jsonl", b'{"a":"\\ud800"}\n', "x.jsonl:1: not valid JSON"),
        ("x.jsonl", b'{"a":1}{"a":2}\n', "x.jsonl:1: not valid JSON"),
        (
            "x.jsonl",
            b'{"a":1}\n{"a":"caf\xe9"}\n',
            "x.jsonl:2: not UTF-8 text .byte 0xe9 at column 10",
        ),
        ("x.jsonl", '{"a":1}'.encode("utf-16"), "x.jsonl:1: not UTF-8"),
        (
            "x.jsonl",
            gzip.compress(b'{"a":1}', mtime=0),
            "x.jsonl:1: gzip data in a file whose name",
        ),
        ("x.jsonl", b'{"a":' * 5000, "x.jsonl:1: not valid JSON"),
        ("x.json", b'[{"a":1}, 2]', "x.json: row 1: expected a JSON object, got a number"),
        ("x.json", b'{"data": {"a": 1}}', "x.json: no list of rows"),
        ("x.json", b'{"a":1}\n{"a":', "x.json:2: not valid JSON"),
        ("x.json", b'[{"a":1}', "x.json: not valid JSON"),
        ("x.csv", b"a,b\n1,2\n1,2,3\n", "x.csv:3: 3 values for 2 columns"),
        ("x.csv", b'a,b\n1,"2\n', "x.csv:2: not valid CSV"),
        ("x.csv", b"a,a\n", "x.csv: two columns are called 'a'"),
        ("x.csv", b"a\n\xff\n", "x.csv:2: not UTF-8"),
        ("x.parquet", b"PAR1 not really", "x.parquet: cannot be read as Parquet"),
    ],
)
def test_a_malformed_row_is_named_by_file_and_line(
    write: Write, name: str, content: bytes, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        list(read_rows(write(name, content)))
    assert caught.value.hint


def test_rows_before_the_damage_are_still_delivered(write: Write) -> None:
    rows = read_rows(write("x.jsonl", b'{"a":1}\nbroken\n'))
    assert next(rows) == {"a": 1}
    with pytest.raises(DataError, match=":2: not valid JSON"):
        next(rows)


@pytest.mark.parametrize("keep", [5, 30, -4])
def test_truncated_gzip_is_an_error_and_not_the_end(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a":1}\n' * 50, mtime=0)[:keep])
    with pytest.raises(DataError, match=r"x\.jsonl\.gz:\d+: the gzip data ends early"):
        list(read_rows(path))


def test_what_is_not_gzip_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(b'{"a":1}\n')
    with pytest.raises(DataError, match=r"x\.jsonl\.gz:1: bad gzip data"):
        list(read_rows(path))


def test_missing_files_and_unknown_suffixes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.jsonl: cannot be read"):
        list(read_rows(tmp_path / "none.jsonl"))
    with pytest.raises(DataError, match=r"notes\.txt: not a kind of file") as caught:
        list(read_rows(tmp_path / "notes.txt"))
    assert ".jsonl" in str(caught.value.hint)


class _EndlessLines:
    """A stream that never ends: whoever reads it whole never returns."""

    def __init__(self) -> None:
        self.served = 0

    def __iter__(self) -> Any:
        for number in itertools.count():
            self.served += 1
            yield b'{"n": %d}\n' % number


@pytest.mark.parametrize("name", ["x.jsonl", "x.json"])
def test_rows_stream(name: str) -> None:
    stream = _EndlessLines()
    rows = read_stream(stream, name)  # type: ignore[arg-type]
    assert [row["n"] for row in itertools.islice(rows, 3)] == [0, 1, 2]
    assert stream.served <= 4


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(rows=st.lists(st.dictionaries(st.text(), _VALUES, max_size=4), max_size=5))
@settings(max_examples=100)
def test_every_row_that_json_can_hold_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    path = tmp_path_factory.mktemp("rows") / "x.jsonl.gz"
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_bytes(gzip.compress(lines.encode("utf-8", "surrogatepass")))
    assert list(read_rows(path)) == rows


@given(
    before=st.integers(0, 4),
    blank=st.integers(0, 3),
    junk=st.binary(max_size=40).map(lambda data: data.replace(b"\n", b" ")),
)
@settings(max_examples=300)
def test_junk_gives_its_own_line_number_or_a_row(before: int, blank: int, junk: bytes) -> None:
    lines = [b'{"a":1}\n'] * before + [b"\r\n"] * blank + [junk]
    number = before + blank + 1
    try:
        rows = list(read_stream(lines, "x.jsonl"))  # type: ignore[arg-type]
    except DataError as error:
        assert error.message.startswith(f"x.jsonl:{number}: ")
    else:
        assert len(rows) == before + bool(junk.removeprefix(b"\xef\xbb\xbf").strip())


@given(data=st.binary(max_size=200))
@pytest.mark.parametrize("name", ["x.json", "x.csv", "x.tsv", "x.jsonl.gz"])
@settings(max_examples=150)
def test_no_bytes_bring_a_reader_down(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("junk") / name
    path.write_bytes(data)
    try:
        assert all(isinstance(row, dict) for row in read_rows(path))
    except DataError as error:
        assert name in error.message
