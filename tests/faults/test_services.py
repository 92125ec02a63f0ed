"""A service that fails in every way there is: the first time, and it is asked again; for good, and
what it did not answer is missing, never a score.

What single answers mean is in the tests of ``olmo_eval_providers``; here whole runs meet them.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from olmo_eval.results.store import Run, Store

pytestmark = pytest.mark.engine

Tables = Callable[[Run], dict[str, Any]]
Socket = socket.socket


def sent(connection: Socket, body: bytes, status: str = "200 OK", *headers: str) -> None:
    head = [f"HTTP/1.1 {status}", "Content-Type: application/json", *headers]
    if not any(header.startswith(("Content-Length", "Transfer-Encoding")) for header in headers):
        head.append(f"Content-Length: {len(body)}")
    connection.sendall("\r\n".join([*head, "Connection: close", "", ""]).encode() + body)


def reset(connection: Socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def dripped(connection: Socket, body: bytes) -> None:
    """The whole answer, a byte at a time, for longer than anybody waits."""
    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode())
    for byte in body:
        connection.sendall(bytes([byte]))
        time.sleep(0.25)


#: what is wrong with an answer; ``body`` is the right one
FAULTS: dict[str, Callable[[Socket, bytes], None]] = {
    "429": lambda c, _: sent(c, b"{}", "429 Too Many Requests", "Retry-After: 0.05"),
    "429 for no time": lambda c, _: sent(c, b"{}", "429 Slow", "Retry-After: Wed, 99 Foo"),
    "500": lambda c, _: sent(c, b'{"error": {"message": "oops"}}', "500 Oops"),
    "502 with a page": lambda c, _: sent(c, b"<html>\xff\xfe</html>", "502 Bad Gateway"),
    "503": lambda c, _: sent(c, b"", "503 Busy"),
    "hang": lambda c, _: time.sleep(4),
    "drip": dripped,
    "reset": lambda c, _: reset(c),
    "closed": lambda c, _: c.close(),
    "reset in the middle": lambda c, b: (
        sent(c, b[: len(b) // 2], "200 OK", f"Content-Length: {len(b)}"), reset(c)
    )[0],
    "truncated": lambda c, b: sent(c, b[:-9], "200 OK", f"Content-Length: {len(b)}"),
    "truncated JSON": lambda c, b: sent(c, b[:-9]),
    "no JSON": lambda c, _: sent(c, b"<html>"),
    "empty": lambda c, _: sent(c, b""),
    "nested": lambda c, _: sent(c, b"[" * 100_000),
    "not UTF-8": lambda c, b: sent(c, b.replace(b'"text"', b'"te\xff\xfext"')),
    "torn chunks": lambda c, b: sent(c, b"5\r\n" + b[:3], "200 OK", "Transfer-Encoding: chunked"),
    "no HTTP": lambda c, _: c.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "null": lambda c, _: sent(c, b"null"),
    "no choices": lambda c, _: sent(c, b'{"choices": []}'),
    "choices that are none": lambda c, _: sent(c, b'{"choices": [7, null]}'),
    "text that is none": lambda c, _: sent(c, b'{"choices": [{"text": 7}]}'),
}  # fmt: skip
#: what is wrong with log-probabilities
SHAPES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "none": lambda c: c.pop("logprobs"),
    "too few": lambda c: c["logprobs"]["token_logprobs"].pop(),
    "texts": lambda c: c["logprobs"].update(token_logprobs=["-1"] * 99),
    "positive": lambda c: c["logprobs"].update(
        token_logprobs=[None] + [3.5] * (len(c["logprobs"]["tokens"]) - 1)
    ),
    "objects": lambda c: c.update(logprobs=[{"logprob": -1}]),
    "of another text": lambda c: c["logprobs"].update(tokens=["x"] * len(c["logprobs"]["tokens"])),
}


DOOMED = 4


def number_of(prompt: str) -> int:
    """Which question of the run a prompt asks; -1 where it asks none."""
    found = re.findall(r"(\d+) plus 1\?|Which of (\d+)", prompt)
    return int("".join(found[-1])) if found else -1


def chosen(faults: dict[str, Any], number: int) -> Any:
    return faults[list(faults)[number // DOOMED % len(faults)]]


class Service:
    """Completions on loopback. Each question meets another fault: the first time that it is asked
    (``when`` is "once"), or every time, where its number can be divided by ``DOOMED`` ("always").
    ``shapes`` has log-probabilities go wrong instead."""

    def __init__(self, shapes: bool = False) -> None:
        self.when, self.shapes = "never", shapes
        self.asked: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: Socket) -> None:
        try:
            self._reply(connection, *self._read(connection))
        except (IndexError, OSError, ValueError):
            pass  # whoever asked is gone
        finally:
            connection.close()

    def _read(self, connection: Socket) -> tuple[str, bytes]:
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536) or b"\r\n\r\n"
        head, _, body = data.partition(b"\r\n\r\n")
        length = int((re.search(rb"content-length: (\d+)", head.lower()) or [0, 0])[1])
        while len(body) < length:
            body += connection.recv(65536)
        return head.split()[1].decode(), body

    def _reply(self, connection: Socket, path: str, body: bytes) -> None:
        if not path.endswith("/completions"):
            sent(connection, b'{"object": "list", "data": [{"id": "any", "max_model_len": 900}]}')
            return
        asked = json.loads(body)
        prompts = asked["prompt"] if isinstance(asked["prompt"], list) else [asked["prompt"]]
        number = max((number_of(prompt) for prompt in prompts), default=-1)
        with self._lock:
            self.asked[str(prompts)] += 1
            first = self.asked[str(prompts)] == 1
        wrong = number >= 0 and (
            first if self.when == "once" else self.when == "always" and number % DOOMED == 0
        )
        choices = [self._choice(asked, n, prompt) for n, prompt in enumerate(prompts)]
        if wrong and self.shapes:
            for choice in choices:
                chosen(SHAPES, number)(choice)
        answer = json.dumps({"object": "text_completion", "choices": choices}).encode()
        if wrong and not self.shapes:
            chosen(FAULTS, number)(connection, answer)
        else:
            sent(connection, answer)

    def _choice(self, asked: dict[str, Any], index: int, prompt: str) -> dict[str, Any]:
        n = number_of(prompt)
        choice = {"index": index, "text": str(n + n % 2), "finish_reason": "stop"}
        if asked.get("echo"):
            tokens = re.findall(r"\s*\S+|\s+$", prompt)
            values = [None, *(-len(token) / 10 for token in tokens[1:])]
            choice["logprobs"] = {"tokens": tokens, "token_logprobs": values}
        return choice


@pytest.fixture
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    pytest.importorskip("aiohttp", reason="needs olmo-eval-providers[server]")
    made = Service(shapes=getattr(request, "param", False))
    yield made
    made.close()


def command(service: Service, task: str, results: str) -> tuple[object, ...]:
    return (
        "run", "-m", "any", "--provider", "vllm_server", "-t", task,
        "-o", f"provider.base_url={service.url}", "-o", "provider.timeout=2",
        "-o", "provider.max_retries=3", "-o", "max_concurrency=16", "--results", results,
        "--fail-if-missing", "100",
    )  # fmt: skip


def the_run(results: str) -> Run:
    (run,) = Store(results).runs()
    return run


def many(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As many questions as it takes for each fault to doom one."""
    return [
        {**row, "id": f"m{n}", "question": f"{n} plus 1?", "answer": str(n + 1)}
        for n, row in enumerate(rows * 3)
    ][: DOOMED * len(FAULTS)]


