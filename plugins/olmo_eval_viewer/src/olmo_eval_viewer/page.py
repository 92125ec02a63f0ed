"""A page as values: what it shows, the template that says how, and the table it can be had as."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
from attrs import field, frozen

Params = Mapping[str, str]


@frozen
class Table:
    """The rows a page is about, all of them, as batches of one schema."""

    schema: pa.Schema
    batches: Callable[[], Iterator[pa.RecordBatch]]


@frozen
class Page:
    """``data`` are JSON values: the page in HTML, JSON and text shows the same ones. ``charts`` are
    drawn of them, for HTML alone.
    """

    template: str
    title: str
    data: Mapping[str, Any]
    charts: Mapping[str, Any] = field(factory=dict)
    table: Table | None = None
    status: int = 200


@frozen
class Goto:
    """Another address to go to."""

    href: str


def href(path: str, params: Mapping[str, Any] | Sequence[tuple[str, Any]] = ()) -> str:
    """An address within the viewer; parameters without a value are left out."""
    pairs = params.items() if isinstance(params, Mapping) else params
    query = "&".join([_encoded(k, str(v)) for k, v in pairs if v not in (None, "", False)])
    return f"{path}?{query}" if query else path


@lru_cache(2_000)
def _encoded(name: str, value: str) -> str:
    """A parameter as an address has it; a page has dozens of addresses that share most of them."""
    return urlencode({name: value})


@frozen
class Here:
    """The address of a page, from which others are made by changing some parameters."""

    path: str
    params: tuple[tuple[str, str], ...]

    def to(self, path: str | None = None, **changes: Any) -> str:
        """This address with other parameters; None removes one. Changing what is listed begins
        at its first page again."""
        known = [(k, v) for k, v in self.params if k != "format"]
        if "page" not in changes:
            known = [(k, v) for k, v in known if k != "page"]
        kept = [(k, changes.get(k, v)) for k, v in known]  # in its place, so that addresses repeat
        new = [(k, v) for k, v in changes.items() if k not in dict(known)]
        return href(path or self.path, [*kept, *new])

    def as_format(self, name: str) -> str:
        """This very page in another format."""
        kept = [(k, v) for k, v in self.params if k != "format"]
        return href(self.path, [*kept, ("format", name)])
