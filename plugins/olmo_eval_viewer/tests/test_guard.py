"""Who may ask: this host, its own pages, and with a token where others can reach it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from olmo_eval.errors import OlmoEvalError
from olmo_eval_viewer.desk import Desk
from olmo_eval_viewer.guard import POLICY
from olmo_eval_viewer.server import Viewer, is_loopback


def test_every_reply_forbids_what_a_page_must_not_do(window: Any) -> None:
    for path in ("/", "/nothing", "/static/viewer.js", "/compare?a=x&b=y"):
        headers = window.get(path).headers
        assert headers["content-security-policy"] == POLICY
        assert headers["x-content-type-options"] == "nosniff"
    assert "unsafe" not in POLICY and "*" not in POLICY


def test_another_host_is_refused(window: Any) -> None:
    assert window.get("/", Host="evil.example").status == 421
    assert window.get("/", Host=f"evil.example:{window.port}").status == 421
    assert window.get("/", Host=f"localhost:{window.port}").status == 200


def test_pages_of_other_sites_are_refused_and_links_from_them_are_not(window: Any) -> None:
    assert window.get("/", Origin="http://evil.example").status == 403
    assert window.get("/", Origin=window.address).status == 200
    foreign = {"Sec_Fetch_Site": "cross-site"}
    assert window.get("/", Sec_Fetch_Mode="no-cors", **foreign).status == 403
    assert window.get("/", Sec_Fetch_Mode="navigate", **foreign).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_but_reading_is_answered(window: Any, method: str) -> None:
    assert window.get("/", method).status == 405


def test_looking_changes_no_file(window: Any) -> None:
    def content() -> dict[str, bytes]:
        files = [path for path in Path(window.results, "runs").rglob("*") if path.is_file()]
        return {str(path): path.read_bytes() for path in files}

    before = content()
    for path in ("/", window.pair(), window.pair("/question", task="sums", id="s1"), "/track"):
        window.get(path)
    assert content() == before


def test_an_address_cannot_name_a_folder_elsewhere(window: Any) -> None:
    for name in (window.runs[0].location, "../../etc", "s3://bucket/runs/x", "/etc/passwd"):
        assert window.get(f"/compare?a={name}&b={name}").status == 404


def test_beyond_this_machine_a_token_is_asked_for(store: str, viewing: Any) -> None:
    with viewing(store, host="0.0.0.0") as window:
        token = window.viewer.token
        assert window.get("/").status == 401
        assert window.get("/?token=wrong").status == 401
        entered = window.get(f"/?token={token}&model=mock")
        assert entered.status == 303 and entered.headers["location"] == "/?model=mock"
        cookie = entered.headers["set-cookie"]
        assert "HttpOnly" in cookie and "samesite=strict" in cookie.lower()
        assert window.get("/", Cookie=cookie.partition(";")[0]).status == 200
        assert window.get(f"//evil.example?token={token}").headers["location"] == "/evil.example"


def test_only_loopback_goes_without_a_token() -> None:
    assert is_loopback("127.0.0.1") and is_loopback("::1") and is_loopback("localhost")
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "example.com", "")))


def test_a_port_that_is_taken_is_said(window: Any) -> None:
    taken = Viewer(Desk(window.results), "127.0.0.1", window.port)
    with pytest.raises(OlmoEvalError, match=f"port {window.port}"), taken.listening():
        pass
