"""Many specs checked at once, a processor each.

Every worker is a process of its own, so that a task that ends its process, or prints, costs its own
line and nothing else.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context

from olmo_eval import plugins
from olmo_eval.errors import OlmoEvalError
from olmo_eval.evals.tasks.check.process import OtherProcess, loaded_plugins
from olmo_eval.evals.tasks.check.rows import Row, check_row, failed


def check_rows(specs: Sequence[str], sample: int, overrides: Sequence[str] = ()) -> Iterator[Row]:
    """``check_row`` of each of ``specs``, in their order; where there is one processor or one spec,
    in this process."""
    count = min(_processors(), len(specs))
    if count < 2:
        with OtherProcess() as other:
            yield from (check_row(spec, sample, other, overrides) for spec in specs)
        return
    workers = _Workers(sample, overrides)
    threads = ThreadPoolExecutor(count, thread_name_prefix="check")
    try:
        yield from threads.map(workers.check, specs)
    finally:
        threads.shutdown(wait=True, cancel_futures=True)
        workers.close()


def _processors() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Workers:
    """A worker process for each thread that asks, replaced where it has ended."""

    def __init__(self, sample: int, overrides: Sequence[str]) -> None:
        self._sample, self._overrides = sample, tuple(overrides)
        self._plugins = loaded_plugins()
        self._own = threading.local()
        self._all: list[ProcessPoolExecutor] = []

    def check(self, spec: str) -> Row:
        worker: ProcessPoolExecutor | None = getattr(self._own, "worker", None)
        if worker is None:
            worker = self._own.worker = self._new()
        try:
            return worker.submit(_check, spec, self._sample, self._overrides).result()
        except BrokenProcessPool:
            self._own.worker = None
            return failed(spec, "error", "the task's code ended the process that checked it")

    def _new(self) -> ProcessPoolExecutor:
        worker = ProcessPoolExecutor(
            1, get_context("spawn"), initializer=_begin, initargs=(self._plugins,)
        )
        self._all.append(worker)
        return worker

    def close(self) -> None:
        for worker in self._all:
            with suppress(BrokenProcessPool):
                worker.submit(_end).result()
            worker.shutdown()


# -- in a worker

_other: OtherProcess | None = None
_unloaded = ""


def _begin(targets: Sequence[str]) -> None:
    """What a task's own code prints goes nowhere; Ctrl-C is the command's business."""
    global _other, _unloaded
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    _other = OtherProcess()
    try:
        for target in targets:
            plugins.manager().load(target)
    except OlmoEvalError as error:
        _unloaded = error.message


def _check(spec: str, sample: int, overrides: Sequence[str]) -> Row:
    assert _other is not None
    if _unloaded:
        return failed(spec, "error", _unloaded)
    return check_row(spec, sample, _other, overrides)


def _end() -> None:
    if _other is not None:
        _other.close()
