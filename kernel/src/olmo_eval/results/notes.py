"""What people say of single questions: notes and tags, kept beside the runs of a store.

A note is of a question, whatever the run or variant: ``RESULTS/notes/KEY.MOMENT`` holds it as JSON.
Each change is a file of its own, the newest one counts and older ones are removed, so that several
people may write at once, on a disk or in an object store.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

import orjson
import pyarrow as pa
from attrs import asdict, field, frozen

from olmo_eval.common.sequences import items
from olmo_eval.errors import DataError, UsageError
from olmo_eval.results.markers import Markers
from olmo_eval.results.redact import Redactor

#: characters of a note and of a tag, and how many tags a note may have
MOST_TEXT, MOST_TAG, MOST_TAGS = 4_000, 40, 12
SCHEMA = pa.schema(
    [
        ("task", pa.string()),
        ("instance_id", pa.string()),
        ("tags", pa.string()),  # separated by commas
        ("note", pa.string()),
        ("written", pa.string()),  # UTC
    ]
)
#: a task without its variants, and the id of one of its instances
Key = tuple[str, str]


@frozen
class Note:
    """What is said of one question. ``task`` is without variants; ``written`` is a moment, UTC."""

    task: str
    instance_id: str
    text: str = ""
    tags: tuple[str, ...] = field(default=(), converter=items)
    written: str = ""


class Notes:
    """The notes of a store. What was read once is kept: a file of a note never changes."""

    def __init__(self, results: str) -> None:
        self._markers = Markers(results, "notes")
        self._read: dict[str, Note | None] = {}
        #: what is wrong with each file that no note can be made of
        self.faults: list[str] = []

    def all(self) -> dict[Key, Note]:
        """Every note, by task and instance.

        Raises:
            DataError: the store cannot be listed.
        """
        found: dict[Key, Note] = {}
        for name in sorted(self._markers.names(), key=_moment):
            if name not in self._read:
                self._read[name] = self._parsed(name)
            note = self._read[name]
            if note is not None:
                found[note.task, note.instance_id] = note
        return found

    def of(self, task: str) -> dict[str, Note]:
        """The notes on a task's questions, by instance."""
        return {instance: note for (name, instance), note in self.all().items() if name == task}

    def write(self, task: str, instance_id: str, text: str, tags: Iterable[str]) -> Note:
        """Say this of a question from now on; nothing where both are empty.

        Raises:
            UsageError: it is too long, or a tag is none. DataError: the store cannot be written.
        """
        note = Note(
            task,
            instance_id,
            Redactor().text(_text(text)),
            _tags(tags),
            datetime.now(UTC).isoformat(timespec="seconds"),
        )
        key = _key(task, instance_id)
        older = [name for name in self._markers.names() if name.startswith(f"{key}.")]
        if note.text or note.tags:
            name = f"{key}.{time.time_ns():020d}"
            self._markers.write(name, orjson.dumps(asdict(note)).decode())
        for name in older:
            self._markers.remove(name)
        return note

    def _parsed(self, name: str) -> Note | None:
        try:
            return Note(**orjson.loads(self._markers.read(name) or "null"))
        except (ValueError, TypeError, DataError) as error:
            self.faults.append(f"the note {self._markers.folder}/{name} cannot be read: {error}")
            return None


def note_rows(notes: Iterable[Note]) -> Iterator[pa.RecordBatch]:
    """A batch of ``SCHEMA``: a row a note."""
    rows = [
        {**asdict(note), "note": note.text or None, "tags": ", ".join(note.tags) or None}
        for note in notes
    ]
    yield pa.RecordBatch.from_pylist(
        [{name: row[name] for name in SCHEMA.names} for row in rows], schema=SCHEMA
    )


def with_notes(
    batches: Iterable[pa.RecordBatch], notes: Mapping[Key, Note], tasks: Mapping[str, str]
) -> Iterator[pa.RecordBatch]:
    """Batches of instances with the columns ``tags`` and ``note``.

    ``tasks`` gives for what a run calls a task its name without variants.
    """
    for batch in batches:
        keys = zip(
            batch.column("task").to_pylist(), batch.column("instance_id").to_pylist(), strict=True
        )
        told = [notes.get((tasks.get(task, task), instance)) for task, instance in keys]
        tags = [None if one is None else ", ".join(one.tags) or None for one in told]
        texts = [None if one is None else one.text or None for one in told]
        columns = [*batch.columns, pa.array(tags, pa.string()), pa.array(texts, pa.string())]
        yield pa.RecordBatch.from_arrays(columns, names=[*batch.schema.names, "tags", "note"])


def _key(task: str, instance_id: str) -> str:
    return hashlib.sha256(f"{task}\0{instance_id}".encode("utf-8", "replace")).hexdigest()[:32]


def _moment(name: str) -> str:
    return name.rpartition(".")[2]


def _text(text: str) -> str:
    plain = text.replace("\r\n", "\n").strip()
    if len(plain) > MOST_TEXT:
        raise UsageError(f"a note has at most {MOST_TEXT:,} characters, not {len(plain):,}")
    return plain


def _tags(tags: Iterable[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(" ".join(tag.split()) for tag in tags if tag.strip()))
    if len(found) > MOST_TAGS:
        raise UsageError(f"a question has at most {MOST_TAGS} tags, not {len(found)}")
    for tag in found:
        if len(tag) > MOST_TAG or "," in tag or not tag.isprintable():
            raise UsageError(
                f"{tag[:80]!r} is no tag", hint=f"words of at most {MOST_TAG} characters"
            )
    return found
