"""The relay by itself, and the bytes between it and a channel."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from olmo_eval_sandboxes.common.pump import STDOUT, Pair, packet
from olmo_eval_sandboxes.inside import bootstrap
from olmo_eval_sandboxes.inside.frames import EMPTY, frame, frame_size, take_frame

FRAME = frame({"op": "write", "path": "x"}, [bytes(range(256))])


def relay(folder: Path, read: bool) -> subprocess.Popen[bytes]:
    """A relay that ends a second after it has heard the last word."""
    command = bootstrap.command(bootstrap.Settings((str(folder),), 30.0, silence=1.0))
    program = b""
    if read:
        command, program = bootstrap.read(command)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(program)
    process.stdin.flush()
    hello = bytearray()
    while take_frame(hello) is None:
        hello += process.stdout.read(1)
    return process


def test_a_relay_that_hears_nothing_ends(tmp_path: Path) -> None:
    with relay(tmp_path, read=False) as process:
        assert process.wait(10) == 0


def test_an_empty_frame_keeps_a_relay(tmp_path: Path) -> None:
    with relay(tmp_path, read=True) as process:
        assert process.stdin is not None and process.stdout is not None
        for _ in range(6):
            process.stdin.write(EMPTY)
            process.stdin.flush()
            time.sleep(0.25)
        process.stdin.write(frame({"id": 1, "nonce": "n", "op": "read", "path": "/nowhere"}, []))
        process.stdin.close()
        reply = bytearray(process.stdout.read())
    found = take_frame(reply)
    assert found is not None and found[0]["nonce"] == "n" and "error" in found[0]


def test_a_frame_is_taken_when_it_is_whole() -> None:
    for size in range(len(FRAME)):
        assert take_frame(bytearray(FRAME[:size])) is None
    received = bytearray(EMPTY + FRAME + EMPTY + FRAME[:9])
    found = take_frame(received)
    assert found is not None and found[1] == [bytes(range(256))]
    assert take_frame(received) is None and frame_size(bytearray(FRAME)) == len(FRAME)


def test_an_empty_frame_never_falls_into_another() -> None:
    pair = Pair()
    pair.theirs.sendall(FRAME + FRAME[:50])
    assert pair.take(5.0) == FRAME
    assert pair.take(0.0) == b""  # half a frame is there: nothing may be put after it
    pair.theirs.sendall(FRAME[50:])
    assert pair.take(5.0) == FRAME
    assert pair.take(0.0) == EMPTY
    assert pair.give(STDOUT, b"said") and pair.theirs.recv(64) == packet(STDOUT, b"said")
    pair.theirs.close()
    assert pair.take(5.0) is None and not pair.give(STDOUT, b"to nobody")
    pair.close()
