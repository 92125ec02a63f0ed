"""Notes and tags of people on the questions of a page, and filtering by them."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from olmo_eval.results import Run
from olmo_eval.results.notes import Note
from olmo_eval_viewer.desk import Desk
from olmo_eval_viewer.filters import Filters
from olmo_eval_viewer.page import Params


def filters_of(desk: Desk, params: Params, run: Run, task: str) -> Filters:
    """The filters of an address, with the ids of the questions that have the tag it asks for.

    Raises:
        UsageError: a filter has a value that there is not.
    """
    found = Filters.of(params)
    if not found.tag:
        return found
    notes = desk.notes_of(run, task)
    any_ = found.tag == "*"
    return evolve(
        found, among=frozenset(k for k, note in notes.items() if any_ or found.tag in note.tags)
    )


def tag_counts(notes: dict[str, Note]) -> dict[str, int]:
    """How many questions have each tag, most used first."""
    found: dict[str, int] = {}
    for note in notes.values():
        for tag in note.tags:
            found[tag] = found.get(tag, 0) + 1
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def note_card(note: Note | None) -> dict[str, Any] | None:
    if note is None:
        return None
    return {"text": note.text, "tags": list(note.tags), "written": note.written}
