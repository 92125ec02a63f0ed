"""What a person sees while a run goes on: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any, Protocol, TextIO

from olmo_eval.common.figures import counted
from olmo_eval.results.redact import Redactor


class Progress(Protocol):
    """Is told how a run goes. ``score`` is the running mean of the task's primary metric."""

    def message(self, text: str) -> None: ...

    def task_started(self, name: str, expected: int | None, done: int) -> None: ...

    def advanced(self, name: str, done: int, score: float | None) -> None: ...

    def task_finished(self, name: str, done: int, score: float | None) -> None: ...

    def close(self) -> None: ...


class Silence:
    """Shows nothing."""

    def message(self, text: str) -> None:
        return

    def task_started(self, name: str, expected: int | None, done: int) -> None:
        return

    def advanced(self, name: str, done: int, score: float | None) -> None:
        return

    def task_finished(self, name: str, done: int, score: float | None) -> None:
        return

    def close(self) -> None:
        return


class Lines:
    """A line when a task starts and ends, and at most one every ``every`` seconds between.

    ``label`` stands before each line.
    """

    def __init__(self, stream: TextIO | None = None, every: float = 10.0, label: str = "") -> None:
        self._stream = stream or sys.stderr
        self._label = f"[{label}] " if label else ""
        self._clean = Redactor().text
        self._every = every
        self._next = time.monotonic() + every
        self._expected: dict[str, int | None] = {}
        self._began: dict[str, tuple[float, int]] = {}

    def message(self, text: str) -> None:
        print(self._clean(f"{self._label}{text}"), file=self._stream, flush=True)

    def task_started(self, name: str, expected: int | None, done: int) -> None:
        self._expected[name] = expected
        self._began[name] = (time.monotonic(), done)
        known = f", {done:,} already done" if done else ""
        total = "" if expected is None else counted(expected, "instance")
        self.message(f"{name}: {total or 'started'}{known}")

    def advanced(self, name: str, done: int, score: float | None) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self._every
        self.message(f"{name}: {self._state(name, done)}{_shown(score)}")

    def _state(self, name: str, done: int) -> str:
        began, before = self._began[name]
        rate = (done - before) / max(1e-9, time.monotonic() - began)
        expected = self._expected[name]
        if expected is None:
            return f"{done:,} done, {rate:,.1f}/s"
        left = (expected - done) / rate if rate > 0 else float("inf")
        share = 100 * done / max(1, expected)
        eta = f", {left:,.0f} s left" if left != float("inf") else ""
        return f"{done:,} of {expected:,} ({share:.0f}%), {rate:,.1f}/s{eta}"

    def task_finished(self, name: str, done: int, score: float | None) -> None:
        seconds = time.monotonic() - self._began[name][0]
        self.message(f"{name}: finished {done:,} in {seconds:.1f} s{_shown(score)}")

    def close(self) -> None:
        return


def _shown(score: float | None) -> str:
    return "" if score is None else f", score {score:.4f}"


class Bars:
    """One bar a task in progress, with its rate, the time left and its running score.

    ``label`` stands before each bar and message.
    """

    def __init__(self, label: str = "") -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            ProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as Rich
        from rich.text import Text

        class Rate(ProgressColumn):
            def render(self, task: Any) -> Text:
                speed = task.finished_speed or task.speed
                return Text("" if speed is None else f"{speed:,.0f}/s")

        self._rich = Rich(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            Rate(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[score]}"),
            console=Console(stderr=True),
        )
        self._clean = Redactor().text
        self._label = f"[{label}] " if label else ""
        self._rich.start()
        self._ids: dict[str, Any] = {}

    def message(self, text: str) -> None:
        text = self._clean(f"{self._label}{text}")
        self._rich.console.print(text, markup=False, highlight=False)

    def task_started(self, name: str, expected: int | None, done: int) -> None:
        label = f"{self._label}{name}".replace("[", r"\[")
        self._ids[name] = self._rich.add_task(label, total=expected, completed=done, score="")

    def advanced(self, name: str, done: int, score: float | None) -> None:
        shown = "" if score is None else f"{score:.4f}"
        self._rich.update(self._ids[name], completed=done, score=shown)

    def task_finished(self, name: str, done: int, score: float | None) -> None:
        self._rich.update(self._ids[name], total=done)
        self.advanced(name, done, score)

    def close(self) -> None:
        self._rich.stop()


def make_progress(stream: TextIO | None = None, label: str = "") -> Progress:
    """Bars where standard error is a terminal, lines elsewhere; ``label`` before each of them."""
    stream = stream or sys.stderr
    return Bars(label) if stream.isatty() else Lines(stream, label=label)
