"""Notes and tags on questions, kept beside the runs."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from olmo_eval.errors import UsageError
from olmo_eval.results.notes import Notes, note_rows, with_notes


def test_the_newest_note_counts_and_an_empty_one_takes_it_away(tmp_path: Path) -> None:
    notes = Notes(str(tmp_path))
    notes.write("gsm8k", "17", "the gold answer is wrong", ["gold wrong", "gold wrong", " "])
    notes.write("gsm8k", "18", "", ["hard"])
    assert notes.of("gsm8k")["17"].tags == ("gold wrong",)

    notes.write("gsm8k", "17", "mended", [])
    assert Notes(str(tmp_path)).of("gsm8k")["17"].text == "mended"
    assert len(list((tmp_path / "notes").iterdir())) == 2

    notes.write("gsm8k", "17", " ", [])
    assert set(notes.of("gsm8k")) == {"18"} and not notes.of("arc")


@pytest.mark.parametrize(
    ("text", "tags"), [("x" * 4001, []), ("", ["x" * 41]), ("", ["a,b"]), ("", map(str, range(13)))]
)
def test_a_note_that_is_too_long_is_refused(tmp_path: Path, text: str, tags: list[str]) -> None:
    with pytest.raises(UsageError):
        Notes(str(tmp_path)).write("gsm8k", "17", text, tags)
    assert not Notes(str(tmp_path)).all()


def test_a_damaged_note_is_named_and_takes_no_other_away(tmp_path: Path) -> None:
    notes = Notes(str(tmp_path))
    notes.write("gsm8k", "17", "kept", [])
    (tmp_path / "notes" / "broken.1").write_text("{")

    assert set(notes.all()) == {("gsm8k", "17")}
    assert "notes/broken.1" in notes.faults[0]


def test_secrets_do_not_reach_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_API_KEY", "sk-very-secret-value-1")
    note = Notes(str(tmp_path)).write("gsm8k", "17", "see sk-very-secret-value-1", [])
    assert "very-secret" not in note.text


def test_exports_have_notes_as_columns(tmp_path: Path) -> None:
    notes = Notes(str(tmp_path))
    note = notes.write("gsm8k", "17", "odd", ["a", "b"])
    batch = pa.RecordBatch.from_pydict({"task": ["gsm8k:5shot"] * 2, "instance_id": ["17", "18"]})

    (told,) = with_notes([batch], notes.all(), {"gsm8k:5shot": "gsm8k"})
    assert told.to_pydict()["tags"] == ["a, b", None]
    assert told.to_pydict()["note"] == ["odd", None]
    (alone,) = note_rows([note])
    assert alone.to_pylist()[0]["note"] == "odd"
