"""A bench: a folder of its own with small benchmarks, and the ways of running them."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from attrs import field, frozen

from olmo_eval import evaluate, plugins
from olmo_eval.cli.main import main
from olmo_eval.results.store import Run

PACK = Path(__file__).parent / "packs/sums.py"

#: columns that tell when and how a run was made, not what came out of it
TIMES = ("latency", "reused", "reused_from")
#: those that tell of the run
OF_RUN = ("run_id", "model", "step", "tokens", "group", "run_name")

Rows = list[dict[str, Any]]


@frozen
class Printed:
    """What a command printed, and the code it ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@frozen
class Bench:
    """The current folder of a test, with data for the tasks of ``packs/sums.py``."""

    folder: Path
    pack: Path = PACK
    environment: dict[str, str] = field(factory=dict)

    def write(self, name: str, rows: Rows) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    def read(self, name: str) -> Rows:
        return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]

    def edit(self, name: str, change: Callable[[Rows], Rows | None]) -> None:
        """Write a data file anew after ``change``, in place or to what it returns."""
        rows = self.read(name)
        changed = change(rows)
        self.write(name, rows if changed is None else changed)

    def evaluate(self, *tasks: str, model: str = "mock", **settings: Any) -> Run:
        """``evaluate``, with mock settings by name: ``skill``, ``faults``, ``latency``, ..."""
        harness = settings.pop("harness", {})
        mock: dict[str, Any] = {
            key: settings.pop(key)
            for key in ("skill", "faults", "latency", "text", "mock_seed")
            if key in settings
        }
        if "mock_seed" in mock:
            mock["seed"] = mock.pop("mock_seed")
        if mock:
            harness = {**harness, "provider": {**harness.get("provider", {}), "kwargs": mock}}
        return evaluate(model, tasks, harness=harness or "default", **settings)

    def cli(self, *arguments: object) -> Printed:
        """``olmo-eval``, in this process."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        code = ended.value.code
        return Printed(code if isinstance(code, int) else 0, out.getvalue(), err.getvalue())

    def start(self, *arguments: object, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        """``olmo-eval``, in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "olmo_eval.cli", *map(str, arguments)],
            # a script's background job ignores Ctrl-C; these processes are to receive it
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            cwd=self.folder,
            env={**self.environment, "OLMO_EVAL_PLUGINS": str(self.pack), **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def command(self, *arguments: object, env: dict[str, str] | None = None) -> Printed:
        """``start``, seen through to its end."""
        process = self.start(*arguments, env=env)
        out, err = process.communicate(timeout=120)
        return Printed(process.returncode, out, err)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Small benchmarks in a folder of their own, in empty registries."""
    for name in [name for name in os.environ if name.startswith("OLMO_EVAL_")]:
        if name != "OLMO_EVAL_CACHE":  # the S3 server's fixture has set it
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    made = Bench(tmp_path, environment=dict(os.environ))
    made.write("sums/test.jsonl", [_sum(n, page=n // 4) for n in range(40)])
    made.write("sums/train.jsonl", [_sum(n) for n in range(100, 110)])
    made.write("few/test.jsonl", [_sum(n) for n in range(200, 210)])
    made.write("pick/test.jsonl", [_pick(n) for n in range(30)])
    made.write("prose/test.jsonl", [_text(n) for n in range(20)])
    with plugins.fresh_manager([str(PACK)]):
        yield made


def _sum(n: int, **more: Any) -> dict[str, Any]:
    return {"id": f"s{n}", "question": f"{n} plus 1?", "answer": str(n + 1), **more}


def _pick(n: int) -> dict[str, Any]:
    choices = [f"{n}a", f"{n}b", f"{n}c"]
    return {"id": f"p{n}", "question": f"Which of {n}?", "choices": choices, "gold": n % 3}


def _text(n: int) -> dict[str, Any]:
    return {"id": f"t{n}", "title": f"Text {n}.", "text": " ".join(["word"] * (n % 5 + 2))}


@pytest.fixture
def tables() -> Callable[[Run], dict[str, Any]]:
    """A run's tables as rows, without the columns that tell of time and of the run."""

    def read(run: Run) -> dict[str, Any]:
        folder = Path(run.location)
        found: dict[str, Any] = {}
        for path in sorted(folder.rglob("*.parquet")):
            rows = pq.read_table(path).to_pylist()
            found[str(path.relative_to(folder))] = [
                {k: v for k, v in row.items() if k not in (*TIMES, *OF_RUN)} for row in rows
            ]
        return found

    return read


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on ``sys.path``, as site-packages is; its modules are forgotten afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delenv("OLMO_EVAL_PLUGINS", raising=False)
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(folder.parent) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def install(site: Path) -> Callable[..., None]:
    """Install a distribution of one module, as pip leaves it: the code and its metadata."""

    def install(distribution: str, module: str, code: str, version: str = "1.0") -> None:
        (site / f"{module}.py").write_text(code)
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        )
        (info / "entry_points.txt").write_text(f"[olmo_eval]\n{module} = {module}\n")

    return install
