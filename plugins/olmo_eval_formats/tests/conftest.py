"""A folder of its own for each test, and the commands in this process."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from olmo_eval import plugins
from olmo_eval.cli.main import main
from olmo_eval.results.store import Run, Store

LOGS = Path(__file__).parent / "logs"


@frozen
class Desk:
    """The current folder of a test, which has the store ``results``."""

    folder: Path

    def cli(self, *arguments: object) -> str:
        """What ``olmo-eval`` prints; fails where it ends with an error."""
        code, out, err = self.ended(*arguments)
        assert code == 0, err
        return out

    def ended(self, *arguments: object) -> tuple[int, str, str]:
        """How ``olmo-eval`` ends, what it prints, and what it complains of."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        code = ended.value.code
        return code if isinstance(code, int) else 0, out.getvalue(), err.getvalue()

    def take(self, *arguments: object) -> list[Run]:
        """The runs that ``results import`` makes."""
        made = json.loads(self.cli("results", "import", *arguments, "--json"))
        return [Store("results").find(one["run_id"]) for one in made]

    def values(self, run: Run) -> dict[str, Any]:
        """Every score of a run: ``task metric:scorer``."""
        return {f"{s.name} {s.metric}:{s.scorer}": s.value for s in run.scores()}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    for name in [name for name in os.environ if name.startswith("OLMO_EVAL_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    with plugins.fresh_manager():
        yield Desk(tmp_path)


@pytest.fixture
def logs() -> Path:
    """Logs that the real programs wrote."""
    return LOGS
