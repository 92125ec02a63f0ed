"""Notes and tags: the one thing that the viewer writes, and who may."""

from __future__ import annotations

import csv
import http.client
import io
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from olmo_eval.results.notes import Notes


def _post(window: Any, form: dict[str, str], **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", window.port, timeout=60)
    named = {"Content-Type": "application/x-www-form-urlencoded"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST", "/note", urlencode(form), named)
    reply = connection.getresponse()
    reply.read()
    return reply


def _form(window: Any, address: str) -> dict[str, str]:
    """The form of a question's page, as a browser would send it."""
    page = window.get(address).text
    found = re.findall(r'<input type="hidden" name="(pen|task|id|back)" value="([^"]*)"', page)
    return {name: unescape(value) for name, value in found}


@pytest.fixture
def address(window: Any) -> Iterator[str]:
    """A question's page; its notes are taken away afterwards."""
    yield window.pair("/question", task="sums", id="s7")
    for file in Path(window.results, "notes").glob("*"):
        file.unlink()


def test_a_note_is_kept_shown_filtered_by_and_exported(window: Any, address: str) -> None:
    form = _form(window, address)
    reply = _post(window, {**form, "text": "odd <b>gold</b>", "tags": "gold wrong, odd"})

    assert reply.status == 303 and reply.headers["location"] == address
    assert Notes(window.results).of("sums")["s7"].tags == ("gold wrong", "odd")
    page = window.get(address).text
    assert "odd &lt;b&gt;gold" in page
    asked = {"task": "sums", "tag": "odd"}
    shown = window.get(window.pair(format="json", **asked)).json
    assert [q["id"] for q in shown["questions"]] == ["s7"]
    assert shown["tags"] == {"gold wrong": 1, "odd": 1}
    assert shown["part"]["verdict"] is None
    rows = list(csv.DictReader(io.StringIO(window.get(window.pair(format="csv", **asked)).text)))
    assert [(row["tags"], row["note"]) for row in rows] == [("gold wrong, odd", "odd <b>gold</b>")]


def test_nobody_writes_without_the_pen_of_the_page(window: Any, address: str) -> None:
    form = {**_form(window, address), "text": "mine"}

    assert _post(window, {**form, "pen": "guess"}).status == 403
    assert _post(window, {k: v for k, v in form.items() if k != "pen"}).status == 403
    assert _post(window, form, Origin="http://example.com").status == 403
    assert _post(window, form, Host="example.com").status == 421
    assert _post(window, {**form, "text": "x" * 70_000}).status == 413
    assert _post(window, {**form, "text": "x" * 5_000}).status == 400
    assert window.get("/note").status == 405
    assert not Notes(window.results).all()


def test_a_note_leads_back_to_this_viewer_alone(window: Any, address: str) -> None:
    form = {**_form(window, address), "text": "x", "back": "//example.com/question?"}

    assert _post(window, form).headers["location"] == "/"


def test_a_viewer_that_only_reads_has_no_form(window: Any, viewing: Any) -> None:
    with viewing(window.results, read_only=True) as reading:
        page = reading.get(reading.pair("/question", task="sums", id="s7")).text

        assert 'action="/note"' not in page
        assert _post(reading, {"task": "sums", "id": "s7", "text": "x"}).status == 403
        assert not Notes(window.results).all()
