"""The journal: whole lines or none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from olmo_eval.results.journal import Journal, decode, encode, read

RECORDS = st.dictionaries(
    st.text(max_size=5),
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    max_size=4,
)


def written(path: Path) -> list[Any]:
    return [record for _, _, record in read(path)]


def test_what_is_appended_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "journal/records.jsonl"
    journal = Journal(path)
    journal.append({"n": 1})
    journal.append({"text": "two\nlines", "odd": "\ud800"})
    journal.close()

    assert written(path) == [{"n": 1}, {"text": "two\nlines", "odd": "?"}]
    assert list(read(tmp_path / "none.jsonl")) == []


@given(RECORDS)
def test_every_record_survives(record: dict[str, Any]) -> None:
    line = encode(record)

    assert line.count(b"\n") == 1
    assert decode(line) == json.loads(json.dumps(record))


@given(RECORDS, st.data())
def test_every_flipped_bit_is_noticed(record: dict[str, Any], data: st.DataObject) -> None:
    line = bytearray(encode(record))
    place = data.draw(st.integers(0, len(line) - 1))
    line[place] ^= 1 << data.draw(st.integers(0, 7))

    found = decode(bytes(line))

    assert found is None or found == record  # a flipped case of a hexadecimal digit


@pytest.mark.parametrize("cut", range(1, 24))
def test_a_torn_tail_is_cut_and_the_rest_stays(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "records.jsonl"
    path.write_bytes(encode({"n": 1}) + encode({"n": 22222})[:-cut])

    journal = Journal(path)
    journal.append({"n": 3})
    journal.close()

    assert written(path) in ([{"n": 1}, {"n": 3}], [{"n": 1}, None, {"n": 3}])


def test_values_under_other_names_are_kept_as_numbers(tmp_path: Path) -> None:
    assert decode(encode({"nan": float("nan"), "big": 10**15})) == {"nan": None, "big": 10**15}