TASKS = [pytest.param(False, "sums", id="answers"), pytest.param(True, "pick", id="shapes")]


@pytest.mark.parametrize(("service", "task"), TASKS, indirect=["service"])
def test_what_fails_once_is_asked_again_and_what_fails_for_good_is_missing(
    forks: Any, bench: Any, service: Service, tables: Tables, task: str
) -> None:
    bench.edit("sums/test.jsonl", many)
    assert forks.run(*command(service, task, "unbroken")).code == 0
    expected = tables(the_run("unbroken"))

    service.when, service.asked = "once", Counter()
    once = forks.run(*command(service, task, "once")).refuse_defects()
    assert once.code == 0 and the_run("once").status == "complete", once.err
    assert tables(the_run("once")) == expected

    service.when = "always"
    doomed = forks.run(*command(service, task, "doomed")).refuse_defects()
    assert doomed.code == 0 and the_run("doomed").status == "incomplete", doomed.err
    for row in the_run("doomed").instances(task, ["question", "outcome", "values"]).to_pylist():
        number = number_of(row["question"])
        failed = number % DOOMED == 0
        faults = SHAPES if service.shapes else FAULTS
        name = [*faults][number // DOOMED % len(faults)]
        assert (row["outcome"] == "infra_failed") == failed, (name, row)
        assert all(value is None for value in row["values"].values()) == failed, (name, row)

    service.when = "never"
    mended = forks.run(*command(service, task, "doomed"))
    assert mended.code == 0 and tables(the_run("doomed")) == expected, mended.err
