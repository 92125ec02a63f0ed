"""Reports with citations: what a model is asked to write, and how it is read.

A report is JSON: ``{"sections": [{"title", "text", "citations": [{"id", "title", "snippets"}]}]}``.
The text of a section names its citations by their ids, such as ``[1]``.
"""

from __future__ import annotations

import re
from typing import Any

from attrs import frozen

from olmo_eval.evals.extract.objects import last_object

FORM = """\
Answer with one JSON object: {"sections": [{"title": "...", "text": "...", "citations": [{"id": \
"[1]", "title": "title of the source", "snippets": ["what the source says, word for word"]}]}]}. \
Name each citation by its id in the text, right after what it supports."""


@frozen
class Citation:
    """A source: ``snippets`` are what it says, none where only its title is given."""

    id: str
    title: str
    snippets: tuple[str, ...]

    def __str__(self) -> str:
        said = "\n".join(self.snippets) or "(only its title is given)"
        return f"{self.id} {self.title}\n{said}"


@frozen
class Section:
    """One part of a report, with the sources that it has."""

    title: str
    text: str
    citations: tuple[Citation, ...]


Report = tuple[Section, ...]


def read_report(text: str) -> Report:
    """The report in a text; a text that holds none is one section without citations."""
    sections = (last_object(text) or {}).get("sections")
    if isinstance(sections, list):
        read = tuple(_section(one) for one in sections if isinstance(one, dict))
        if any(section.text.strip() for section in read):
            return read
    return (Section("", text.strip(), ()),)


def _section(found: dict[str, Any]) -> Section:
    cited = found.get("citations")
    citations = [one for one in cited if isinstance(one, dict)] if isinstance(cited, list) else []
    return Section(
        title=str(found.get("title") or ""),
        text=str(found.get("text") or ""),
        citations=tuple(map(_citation, citations)),
    )


def _citation(found: dict[str, Any]) -> Citation:
    snippets = found.get("snippets") or ()
    snippets = [snippets] if isinstance(snippets, str) else snippets
    kept = tuple(str(one) for one in snippets if str(one).strip())
    return Citation(str(found.get("id") or ""), str(found.get("title") or ""), kept)


def plain_text(report: Report) -> str:
    """The report as a reader sees it."""
    parts = (f"{section.title}\n{section.text}".strip() for section in report)
    return "\n\n".join(part for part in parts if part)


def statements(report: Report) -> list[str]:
    """The sentences of a report, in order, without its titles."""
    found: list[str] = []
    for section in report:
        found += [s for s in re.split(r"(?<=[.!?])\s+|\n+", section.text.strip()) if s.strip()]
    return found
