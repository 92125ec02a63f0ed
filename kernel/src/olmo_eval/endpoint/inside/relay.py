"""A way to a model's endpoint out of an environment without a network. Standard library alone.

``python3 relay.py SOCKET -- PROGRAM ...`` runs a program beside a server on loopback, whose address
is in its variable ``OPENAI_BASE_URL``. The server keeps each request until somebody outside, who
can run commands in here and nothing else, has fetched it and brought its answer (``exchange.py``).
That goes by a socket file, since commands that share no network share files. Any Python from 3.8 on
will do.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import signal
import sys
from typing import Any

_MOST_READ = 256 << 20
_MOST_PRINTED = 32 << 10
_MOST_FETCHED = 16


class Server:
    """Requests that wait for their answers."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.asked: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.numbers = itertools.count()

    async def http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the program's, for as many requests as it makes."""
        try:
            while True:
                request = await read_request(reader)
                if request is None:
                    return
                number = next(self.numbers)
                self.answers[number] = asyncio.get_running_loop().create_future()
                await self.asked.put(dict(request, number=number))
                answer = await self.answers[number]
                writer.write(response(answer))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, ValueError):
            return
        finally:
            writer.close()

    async def exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Somebody outside brings answers, and takes the next requests along."""
        try:
            seconds = float(await reader.readline())
            async for line in reader:
                answer = json.loads(line)
                waiting = self.answers.pop(answer["number"], None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)
            for request in await self.next(seconds):
                writer.write(self.line(request))
            await writer.drain()
        finally:
            writer.close()

    async def next(self, seconds: float) -> list[dict[str, Any]]:
        """The requests that wait, or the first that comes within ``seconds``."""
        try:
            found = [await asyncio.wait_for(self.asked.get(), seconds)] if seconds else []
        except asyncio.TimeoutError:  # noqa: UP041 (another one before Python 3.11)
            return []
        while not self.asked.empty() and len(found) < _MOST_FETCHED:
            found.append(self.asked.get_nowait())
        return found

    def line(self, request: dict[str, Any]) -> bytes:
        """A request as a line; a large one, which a command may not print, is put into a file."""
        text = json.dumps(request).encode()
        if len(text) > _MOST_PRINTED:
            name = f"{self.path}.{request['number']}"
            with open(name, "wb") as file:
                file.write(text)
            text = json.dumps({"file": name}).encode()
        return text + b"\n"


async def read_request(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """A request of HTTP/1.1; None where there is no further one."""
    line = await reader.readline()
    if not line.strip():
        return None
    method, path, _ = line.decode("latin-1").split(" ", 2)
    headers: dict[str, str] = {}
    while True:
        text = (await reader.readline()).decode("latin-1").strip()
        if not text:
            break
        name, _, value = text.partition(":")
        headers[name.strip().lower()] = value.strip()
    body = await read_body(reader, headers)
    return {
        "method": method,
        "path": path,
        "headers": headers,
        "body": base64.b64encode(body).decode(),
    }


async def read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if "chunked" not in headers.get("transfer-encoding", ""):
        return await reader.readexactly(min(int(headers.get("content-length", 0)), _MOST_READ))
    parts: list[bytes] = []
    while True:
        size = int((await reader.readline()).split(b";")[0], 16)
        parts.append(await reader.readexactly(size))
        await reader.readline()
        if size == 0:
            return b"".join(parts)


def response(answer: dict[str, Any]) -> bytes:
    body = base64.b64decode(answer["body"])
    head = [
        f"HTTP/1.1 {answer['status']} OK",
        f"Content-Type: {answer['content_type']}",
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + body


async def run(path: str, argv: list[str]) -> int:
    """Serve until the program ends; its exit code."""
    server = Server(path)
    await asyncio.start_unix_server(server.exchange, path, limit=_MOST_READ)
    http = await asyncio.start_server(server.http, "127.0.0.1", 0, limit=1 << 20)
    url = f"http://127.0.0.1:{http.sockets[0].getsockname()[1]}/v1"
    env = {**os.environ, "OPENAI_BASE_URL": url, "OPENAI_API_BASE": url}
    process = await asyncio.create_subprocess_exec(*argv, env=env)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, process.terminate)
    code = await process.wait()
    return code if code >= 0 else 128 - code


def main() -> None:
    path, _, *argv = sys.argv[1:]
    if os.path.exists(path):
        os.unlink(path)
    sys.exit(asyncio.run(run(path, argv)))


if __name__ == "__main__":
    main()
