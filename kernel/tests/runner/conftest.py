"""A server that counts what it is asked, and may say which model it serves."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


class CountingServer:
    """OpenAI-compatible completions on loopback: every second sum is answered right.

    ``asked`` counts the questions that came in, ``answered`` those whose answer went out. ``root``
    is where it says its model was loaded from (None: it says nothing); ``right`` is what it adds;
    ``declined`` are the questions that it declines to answer, ``most`` how many it had at once.
    """

    def __init__(self, seconds: float = 0.02, root: str | None = "/models/counting") -> None:
        self.root = root
        self.right = 1
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.declined: set[str] = set()
        self.seconds = seconds
        self.most = 0
        self._open = 0
        self._lock = threading.Lock()
        counting = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                counting.tell(self)

            def do_POST(self) -> None:
                counting.answer(self)

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def tell(self, call: BaseHTTPRequestHandler) -> None:
        if self.root is None or call.path != "/v1/models":
            call.send_error(404)
            return
        content = json.dumps({"data": [{"id": "counting", "root": self.root}]}).encode()
        call.send_response(200)
        call.send_header("Content-Length", str(len(content)))
        call.end_headers()
        call.wfile.write(content)

    def answer(self, call: BaseHTTPRequestHandler) -> None:
        body = json.loads(call.rfile.read(int(call.headers["Content-Length"])))
        question = re.findall(r"Q: (\d+) plus 1\?", body["prompt"])[-1]
        with self._lock:
            self.asked[question] += 1
            self._open += 1
            self.most = max(self.most, self._open)
        time.sleep(self.seconds)
        with self._lock:
            self._open -= 1
        n = int(question)
        text = str(n + self.right) if n % 2 else "no idea"
        choice = {"text": text, "finish_reason": "stop", "index": 0}
        content = json.dumps({"object": "text_completion", "choices": [choice]}).encode()
        try:
            if question in self.declined:
                call.send_error(403)
                return
            call.send_response(200)
            call.send_header("Content-Length", str(len(content)))
            call.end_headers()
            call.wfile.write(content)
            with self._lock:
                self.answered[question] += 1
        except OSError:
            return  # whoever asked is gone

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[CountingServer]:
    made = CountingServer()
    yield made
    made.close()
