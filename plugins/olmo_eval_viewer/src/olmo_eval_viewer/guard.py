"""What every request passes before a page is made: who may ask, from where, and how."""

from __future__ import annotations

import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: no exception anywhere: no inline script or style, nothing from elsewhere, no frame
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # not no-referrer: with it a browser says of the form of a note that it comes from nowhere
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_COOKIE = "olmo_eval_view"
_METHODS = frozenset({"GET", "HEAD", "POST"})


class Guard:
    """Refuses requests for other hosts (DNS rebinding) and from other sites' pages, and asks for
    the token where there is one; adds the headers that keep a page to itself.

    ``hosts`` are the values of ``Host`` that are this server.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str], token: str | None) -> None:
        self._app, self._hosts, self._token = app, hosts, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refused = self._refused(scope)
        if refused is not None:
            await refused(scope, receive, guarded)
            return
        await self._app(scope, receive, guarded)

    def _refused(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if scope["method"] not in _METHODS:
            return PlainTextResponse("method not allowed\n", 405)
        if host not in self._hosts:
            return PlainTextResponse("this server does not answer for that host\n", 421)
        origin = headers.get("origin")
        if origin is not None and origin != f"http://{host}":
            return PlainTextResponse("requests from other sites are refused\n", 403)
        site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")
        foreign = site in ("cross-site", "same-site")
        if foreign and (mode != "navigate" or scope["method"] == "POST"):
            return PlainTextResponse("requests from other sites are refused\n", 403)
        return self._asked_for_token(scope, headers) if self._token else None

    def _asked_for_token(self, scope: Scope, headers: Headers) -> ASGIApp | None:
        assert self._token is not None
        asked = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(asked).get("token")
        if given is not None and _same(given, self._token):
            rest = urlencode([(key, value) for key, value in asked if key != "token"])
            path = "/" + scope["path"].lstrip("/\\")
            found = RedirectResponse(f"{path}{'?' if rest else ''}{rest}", 303)
            found.set_cookie(_COOKIE, self._token, httponly=True, samesite="strict")
            return found
        if _same(_cookie(headers), self._token):
            return None
        return PlainTextResponse("open the address that `olmo-eval view` printed\n", 401)


def _same(given: str, token: str) -> bool:
    return secrets.compare_digest(given.encode(), token.encode())


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(_COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""
