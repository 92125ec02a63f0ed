"""Scorers that compute, in worker processes: they neither block the run nor share its interpreter.

A worker imports what the scorer's module needs, plugin files included, when it is first used. One
that does not return in time is stopped by an alarm in its process; one that nothing interrupts is
ended with its process.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_process
from anyio import BrokenWorkerProcess
from attrs import evolve

from olmo_eval.common.scorers import Scorer
from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.errors import OlmoEvalError
from olmo_eval.faults import FILE_MODULE, reason
from olmo_eval.loading import file_owner, import_file
from olmo_eval.registry import Owner, owned_by
from olmo_eval.runner.timelimit import OutOfTimeError

#: seconds that a worker has beyond the limit, to start and to be stopped by its alarm
_GRACE = 30.0


class ScorerError(OlmoEvalError):
    """The scorer raised in its process, or ended it."""


class UnsentError(OlmoEvalError):
    """The scorer or the instance cannot be sent to another process."""


def cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Processes:
    """Worker processes for scorers, one a processor; started when first needed."""

    def __init__(self) -> None:
        self._limiter = anyio.CapacityLimiter(cores())

    async def score(
        self, scorer: Scorer, instance: Instance, outputs: Sequence[LMOutput], seconds: float
    ) -> tuple[float, ...]:
        """The scorer's number for each output, ``seconds`` allowed for each.

        Raises:
            UnsentError: it cannot be done in another process. ScorerError: the scorer raised, or
                ended its process. OutOfTimeError: it did not return in time.
        """
        payload = _pickled(scorer, instance, outputs)
        file = _plugin_file(scorer)
        limit = seconds * len(outputs) + _GRACE
        with _without_main():
            try:
                with anyio.fail_after(limit):
                    told = await anyio.to_process.run_sync(
                        _score, file, payload, seconds, cancellable=True, limiter=self._limiter
                    )
            except TimeoutError:
                raise OutOfTimeError(seconds) from None
            except BrokenWorkerProcess:
                raise ScorerError("ended its process") from None
        if told is None:
            raise OutOfTimeError(seconds)
        if isinstance(told, str):
            raise ScorerError(told)
        return tuple(told)


def _pickled(scorer: Scorer, instance: Instance, outputs: Sequence[LMOutput]) -> bytes:
    if type(scorer).__module__ == "__main__":
        raise UnsentError("a script is not imported by another process")
    try:
        return pickle.dumps((scorer, instance, tuple(outputs)), pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        raise UnsentError(f"it cannot be sent to another process: {reason(error)}") from error


def _plugin_file(scorer: Scorer) -> tuple[str, Owner] | None:
    """The plugin file that the scorer's class is defined in, under the module's name; None where it
    is an installed module, or one beside such a file, which the worker finds as this process does.
    """
    name = type(scorer).__module__
    if not name.startswith(FILE_MODULE):
        return None
    path = str(sys.modules[name].__file__)
    return path, evolve(file_owner(Path(path)), module=name)


_hiding = 0


@contextmanager
def _without_main() -> Iterator[None]:
    """Meanwhile the main module has no file: otherwise a new worker imports this process's main
    module, and would run a training script that calls ``evaluate`` once more."""
    global _hiding
    main: Any = sys.modules["__main__"]
    if not _hiding:
        main.__dict__["_olmo_eval_file"] = main.__dict__.pop("__file__", None)
    _hiding += 1
    try:
        yield
    finally:
        _hiding -= 1
        if not _hiding:
            path = main.__dict__.pop("_olmo_eval_file", None)
            if path is not None:
                main.__file__ = path


# -- in the worker


class _Stop(BaseException):
    """Raised by the alarm; ``except Exception`` does not keep it."""


def _ring(_number: int, _frame: Any) -> None:
    signal.setitimer(signal.ITIMER_REAL, 1.0)  # again, where the code keeps the exception
    raise _Stop


def _score(
    file: tuple[str, Owner] | None, payload: bytes, seconds: float
) -> list[float] | str | None:
    """The numbers, or what went wrong; None where the time was over. Called in the worker's main
    thread."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the run's business
    if file is not None:
        path, owner = file
        with owned_by(owner):
            import_file(Path(path), owner)
    scorer, instance, outputs = pickle.loads(payload)
    signal.signal(signal.SIGALRM, _ring)
    try:
        return [_limited(scorer, instance, output, seconds) for output in outputs]
    except _Stop:
        return None
    except BaseException as error:  # SystemExit as well: it ends this call and nothing else
        return " ".join(reason(error).split())[:500]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _limited(scorer: Scorer, instance: Instance, output: LMOutput, seconds: float) -> float:
    signal.setitimer(signal.ITIMER_REAL, min(seconds, 1e6))
    return float(scorer.score(instance, output))
