"""One checkpoint evaluated in a process of its own: whatever an engine does, the watch goes on."""

from __future__ import annotations

import json
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from attrs import define, field, frozen

from olmo_eval.errors import OlmoEvalError
from olmo_eval.runner.spec import RunSpec

_TAIL = 20
_TERMINATE_SECONDS = 30.0


@frozen
class Evaluated:
    """The run that was made; ``problem`` where its command did not end with 0."""

    run_id: str
    location: str
    status: str
    problem: str | None = None


@define
class Evaluation:
    """``olmo-eval run`` of one spec as a child process; ``tell`` gets its lines."""

    spec: RunSpec
    command: tuple[str, ...]
    tell: Callable[[str], None]
    _process: subprocess.Popen[str] | None = None
    _tail: deque[str] = field(factory=lambda: deque(maxlen=_TAIL))
    _stopped: bool = False

    def make(self) -> Evaluated:
        """Make the run, or what is missing of it.

        Raises:
            OlmoEvalError: there is no run with scores in the end; what is finished is kept.
        """
        try:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for the watch, which ends it
                text=True, encoding="utf-8", errors="replace",
            )  # fmt: skip
        except OSError as error:
            raise OlmoEvalError(f"the evaluation cannot be started: {error.strerror}") from error
        with self._process as process:
            assert process.stdin is not None and process.stdout is not None
            listening = threading.Thread(target=self._listen, args=(process.stderr,), daemon=True)
            listening.start()
            try:
                process.stdin.write(self.spec.to_json())
                process.stdin.close()
            except BrokenPipeError:
                process.stdin = None
            document = process.stdout.read()
            code = process.wait()
            listening.join()
        return self._result(document, code)

    def stop(self) -> None:
        """End it; what is finished is kept."""
        self._stopped = True
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(_TERMINATE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()

    def _listen(self, stream: Any) -> None:
        for line in stream:
            text = line.rstrip()
            if text:
                self._tail.append(text)
                self.tell(text)

    def _result(self, document: str, code: int) -> Evaluated:
        try:
            run = json.loads(document)[0]
            made = Evaluated(str(run["run_id"]), str(run["location"]), str(run["status"]))
        except (ValueError, LookupError, TypeError):
            made = None
        said = next((t for t in reversed(self._tail) if t.startswith("error: ")), None)
        problem = said.removeprefix("error: ") if said else f"its command ended with {code}"
        if made is None or made.status not in ("complete", "incomplete", "diverged"):
            raise OlmoEvalError("stopped" if self._stopped else problem)
        return made if not code else Evaluated(made.run_id, made.location, made.status, problem)
