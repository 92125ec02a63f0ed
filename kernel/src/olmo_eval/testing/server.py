"""An OpenAI-compatible chat server on loopback that answers what a script says::

    with ScriptedServer([{"tool_calls": [{"name": "add", "arguments": {"a": 1}}]}, "3"]) as server:
        ...  # a client of server.base_url

A reply is a text, or a mapping with ``text``, ``reasoning`` and ``tool_calls`` (each a ``name`` and
``arguments``, as values or as the very text of a model that slips). The script has one for each
turn of a conversation, told from the assistant's messages in the request after its last user
message, so that any number of conversations may go on at once; the last reply is repeated. A
function of the request's body in place of the script can say anything else, such as its ``usage``
in OpenAI's shape; a ``TransientError`` of it is answered with 503.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from olmo_eval.errors import TransientError

Reply = str | Mapping[str, Any]
Script = Sequence[Reply] | Callable[[Mapping[str, Any]], Reply]


class ScriptedServer:
    """A server on a free port of loopback; ``requests`` are the bodies it was sent, in order."""

    def __init__(self, script: Script, *, model: str = "scripted") -> None:
        self.script = script
        self.model = model
        self.requests: list[dict[str, Any]] = []
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def base_url(self) -> str:
        """Where clients find it: ``http://127.0.0.1:PORT/v1``."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> ScriptedServer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reply(self, body: Mapping[str, Any]) -> Reply:
        """What the script says to a request."""
        if callable(self.script):
            return self.script(body)
        turn = 0
        for message in body["messages"]:
            if message["role"] == "user":
                turn = 0
            elif message["role"] == "assistant":
                turn += 1
        return self.script[min(turn, len(self.script) - 1)]

    def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """The chat completion that answers a request."""
        self.requests.append(body)
        number = len(self.requests)
        reply = self.reply(body)
        said: Mapping[str, Any] = {"text": reply} if isinstance(reply, str) else reply
        calls = [
            _call(call, f"call_{number}_{i}") for i, call in enumerate(said.get("tool_calls", ()))
        ]
        message = {"role": "assistant", "content": said.get("text") or None}
        if calls:
            message["tool_calls"] = calls
        if "reasoning" in said:
            message["reasoning_content"] = said["reasoning"]
        choice = {"message": message, "finish_reason": "tool_calls" if calls else "stop"}
        asked, answered = _words(body["messages"]), _words(message)
        return {
            "id": f"chat-{number}",
            "object": "chat.completion",
            "created": 0,
            "model": self.model,
            "choices": [{"index": i, **choice} for i in range(body.get("n") or 1)],
            "usage": said.get("usage")
            or {
                "prompt_tokens": asked,
                "completion_tokens": answered,
                "total_tokens": asked + answered,
            },
        }


def _call(call: Mapping[str, Any], id_: str) -> dict[str, Any]:
    arguments = call.get("arguments", {})
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    function = {"name": call["name"], "arguments": text}
    return {"id": call.get("id", id_), "type": "function", "function": function}


def _words(value: Any) -> int:
    return len(json.dumps(value).split())


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, scripted: ScriptedServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.scripted = scripted

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a client may hang up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            listed = {"id": self.server.scripted.model, "object": "model"}
            self._send(200, {"object": "list", "data": [listed]})
        else:
            self._send(404, {"error": {"message": f"no {self.path} here"}})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/v1/chat/completions":
            self._send(404, {"error": {"message": f"no {self.path} here"}})
            return
        try:
            self._send(200, self.server.scripted.complete(body))
        except TransientError as error:
            self._send(503, {"error": {"message": error.message}})
        except Exception as error:  # of a script that is a function: its caller must see it
            self._send(400, {"error": {"message": f"{type(error).__name__}: {error}"}})

    def _send(self, status: int, body: Mapping[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
