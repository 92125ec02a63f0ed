"""A worker of a run: the actor that holds a model and makes what no other worker makes."""

from __future__ import annotations

import platform
import threading
from collections.abc import Callable
from typing import Any

from attrs import frozen

from olmo_eval_ray.parcel import Parcel, unpacked


@frozen
class Ended:
    """How a worker ended: where the run is, or what it raised."""

    location: str | None = None
    error: str | None = None
    hint: str | None = None
    #: what kind of error of olmo-eval it is, where it is one
    kind: str | None = None


class Mailbox:
    """A run's progress, kept until somebody asks for it."""

    def __init__(self) -> None:
        self._told: list[tuple[str, tuple[Any, ...]]] = []
        self._lock = threading.Lock()

    def _tell(self, name: str, *arguments: Any) -> None:
        with self._lock:
            last = self._told[-1] if self._told else None
            if last and last[0] == name == "advanced" and last[1][0] == arguments[0]:
                self._told.pop()  # the last word about a task says it all
            self._told.append((name, arguments))

    def take(self) -> list[tuple[str, tuple[Any, ...]]]:
        """What was told since the last time."""
        with self._lock:
            told, self._told = self._told, []
        return told

    def message(self, text: str) -> None:
        self._tell("message", text)

    def task_started(self, name: str, expected: int | None, done: int) -> None:
        self._tell("task_started", name, expected, done)

    def advanced(self, name: str, done: int, score: float | None) -> None:
        self._tell("advanced", name, done, score)

    def task_finished(self, name: str, done: int, score: float | None) -> None:
        self._tell("task_finished", name, done, score)

    def close(self) -> None:
        return


class Worker:
    """The actor. ``make`` runs in one thread of it, the rest in another."""

    def __init__(self) -> None:
        self._mailbox = Mailbox()
        self._stop: Callable[[], None] | None = None
        self._stopped = 0

    def make(self, parcel: Parcel) -> Ended:
        """Take part in the run until it has its tables, or this worker is stopped."""
        from olmo_eval.errors import OlmoEvalError
        from olmo_eval.runner.evaluate import make_run
        from olmo_eval.runner.interrupt import stoppable

        try:
            with unpacked(parcel) as spec, stoppable() as self._stop:
                for _ in range(self._stopped):
                    self._stop()
                return Ended(make_run(spec, self._mailbox).location)
        except OlmoEvalError as error:
            return Ended(error=error.message, hint=error.hint, kind=type(error).__name__)
        except (Exception, KeyboardInterrupt) as error:
            return Ended(error=f"{type(error).__name__}: {error}")
        finally:
            self._stop = None

    def stop(self) -> None:
        """As Ctrl-C: the first time what is in flight is finished, the second it is dropped."""
        self._stopped += 1
        if self._stop is not None:
            self._stop()

    def told(self) -> list[tuple[str, tuple[Any, ...]]]:
        """What was told of the progress since the last time."""
        return self._mailbox.take()

    def node(self) -> str:
        """The machine that the worker is on."""
        return platform.node()
