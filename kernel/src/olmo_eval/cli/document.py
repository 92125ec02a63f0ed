"""Standard output of ``--json``: the document and nothing else.

Plugins, tasks and engines print as they like, some of them from C or from processes of their own.
While a command makes a JSON document, all of that goes to standard error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO

_reserved: TextIO | None = None


@contextmanager
def reserved_stdout() -> Iterator[None]:
    """In the block, standard output is for ``write_document`` alone.

    The process's own standard output is not given back: what a C library still holds in its
    buffer is written when the process exits.
    """
    global _reserved
    before = _reserved
    if sys.stdout is None:  # the shell closed it (>&-)
        yield
        return
    if _is_the_process_s_own(sys.stdout):
        _open_stderr()
        _reserved = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
        sys.stdout.flush()
        os.dup2(2, 1)
        yield
        return
    _reserved = sys.stdout
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _reserved = before


def give_back_stdout() -> None:
    """End the reservation of ``reserved_stdout``, if there is one, before its block does."""
    global _reserved
    if _reserved is None:
        return
    if _is_the_process_s_own(sys.stdout):
        sys.stdout.flush()
        os.dup2(_reserved.fileno(), 1)
    else:
        sys.stdout = _reserved
    _reserved = None


def write_document(text: str) -> None:
    """Write to the standard output that was reserved, else to the ordinary one.

    Raises:
        BrokenPipeError: nobody reads it any more.
    """
    stream: TextIO | None = _reserved or sys.stdout
    if stream is not None:
        stream.write(text)
        stream.flush()


def close_broken() -> None:
    """Give up what is left to be written: its reader has gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (_reserved, sys.stdout):
        if stream is not None:
            os.dup2(nowhere, stream.fileno())


def _is_the_process_s_own(stream: TextIO) -> bool:
    try:
        return stream.fileno() == 1
    except (OSError, ValueError):
        return False


def _open_stderr() -> None:
    """Where the shell closed standard error (``2>&-``), let it lead nowhere."""
    try:
        os.fstat(2)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        sys.stderr = os.fdopen(2, "w", closefd=False)
