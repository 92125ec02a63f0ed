"""Real faults, injected into real runs: what they share."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from attrs import define, field

HERE = Path(__file__).parent
KERNEL = HERE.parents[1] / "kernel/tests"


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"of_kernel_{path.parent.name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_kernel, _runner = _module(KERNEL / "conftest.py"), _module(KERNEL / "runner/conftest.py")
bench, tables, site, install = _kernel.bench, _kernel.tables, _kernel.site, _kernel.install
server = _runner.server


@define
class Ended:
    """How a command ended, and what it had said."""

    code: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("error: ")]

    def refuse_defects(self) -> Ended:
        """What no fault may lead to: a traceback, or an error that calls itself a defect."""
        assert "Traceback" not in self.err and "defect" not in self.err, self.err
        assert "Traceback" not in self.out, self.out
        return self


@define
class Forks:
    """Starts ``olmo-eval`` from a process that has imported it: in a tenth of the time."""

    process: subprocess.Popen[str]
    cwd: Path
    env: dict[str, str]
    _n: int = 0
    _out: dict[int, tuple[Path, Path]] = field(factory=dict)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        told: dict[str, Any] = json.loads(self.process.stdout.readline())
        return told

    def start(self, *arguments: object, fault: dict[str, Any] | None = None, **env: str) -> int:
        self._n += 1
        out, err = (self.cwd / f".said-{self._n}.{name}" for name in ("out", "err"))
        pid = self._ask(
            {
                "start": [*map(str, arguments)], "cwd": str(self.cwd), "env": {**self.env, **env},
                "out": str(out), "err": str(err), "fault": fault,
            }
        )["pid"]  # fmt: skip
        self._out[pid] = out, err
        return int(pid)

    def wait(self, pid: int) -> Ended:
        code = self._ask({"wait": pid})["code"]
        out, err = self._out.pop(pid)
        return Ended(code, out.read_text(errors="replace"), err.read_text(errors="replace"))

    def run(self, *arguments: object, fault: dict[str, Any] | None = None, **env: str) -> Ended:
        return self.wait(self.start(*arguments, fault=fault, **env))

    def killed(self, *arguments: object, after: float) -> Ended:
        """Kill it with signal 9 after so many seconds, or see it end before."""
        pid = self.start(*arguments)
        time.sleep(after)
        os.kill(pid, signal.SIGKILL)  # which a process that has ended, and is not waited for, takes
        return self.wait(pid)


@pytest.fixture(scope="session")
def zygote() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, str(HERE / "zygote.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        text=True,
    )
    yield process
    assert process.stdin is not None
    process.stdin.close()
    process.wait(10)


@pytest.fixture
def forks(zygote: subprocess.Popen[str], bench: Any) -> Forks:
    env = {**bench.environment, "OLMO_EVAL_PLUGINS": str(bench.pack)}
    return Forks(zygote, bench.folder, env)
