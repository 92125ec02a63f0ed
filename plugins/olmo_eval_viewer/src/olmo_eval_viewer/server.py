"""The server: routes, formats, errors, and the socket it listens on."""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs

import anyio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from olmo_eval.errors import OlmoEvalError, UnknownNameError, UsageError
from olmo_eval_viewer.desk import Desk
from olmo_eval_viewer.guard import Guard
from olmo_eval_viewer.page import Goto, Here, Page, Params
from olmo_eval_viewer.present import STATIC, render, static

Maker = Callable[[Desk, Params, Here], Page | Goto]
#: characters of an address that are read
_LONGEST = 8_000
#: bytes of a note that is sent
_NOTE = 64_000
#: addresses that stand for all of a machine
_EVERY = frozenset({"0.0.0.0", "::", ""})
_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}

#: pages by their path, each a module whose ``page`` makes it; imported when it is first asked for,
#: because the first page should not wait for what the others need
PAGES = {
    "/": "runs",
    "/against": "against",
    "/biographies": "biographies",
    "/compare": "compare",
    "/matrix": "matrix",
    "/question": "question",
    "/task": "task",
    "/track": "track",
    "/why": "why",
}


def application(
    desk: Desk, hosts: frozenset[str], token: str | None = None, pen: str | None = None
) -> ASGIApp:
    """The viewer of a store as an ASGI application. ``token`` is asked of whoever looks, ``pen`` of
    whoever writes a note; without it nobody can."""
    context = {"results": desk.name, "pen": pen}
    routes = [
        Route(path, partial(_page, desk, context, name), methods=["GET"])
        for path, name in PAGES.items()
    ]
    routes += [
        Route("/note", partial(_note, desk, pen), methods=["POST"]),
        Route("/select", _select, methods=["GET"]),
        Route("/text", partial(_text, desk), methods=["GET"]),
        Route("/static/{name}", _static, methods=["GET"]),
    ]
    app = Starlette(routes=routes, exception_handlers={404: _not_found})
    return Guard(app, hosts, token)


def _page(desk: Desk, context: dict[str, Any], name: str, request: Request) -> Response:
    params = dict(request.query_params)
    here = Here(request.url.path, tuple(request.query_params.multi_items()))
    format_ = params.get("format", "html")
    try:
        if len(request.url.query) > _LONGEST:
            raise UsageError("the address is too long")
        maker: Maker = import_module(f"olmo_eval_viewer.pages.{name}").page
        made = maker(desk, params, here)
        if isinstance(made, Goto):
            return RedirectResponse(made.href, 303)
        return render(made, here, format_, context)
    except OlmoEvalError as error:
        return render(_error(error), here, format_ if format_ == "json" else "html", context)


def _error(error: OlmoEvalError) -> Page:
    status = 404 if isinstance(error, UnknownNameError) else 400
    if not isinstance(error, UsageError):
        status = 500
    data = {"error": error.message, "hint": error.hint}
    return Page("error.html", "This page cannot be shown", data, status=status)


def _not_found(request: Request, _error_: Exception) -> Response:
    return PlainTextResponse("there is no such page\n", 404)


def _select(request: Request) -> Response:
    """The runs that were ticked: two are compared, more make a matrix."""
    from olmo_eval_viewer.pages.runs import chosen

    return RedirectResponse(chosen(request.query_params.getlist("run")), 303)


def _text(desk: Desk, request: Request) -> Response:
    from olmo_eval_viewer.pages.question import whole_text

    try:
        found = whole_text(desk, dict(request.query_params))
    except OlmoEvalError as error:
        return PlainTextResponse(f"{error.message}\n", 404)
    return Response(found.encode("utf-8", "replace"), media_type="text/plain; charset=utf-8")


async def _note(desk: Desk, pen: str | None, request: Request) -> Response:
    """Keep what somebody says of a question: the one request that writes."""
    if pen is None:
        return PlainTextResponse("this viewer only reads\n", 403)
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _NOTE:
            return PlainTextResponse("this note is too long\n", 413)
    try:
        sent = {k: v[-1] for k, v in parse_qs(body.decode(), keep_blank_values=True).items()}
    except ValueError:
        return PlainTextResponse("this is no form\n", 400)
    if not secrets.compare_digest(sent.get("pen", "").encode(), pen.encode()):
        return PlainTextResponse("this form is not of this viewer: load the page anew\n", 403)
    if not sent.get("task") or not sent.get("id"):
        return PlainTextResponse("a note is of a question: task and id\n", 400)
    told = (sent["task"], sent["id"], sent.get("text", ""), sent.get("tags", "").split(","))
    try:
        await anyio.to_thread.run_sync(partial(desk.notes.write, *told))
    except OlmoEvalError as error:
        return PlainTextResponse(f"{error.message}\n", 400)
    back = sent.get("back", "")
    return RedirectResponse(back if back.startswith("/question?") else "/", 303)


def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in STATIC:
        return _not_found(request, Exception())
    headers = {"Cache-Control": "max-age=31536000, immutable"}
    kind = _TYPES[name.rpartition(".")[2]]
    return Response(static(name), headers=headers, media_type=kind)


class Viewer:
    """The viewer on a port of its own. ``token`` is None where only this machine can ask, ``pen``
    where nobody can write notes."""

    def __init__(
        self, desk: Desk, host: str = "127.0.0.1", port: int = 0, *, read_only: bool = False
    ) -> None:
        self._desk, self._host, self._port = desk, host, port
        self.token = None if is_loopback(host) else secrets.token_urlsafe(24)
        self.pen = None if read_only else secrets.token_urlsafe(24)
        self._socket: socket.socket | None = None
        self.server: uvicorn.Server | None = None

    @contextmanager
    def listening(self) -> Iterator[str]:
        """Listen; gives the address, ``http://127.0.0.1:PORT``.

        Raises:
            OlmoEvalError: the port is taken, or the address is not one of this machine.
        """
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            try:
                bound.bind((self._host, self._port))
            except OSError as error:
                raise OlmoEvalError(
                    f"cannot listen on {self._host} port {self._port}: {error.strerror or error}",
                    hint="another --port, or none for a free one",
                ) from error
            port = bound.getsockname()[1]
            names = _names(self._host)
            hosts = frozenset(f"{name}:{port}".lower() for name in names)
            app = application(self._desk, hosts, self.token, self.pen)
            self._socket = bound
            self.server = uvicorn.Server(
                uvicorn.Config(
                    app, log_level="warning", access_log=False, server_header=False, lifespan="off"
                )
            )
            shown = names[0]
            yield f"http://{shown}:{port}"
        finally:
            bound.close()

    def serve(self) -> None:
        """Answer until the server is told to end: Ctrl-C, or ``server.should_exit``."""
        assert self.server is not None and self._socket is not None
        self.server.run(sockets=[self._socket])


def is_loopback(host: str) -> bool:
    """Whether an address is one that only this machine reaches."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _names(host: str) -> list[str]:
    """What this server may be called in an address, the name to be shown first."""
    if is_loopback(host):
        first = f"[{host}]" if ":" in host else host
        return [first, "127.0.0.1", "localhost", "[::1]"]
    if host not in _EVERY:
        return [f"[{host}]" if ":" in host else host]
    name = socket.gethostname()
    found = {str(info[4][0]) for info in socket.getaddrinfo(name, None, proto=socket.IPPROTO_TCP)}
    ips = [f"[{ip}]" if ":" in ip else ip for ip in sorted(found)]
    return [name, socket.getfqdn(), *ips, "127.0.0.1", "localhost"]
