"""The evaluation's end of the conversation with a container's relay."""

from __future__ import annotations

import contextlib
import secrets
import socket
import struct
from collections.abc import Sequence
from typing import Any

import anyio

from olmo_eval.sandbox import SandboxError
from olmo_eval_sandboxes.inside.frames import frame, take_frame

_CHUNK = 1 << 18
_STDOUT = 1
#: what the first process of a container may say on stderr before it is cut
_MOST_STDERR = 4096


class ConnectionLost(SandboxError):
    """The container, or the way to it, is gone."""


class Channel:
    """Requests and their replies over one attached stream; any number may be under way.

    Nobody reads in the background: whoever waits for a reply reads, and hands out what it finds.
    """

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._stream.setblocking(False)
        self._packets = bytearray()
        self._frames = bytearray()
        self._stderr = bytearray()
        self._replies: dict[int, tuple[dict[str, Any], list[bytes]]] = {}
        self._nonces: dict[int, str] = {0: ""}
        self._last = 0
        self._writing = anyio.Lock()
        self._somebody_reads = False
        self._news = anyio.Event()
        self.lost = False

    async def greeting(self) -> dict[str, Any]:
        """What the relay says when it is ready.

        Raises:
            ConnectionLost: the container ended instead; with what it printed.
        """
        header, _parts = await self._reply(0)
        return header

    async def ask(
        self, request: dict[str, Any], parts: Sequence[bytes] = ()
    ) -> tuple[dict[str, Any], list[bytes]]:
        """Send a request and wait for its reply."""
        number = await self.send(request, parts)
        return await self.reply(number)

    async def send(self, request: dict[str, Any], parts: Sequence[bytes] = ()) -> int:
        """Send a request; the number that ``reply`` wants."""
        self._last += 1
        number, nonce = self._last, secrets.token_hex(8)
        self._nonces[number] = nonce
        data = memoryview(frame({**request, "id": number, "nonce": nonce}, list(parts)))
        # a frame that was begun must be finished, or nothing after it can be read
        with anyio.CancelScope(shield=True):
            async with self._writing:
                await self._write(data)
        return number

    async def reply(self, number: int) -> tuple[dict[str, Any], list[bytes]]:
        """The reply to a request.

        Raises:
            FileNotFoundError: it asked for a file that is not there. SandboxError: it could not be
                done. ConnectionLost: nobody answers any more.
        """
        header, parts = await self._reply(number)
        if "error" in header:
            if header.get("missing"):
                raise FileNotFoundError(header["error"])
            raise SandboxError(header["error"])
        return header, parts

    async def _reply(self, number: int) -> tuple[dict[str, Any], list[bytes]]:
        while number not in self._replies:
            if self._somebody_reads:
                await self._news.wait()
                continue
            self._somebody_reads = True
            try:
                await self._read()
            finally:
                self._somebody_reads = False
                news, self._news = self._news, anyio.Event()
                news.set()
        return self._replies.pop(number)

    async def _write(self, data: memoryview) -> None:
        while data:
            try:
                data = data[self._stream.send(data[:_CHUNK]) :]
            except BlockingIOError:
                await anyio.wait_writable(self._stream)
            except OSError as error:
                raise self._gone(str(error)) from error

    async def _read(self) -> None:
        await anyio.wait_readable(self._stream)
        try:
            chunk = self._stream.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            raise self._gone(str(error)) from error
        if not chunk:
            raise self._gone("its stream ended")
        self._packets += chunk
        self._unpack()

    def _unpack(self) -> None:
        while len(self._packets) >= 8:
            stream, length = struct.unpack(">BxxxI", self._packets[:8])
            if len(self._packets) < 8 + length:
                break
            into = self._frames if stream == _STDOUT else self._stderr
            into += self._packets[8 : 8 + length]
            del self._packets[: 8 + length]
        del self._stderr[:-_MOST_STDERR]
        while (found := take_frame(self._frames)) is not None:
            self._hand_out(*found)

    def _hand_out(self, header: dict[str, Any], parts: list[bytes]) -> None:
        number = header["id"]
        if self._nonces.pop(number, None) != header["nonce"]:
            raise self._gone("a reply that nobody asked for")
        self._replies[number] = header, parts

    def _gone(self, why: str) -> ConnectionLost:
        self.lost = True
        said = self._stderr.decode("utf-8", "replace").strip()
        return ConnectionLost(
            f"the container is gone: {why}" + (f"; it said: {said}" if said else "")
        )

    def close(self) -> None:
        self.lost = True
        with contextlib.suppress(OSError):
            self._stream.shutdown(socket.SHUT_RDWR)
        self._stream.close()
