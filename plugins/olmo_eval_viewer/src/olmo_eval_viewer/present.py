"""Pages as HTML, JSON, text, and their tables as CSV, JSONL and Markdown."""

from __future__ import annotations

import hashlib
import io
import textwrap
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

import jinja2
import orjson
from starlette.responses import Response

from olmo_eval.common.text import visible
from olmo_eval.errors import UsageError
from olmo_eval.results.rowtable import write_rows
from olmo_eval_viewer import texts
from olmo_eval_viewer.page import Here, Page, href

#: formats of a page, and of its table
FORMATS = ("html", "json", "text", "csv", "jsonl", "markdown")
_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl; charset=utf-8",
    "markdown": "text/markdown; charset=utf-8",
}
#: what of a page's text twin is shown: rows of a list, characters of a text
_ROWS, _CHARACTERS = 60, 400
STATIC = ("viewer.css", "viewer.js", "theme.js")


def render(page: Page, here: Here, format_: str, context: Mapping[str, Any]) -> Response:
    """The page in one of ``FORMATS``.

    Raises:
        UsageError: it has no table, or there is no such format.
    """
    if format_ == "json":
        body = orjson.dumps(
            page.data, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY, default=str
        )
        return Response(body, page.status, media_type="application/json")
    if format_ == "text":
        return _plain(f"{page.title}\n\n{as_text(page.data)}\n", page.status)
    if format_ in _TYPES:
        return _table(page, format_)
    if format_ != "html":
        raise UsageError(f"format: expected one of {', '.join(FORMATS)}, got {format_[:40]!r}")
    html = (
        environment()
        .get_template(page.template)
        .render(page=page, here=here, **page.data, **page.charts, **context)
    )
    return Response(html.encode("utf-8", "replace"), page.status, media_type="text/html")


def _plain(text: str, status: int = 200) -> Response:
    body = text.encode("utf-8", "replace")
    return Response(body, status, media_type="text/plain; charset=utf-8")


def _table(page: Page, format_: str) -> Response:
    if page.table is None:
        raise UsageError("this page has no table", hint="format=json has all that it shows")
    stream = io.BytesIO()
    write_rows(page.table.schema, page.table.batches(), format_, stream)
    found = Response(stream.getvalue(), media_type=_TYPES[format_])
    ending = {"markdown": "md"}.get(format_, format_)
    found.headers["Content-Disposition"] = f'attachment; filename="questions.{ending}"'
    return found


@lru_cache(1)
def environment() -> jinja2.Environment:
    """The templates, in which every value is escaped."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("olmo_eval_viewer"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    for name in (
        "shown", "head", "number", "short", "signed", "interval", "p_value", "count", "seconds",
        "moment", "tail_of",
    ):  # fmt: skip
        made.filters[name] = getattr(texts, name)
    made.globals["href"] = href
    made.globals["asset"] = asset
    return made


@lru_cache(len(STATIC))
def static(name: str) -> bytes:
    """The content of one of ``STATIC``."""
    return (files("olmo_eval_viewer") / "static" / name).read_bytes()


def asset(name: str) -> str:
    """The address of a static file; another content has another address."""
    return f"/static/{name}?v={hashlib.sha256(static(name)).hexdigest()[:12]}"


def as_text(value: Any, depth: int = 0) -> str:
    """JSON values as text for people and agents, bounded: long lists and texts are cut, and say
    so."""
    pad = "  " * depth
    if isinstance(value, Mapping):
        return "\n".join(_entry(str(key), one, depth) for key, one in value.items())
    if isinstance(value, list | tuple):
        if value and all(isinstance(one, Mapping) for one in value):
            return _rows(value, depth)
        lines = [f"{pad}- {_scalar(one)}" for one in value[:_ROWS]]
        return "\n".join(lines + _more(len(value), pad))
    return pad + _scalar(value)


def _entry(key: str, value: Any, depth: int) -> str:
    pad = "  " * depth
    if isinstance(value, Mapping | list | tuple) and value:
        return f"{pad}{key}:\n{as_text(value, depth + 1)}"
    return f"{pad}{key}: {_scalar(value)}"


def _rows(rows: Sequence[Mapping[str, Any]], depth: int) -> str:
    pad = "  " * depth
    lines = []
    for row in rows[:_ROWS]:
        flat = [f"{key}: {_scalar(v)}" for key, v in row.items() if not _nested(v)]
        text = "; ".join(flat)
        lines.append(textwrap.indent(text, pad + "  ").replace(pad + "  ", f"{pad}- ", 1))
        lines += [_entry(str(k), v, depth + 1) for k, v in row.items() if _nested(v)]
    return "\n".join(lines + _more(len(rows), pad))


def _nested(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple) and bool(value)


def _more(n: int, pad: str) -> list[str]:
    return [f"{pad}... {n - _ROWS:,} more"] if n > _ROWS else []


def _scalar(value: Any) -> str:
    if value is None or value == [] or value == {}:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = " ".join(visible(str(value)[: 4 * _CHARACTERS]).split())
    whole = len(text) <= _CHARACTERS and len(str(value)) <= 4 * _CHARACTERS
    return text if whole else f"{text[:_CHARACTERS]}... ({len(str(value)):,} characters)"
