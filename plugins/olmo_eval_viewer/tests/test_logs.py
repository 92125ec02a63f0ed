"""Logs of other programs, looked at without importing them first."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from olmo_eval.errors import UsageError
from olmo_eval.results import Store
from olmo_eval_viewer import command
from olmo_eval_viewer.desk import Desk
from olmo_eval_viewer.logs import opened, split
from olmo_eval_viewer.server import Viewer

LOGS = Path(__file__).resolve().parents[2] / "olmo_eval_formats/tests/logs"


def test_logs_are_told_from_runs(store: str) -> None:
    run = Store(store).runs()[0]
    log = str(LOGS / "lm_eval/step200")

    assert split([run.location, run.run_id, log]) == ([run.location, run.run_id], [Path(log)])


def test_two_logs_are_compared_and_gone_afterwards() -> None:
    pytest.importorskip("olmo_eval_formats")
    logs = [LOGS / "lm_eval/step200", LOGS / "lm_eval/step1000"]
    with opened(logs, "results", alone=True) as (place, runs):
        assert len(runs) == 2 and Path(place).is_dir()
        start = command._start(Desk(place), [run.location for run in runs], logs=True)
        assert start == f"/compare?a={runs[0].run_id}&b={runs[1].run_id}"
    assert not Path(place).exists()


def test_a_log_opens_beside_the_runs_of_a_store(store: str) -> None:
    pytest.importorskip("olmo_eval_formats")
    with opened([LOGS / "inspect/letters.eval"], store, alone=False) as (place, runs):
        assert place == store
        desk = Desk(place)
        desk.open(runs[0].location)
        assert desk.run(runs[0].run_id).model == "mockllm/model"


def test_the_command_opens_one_log_at_its_task(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("olmo_eval_formats")
    made: list[Viewer] = []
    monkeypatch.setattr(Viewer, "serve", lambda viewer: made.append(viewer))
    log = str(LOGS / "inspect/letters.eval")

    found = CliRunner().invoke(command.view, [log, "--no-browser"], catch_exceptions=False)

    assert "letters.eval at http://127.0.0.1:" in found.output
    assert "/task?run=" in found.output and "task=letters" in found.output
    assert made[0].pen is None  # notes would be gone with the runs


def test_what_is_no_log_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("nothing")
    with (
        pytest.raises(UsageError, match="no log that an importer"),
        opened([tmp_path / "x.txt"], "results", alone=True),
    ):
        pass
