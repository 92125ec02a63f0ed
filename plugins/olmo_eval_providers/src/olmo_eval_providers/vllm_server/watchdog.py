"""Ends a process group when the process that started it is gone, however it went.

Run as ``python watchdog.py GROUP``; standard input is a pipe from that process. The pipe closing
without the word ``done`` means that it died (``kill -9`` included), and the group is killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys


def main() -> None:
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.SIG_IGN)  # the pipe alone says when to act
    if sys.stdin.readline().strip() != "done":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(int(sys.argv[1]), signal.SIGKILL)


if __name__ == "__main__":
    main()
