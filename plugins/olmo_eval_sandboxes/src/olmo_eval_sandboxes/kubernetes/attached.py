"""A command in a pod, and its streams over one WebSocket of the client.

The client's own reader buffers whole streams and decides when it looks; this one moves bytes both
ways as they come, so that neither side waits for the other. A message's first byte says whose it
is; bytes are sent as they are, in binary messages.
"""

from __future__ import annotations

import contextlib
import json
import select
import ssl
import threading
import time
from typing import Any

from olmo_eval_sandboxes.common.pump import STDERR, STDOUT, Pair, packet
from olmo_eval_sandboxes.inside.frames import EMPTY

_STDIN, _ERROR = 0, 3
#: bytes of one message, and of what may wait to be sent on either side before no more is read
_MESSAGE = 1 << 15
_WAITING = 1 << 20
_JOINED = 5.0
_MOST_STATUS = 1 << 16


class Attached:
    """A command that runs in a pod.

    ``code`` is its exit code where the cluster has told it; None where it has not, as when the
    connection was lost.
    """

    def __init__(self, client: Any, first: bytes, silence: float) -> None:
        self.pair = Pair()
        self.code: int | None = None
        self._socket = client.sock
        self._socket.settimeout(0)
        self._silence = silence
        self._spoken = time.monotonic()
        self._to_pod = bytearray(self._messages(first))
        self._to_channel = bytearray()
        self._speaker = STDOUT
        self._status = bytearray()
        self._why = ""
        self.pair.ours.setblocking(False)
        self._thread = threading.Thread(target=self._run, daemon=True, name="pod")
        self._thread.start()

    def join(self) -> None:
        """Wait until it is over."""
        self._thread.join(_JOINED)

    def _run(self) -> None:
        from websocket import WebSocketException

        try:
            while self._once():
                pass
        except (WebSocketException, OSError) as error:
            self._why = f"{type(error).__name__}: {error}"
        finally:
            self._socket.shutdown()
            self.code = exit_code(bytes(self._status))
            self._say_the_rest()
            self.pair.close()

    def _say_the_rest(self) -> None:
        """Give the channel what is left, and why nothing more comes."""
        self.pair.ours.setblocking(True)
        with contextlib.suppress(OSError):  # the channel has gone; nobody wants to hear it
            self.pair.ours.sendall(self._to_channel + packet(STDERR, self._why.encode()))

    def _once(self) -> bool:
        """Wait for something to do, and do it; False where it is over."""
        ready = self._ready()
        there, here = self._socket.sock.fileno(), self.pair.ours.fileno()
        if ready.get(here, 0) & ~select.POLLOUT and not self._hear():
            return False
        if time.monotonic() - self._spoken > self._silence and not self.pair.unfinished:
            self._say(EMPTY)
        if ready.get(here, 0) & select.POLLOUT:
            del self._to_channel[: self.pair.ours.send(self._to_channel[:_WAITING])]
        if self._to_pod:
            self._send()
        return not ready.get(there, 0) or self._receive()

    def _ready(self) -> dict[int, int]:
        poll = select.poll()
        there, here = self._socket.sock, self.pair.ours
        full = len(self._to_channel) > _WAITING
        poll.register(
            there, (0 if full else select.POLLIN) | (select.POLLOUT if self._to_pod else 0)
        )
        wanted = select.POLLIN if len(self._to_pod) < _WAITING else 0
        poll.register(here, wanted | (select.POLLOUT if self._to_channel else 0))
        left = max(0.0, self._silence - (time.monotonic() - self._spoken))
        return dict(poll.poll(left * 1000))

    def _hear(self) -> bool:
        """Take what the channel says; False where it has gone."""
        if not self.pair.receive():
            return False
        if frames := self.pair.frames():
            self._say(frames)
        return True

    def _say(self, frames: bytes) -> None:
        self._spoken = time.monotonic()
        self._to_pod += self._messages(frames)

    @staticmethod
    def _messages(data: bytes) -> bytes:
        from websocket import ABNF

        pieces = (data[i : i + _MESSAGE] for i in range(0, len(data), _MESSAGE))
        return b"".join(
            ABNF.create_frame(bytes([_STDIN]) + piece, ABNF.OPCODE_BINARY).format()
            for piece in pieces
        )

    def _send(self) -> None:
        try:
            del self._to_pod[: self._socket.sock.send(self._to_pod[:_MESSAGE])]
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return

    def _receive(self) -> bool:
        """Take every message that is there; False where the pod's side has ended.

        A read may find the half of a message; the client goes on with it at the next one.
        """
        while len(self._to_channel) <= _WAITING:
            try:
                message = self._socket.recv_frame()
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return True
            if not self._take(message):
                return False
        return True

    def _take(self, message: Any) -> bool:
        from websocket import ABNF

        if message.opcode == ABNF.OPCODE_CLOSE:
            return False
        if message.opcode == ABNF.OPCODE_PING:
            self._to_pod += ABNF.create_frame(message.data, ABNF.OPCODE_PONG).format()
        data = message.data
        if message.opcode in (ABNF.OPCODE_BINARY, ABNF.OPCODE_TEXT):
            data = data if isinstance(data, bytes) else data.encode()
            self._speaker, data = (data[0], data[1:]) if data else (self._speaker, b"")
        elif message.opcode != ABNF.OPCODE_CONT:
            return True
        if self._speaker in (STDOUT, STDERR) and data:
            self._to_channel += packet(self._speaker, data)
        elif self._speaker == _ERROR:
            self._status = (self._status + data)[:_MOST_STATUS]
        return True


def exit_code(status: bytes) -> int | None:
    """The exit code of a command that a cluster's Status tells of; None where it tells of none."""
    try:
        said = json.loads(status)
        if said["status"] == "Success":
            return 0
        causes = said["details"]["causes"]
        return next(int(one["message"]) for one in causes if one["reason"] == "ExitCode")
    except (ValueError, KeyError, TypeError, StopIteration):
        return None
