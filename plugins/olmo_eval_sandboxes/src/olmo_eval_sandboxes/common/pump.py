"""Bytes between the socket that a channel uses and a connection of another kind."""

from __future__ import annotations

import contextlib
import select
import socket
import struct

from olmo_eval_sandboxes.inside.frames import EMPTY, frame_size

STDOUT, STDERR = 1, 2
CHUNK = 1 << 18


class Pair:
    """Two sockets: a channel has ``theirs``, and a pump moves bytes between ``ours`` and the relay.

    The pump takes what the channel sends in whole frames, so that empty ones may go between them,
    and gives it what the relay printed in the frames that ``Container`` tells of.
    """

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self._received = bytearray()

    @property
    def unfinished(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._received)

    def take(self, seconds: float) -> bytes | None:
        """What the channel has sent: whole frames, an empty one where it was silent for so long.

        None: it has gone.
        """
        poll = select.poll()
        poll.register(self.ours, select.POLLIN)
        while poll.poll(seconds * 1000):
            if not self.receive():
                return None
            if frames := self.frames():
                return frames
        return b"" if self.unfinished else EMPTY

    def receive(self) -> bool:
        """Read what the channel has sent; False where it has gone."""
        try:
            data = self.ours.recv(CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._received += data
        return bool(data)

    def frames(self) -> bytes:
        """The whole frames of what was received, which are taken out of it."""
        whole = bytearray()
        while (size := frame_size(self._received)) is not None and size <= len(self._received):
            whole += self._received[:size]
            del self._received[:size]
        return bytes(whole)

    def give(self, stream: int, data: bytes) -> bool:
        """Hand the channel what the relay printed; False where it has gone."""
        try:
            self.ours.sendall(packet(stream, data))
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Tell the channel that nothing more comes."""
        with contextlib.suppress(OSError):
            self.ours.shutdown(socket.SHUT_RDWR)
        self.ours.close()


def packet(stream: int, data: bytes) -> bytes:
    """A piece of a stream, as Docker's attach protocol frames it."""
    return struct.pack(">BxxxI", stream, len(data)) + data
