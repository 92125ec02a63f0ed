"""Real runs in the real trackers, all on this machine; the later checkpoint is evaluated first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from olmo_eval.results.store import Run, Store
from olmo_eval_trackers.evaluation import Evaluation

pytestmark = pytest.mark.engine

PACKAGES = ("mlflow", "tensorboard", "trackio", "wandb")
CHECKPOINTS = Path(__file__).resolve().parents[3] / "examples/tiny_model/checkpoints"
ENDS = {"": "value", "_low": "ci_low", "_high": "ci_high", "_n": "n_scored"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where two checkpoints were evaluated, and told to every tracker."""
    for package in PACKAGES:
        pytest.importorskip(package, reason=f"needs olmo-eval-trackers[{package}]")
    place = tmp_path_factory.mktemp("tracked")
    for step in (1000, 200):
        done = run(place, step, ",".join(PACKAGES))
        assert done.returncode == 0 and "failed" not in done.stderr, done.stderr
        assert "wandb" not in done.stdout and "Trackio" not in done.stdout
    return place


def run(place: Path, step: int, names: str, **env: str) -> subprocess.CompletedProcess[str]:
    settings = {
        "OLMO_EVAL_TRACKERS": names,
        "OLMO_EVAL_RESULTS": str(place / "results"),
        "WANDB_MODE": "offline",
        "WANDB_DIR": str(place),
        "WANDB_RUN_ID": "the-training",  # which is not to be written to
        "MLFLOW_TRACKING_URI": f"sqlite:///{place}/mlflow.db",
        "TENSORBOARD_LOGGING_DIR": str(place / "tensorboard"),
        "TRACKIO_DIR": str(place / "trackio"),
    }
    model = str(CHECKPOINTS / f"step{step}")
    command = [sys.executable, "-m", "olmo_eval", "run", "-m", model, "-t", "tiny", "--limit", "20"]
    return subprocess.run(
        [*command, "--group", "demo"],
        cwd=place,
        env={**os.environ, **settings, **env},
        capture_output=True,
        text=True,
    )


def runs(place: Path) -> list[Run]:
    return Store(str(place / "results")).runs()


def expected(place: Path) -> dict[str, dict[int, float]]:
    """The value of every name at each step, as the store has it."""
    found: dict[str, dict[int, float]] = {}
    for run in runs(place):
        for score in run.scores():
            for suffix, field in ENDS.items():
                name = f"eval/{score.name}/{score.metric}{suffix}"
                if (value := getattr(score, field)) is not None:
                    found.setdefault(name, {})[run.record["model"]["step"]] = value
    assert found["eval/tiny_sums/accuracy"] == {200: 0.0, 1000: 1.0}
    return found


def test_mlflow_has_a_curve_over_steps(folder: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("olmo-eval")
    (curve,) = client.search_runs([experiment.experiment_id])

    assert (curve.info.run_name, curve.info.status) == ("demo", "FINISHED")
    for name, points in expected(folder).items():
        history = client.get_metric_history(curve.info.run_id, name)
        assert {point.step: point.value for point in history} == pytest.approx(points)


def test_tensorboard_keeps_a_checkpoint_that_comes_late(folder: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard/demo"))
    events.Reload()

    for name, points in expected(folder).items():
        found = {event.step: event.value for event in events.Scalars(name)}
        assert found == pytest.approx(points, rel=1e-6)


def test_trackio_has_a_curve_over_steps(folder: Path) -> None:
    code = (
        "import json; from trackio.sqlite_storage import SQLiteStorage as S; "
        "print(json.dumps(S.get_logs('olmo-eval', 'demo')))"
    )
    env = {**os.environ, "TRACKIO_DIR": str(folder / "trackio")}
    told = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    rows = json.loads(told.stdout)
    for name, points in expected(folder).items():
        assert {row["step"]: row[name] for row in rows} == pytest.approx(points)


def test_wandb_has_a_run_a_checkpoint_with_an_axis_of_its_own(folder: Path) -> None:
    named = {run.run_id: run.record["model"]["step"] for run in runs(folder)}
    values: dict[str, dict[int, float]] = {}
    for file in folder.glob("wandb/offline-run-*/*.wandb"):
        records = list(wandb_records(file))
        (made,) = [r.run for r in records if r.WhichOneof("record_type") == "run"]
        assert (made.run_group, made.project, made.job_type) == ("demo", "olmo-eval", "eval")
        axes = {
            r.metric.glob_name: r.metric.step_metric
            for r in records
            if r.WhichOneof("record_type") == "metric" and r.metric.glob_name
        }
        assert axes == {"eval/*": "eval/checkpoint_step"}
        (row,) = [r.history for r in records if r.WhichOneof("record_type") == "history"]
        found = {"/".join(i.nested_key) or i.key: json.loads(i.value_json) for i in row.item}
        step = named.pop(made.run_id)
        assert found.pop("eval/checkpoint_step") == step and row.step.num == 0
        for name, value in found.items():
            if name.startswith("eval/"):
                values.setdefault(name, {})[step] = value
    assert named == {} and values == expected(folder)


def test_a_tracker_that_cannot_be_reached_is_named(folder: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("")

    done = run(tmp_path, 200, "tensorboard,trackio", TENSORBOARD_LOGGING_DIR=str(blocked / "below"))

    assert done.returncode == 0
    assert "the scores are not in tensorboard: " in done.stderr
    assert "trackio: " not in done.stderr and (tmp_path / "trackio/olmo-eval.db").exists()
    assert runs(tmp_path)[0].status == "complete"


def test_mlflow_logs_to_the_run_that_is_named(folder: Path, monkeypatch: Any) -> None:
    import mlflow

    from olmo_eval_trackers import mlflow_tracker

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/other.db")
    client = mlflow.MlflowClient()
    training = client.create_run(client.create_experiment("training")).info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", training)

    for run in runs(folder):
        mlflow_tracker.log(Evaluation.of(run.record, run.scores(), run.location))

    points = client.get_metric_history(training, "eval/tiny_sums/accuracy")
    assert {p.step: p.value for p in points} == {200: 0.0, 1000: 1.0}
    assert client.get_run(training).info.status == "RUNNING"


def test_wandb_leaves_the_run_of_the_same_process_alone(tmp_path: Path, monkeypatch: Any) -> None:
    import wandb

    from olmo_eval_trackers import wandb_tracker

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    training = wandb.init(id="training", settings=wandb.Settings(quiet=True, console="off"))
    training.log({"loss": 2.0}, step=5000)

    record = {"run_id": "r1", "group": "demo", "model": {"name": "m", "step": 1000}}
    wandb_tracker.log(Evaluation.of(record, [], "r"))

    assert wandb.run is training
    training.log({"loss": 1.0}, step=6000)
    training.finish()
    (file,) = tmp_path.glob("wandb/offline-run-*/run-training.wandb")
    rows = [r.history for r in wandb_records(file) if r.WhichOneof("record_type") == "history"]
    assert [row.step.num for row in rows] == [5000, 6000]
    assert len(list(tmp_path.glob("wandb/offline-run-*/run-r1.wandb"))) == 1


def wandb_records(file: Path) -> Iterator[Any]:
    """The records of an offline run: a log of LevelDB's format behind a header of 7 bytes, in
    blocks of 32 KiB; a chunk has a checksum, a length and a type, of which 1 and 4 end a record."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, parts = file.read_bytes(), 7, b""
    while at + 7 <= len(data):
        left = 32768 - at % 32768
        if left < 7:
            at += left
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        parts += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            yield Record.FromString(parts)
            parts = b""
