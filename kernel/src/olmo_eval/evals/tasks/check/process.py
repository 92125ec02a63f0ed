"""A second Python process that reads the same tasks under another hash seed.

``hash()`` of a text and the order of a set are the same all through a process and differ from one
to the next, so only another process shows an id that is made of them.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import IO

from olmo_eval import plugins
from olmo_eval.evals.tasks.check.readings import NotRead, Reading, Sighting

#: seconds that one task's first instances may take
_PATIENCE = 120.0


class OtherProcess:
    """Reads specs elsewhere, one after another; started at the first one, ended by ``close``.

    ``reading`` returns at once: the other process reads while this one checks.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._errors: IO[str] | None = None
        self._listener: threading.Thread | None = None

    def __enter__(self) -> OtherProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def reading(self, spec: str, overrides: Sequence[str] = ()) -> Reading:
        """Ask for a spec with ``overrides``; the result gives its sightings, or raises
        ``NotRead``."""
        reason, asked = "", [spec, *overrides]
        try:
            process = self._running()
            assert process.stdin is not None
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
        except OSError as error:
            reason = f"no process could be started: {error}"

        def wait() -> Sequence[Sighting]:
            if reason:
                raise NotRead(reason)
            return self._answer(asked)

        return wait

    def _running(self) -> subprocess.Popen[str]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.close()
        self._lines = queue.SimpleQueue()
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115, closed in close()
        module = "olmo_eval.evals.tasks.check.reader"
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *loaded_plugins()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "PYTHONPATH": _path(), "PYTHONHASHSEED": _other_seed()},
            text=True,
        )
        assert self._process.stdout is not None
        forward = (self._process.stdout, self._lines)
        self._listener = threading.Thread(target=_forward, args=forward, daemon=True)
        self._listener.start()
        return self._process

    def _answer(self, asked: Sequence[str]) -> Sequence[Sighting]:
        """The answer to what was ``asked``; earlier ones that nobody waited for are passed over."""
        while True:
            try:
                line = self._lines.get(timeout=_PATIENCE)
            except queue.Empty:
                self.close()
                raise NotRead(f"no answer within {_PATIENCE:.0f} seconds") from None
            if not line:
                raise NotRead(f"the process ended{self._last_words()}")
            answer = json.loads(line)
            if answer["spec"] != asked:
                continue
            if "error" in answer:
                raise NotRead(answer["error"])
            return [Sighting(*fields) for fields in answer["seen"]]

    def _last_words(self) -> str:
        if self._process is None or self._errors is None:
            return ""
        code = self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().strip().splitlines()
        return f" with code {code}" + (f": {said[-1][:200]}" if said else "")

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._listener is not None:
                self._listener.join()
            for stream in (self._process.stdin, self._process.stdout):
                with suppress(BrokenPipeError):  # a request that it never read
                    if stream is not None:
                        stream.close()
        if self._errors is not None:
            self._errors.close()
        self._process = self._errors = self._listener = None


def _forward(lines: IO[str], into: queue.SimpleQueue[str]) -> None:
    """Every line, and an empty one at the end."""
    for line in lines:
        into.put(line)
    into.put("")


def loaded_plugins() -> list[str]:
    """What was loaded by ``--plugin``, as another process can load it."""
    asked_for = [p.module for p in plugins.manager().plugins if p.origin == "--plugin"]
    files = [getattr(module, "__file__", None) for module in asked_for]
    return [
        str(file) if file and module.__name__.startswith("olmo_eval_plugin_") else module.__name__
        for module, file in zip(asked_for, files, strict=True)
    ]


def _path() -> str:
    """Where this process finds modules, for one that starts without its script and folder."""
    return os.pathsep.join(os.path.abspath(entry) for entry in sys.path)


def _other_seed() -> str:
    return "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
