"""``olmo-eval watch``: each checkpoint once, through kills and restarts, held, converted, gone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from olmo_eval.checkpoints.folder import CheckpointFolder
from olmo_eval.results.store import Store
from olmo_eval.watching.holding import Holder
from olmo_eval.watching.ledger import open_ledger

CHECKPOINTS = Path(__file__).parents[3] / "examples/tiny_model/checkpoints"
#: nothing in these tests is still being written when it is looked at
QUICK = ("--settle", "0", "--poll", "0.05")


@pytest.fixture
def put(bench):
    """Puts a checkpoint of the small model in the folder of a training run."""

    def put(step, name=None, source=200):
        place = bench.folder / "run" / (name or f"step{step}")
        shutil.copytree(CHECKPOINTS / f"step{source}", place)
        config = json.loads((place / "config.json").read_text())
        (place / "config.json").write_text(json.dumps({**config, "trained": step}))
        return place

    (bench.folder / "run").mkdir()
    return put


@pytest.fixture
def watch(bench):
    """``olmo-eval watch run`` on four questions, seen through to its end."""

    def watch(*options, task="sums"):
        return bench.cli(
            "watch", "run", "-t", task, *QUICK, "--once", "--limit", "4", "--json", *options
        )

    return watch


@pytest.fixture(autouse=True)
def pack_for_children(bench, monkeypatch):
    monkeypatch.setenv("OLMO_EVAL_PLUGINS", str(bench.pack))


def told(printed):
    return [json.loads(line) for line in printed.out.splitlines()]


def models(store="results"):
    return [Path(run.model).name for run in Store(store).runs()]


def test_each_is_evaluated_once_and_set_against_the_one_before(put, watch, bench):
    put(200), put(400)

    done = watch()

    assert done.code == 0, done.err
    first, second = told(done)
    assert (first["step"], second["step"]) == (200, 400)
    assert first["scores"][0]["previous"] is None
    assert second["scores"][0]["previous"]["step"] == 200
    assert second["scores"][0]["previous"]["verdict"]["difference"] == 0
    again = watch()
    assert (again.code, again.out) == (0, "")
    (run, other) = Store("results").select({"group": "run"})
    assert [run.facts.step, other.facts.step] == [200, 400]


@pytest.mark.slow
def test_a_killed_watch_goes_on(put, watch, bench):
    for step in (1, 2, 3):
        put(step)
    command = ("watch", "run", "-t", "sums", *QUICK, "--once", "--limit", "4", "--json")
    process = bench.start(*command)
    until = time.monotonic() + 60
    while time.monotonic() < until and not list(bench.folder.glob("results/watched/*/done/*")):
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()

    done = watch()

    assert done.code == 0, done.err
    assert sorted(models()) == ["step1", "step2", "step3"]
    assert len(list(bench.folder.glob("results/watched/*/done/*"))) == 3


@pytest.mark.slow
def test_several_watches_share_the_work(put, bench):
    for step in range(1, 7):
        put(step)
    command = ("watch", "run", "-t", "sums", *QUICK, "--until-step", "6", "--json")
    processes = [bench.start(*command) for _ in range(3)]
    printed = [process.communicate(timeout=200)[0] for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0]
    steps = [json.loads(line)["step"] for out in printed for line in out.splitlines()]
    assert sorted(steps) == [1, 2, 3, 4, 5, 6]
    assert len(models()) == 6


@pytest.mark.slow
def test_the_newest_alone(put, watch):
    put(1), put(2), put(3)

    done = watch("--when-behind", "skip")

    assert [one["step"] for one in told(done)] == [3]
    assert "step 1: skipped: step 3 was there already" in done.err


@pytest.fixture
def ledger(bench, watch):
    """The ledger that ``watch`` uses here, as another watch would have it."""
    watch()
    (about,) = bench.folder.glob("results/watched/*/about.json")
    found = open_ledger("results", json.loads(about.read_text()))
    assert found.key == about.parent.name
    return found


@pytest.mark.slow
@pytest.mark.parametrize("how", ["hardlink", "copy"])
def test_what_is_held_is_evaluated_though_its_trainer_removes_it(put, ledger, watch, how):
    """A watch has held what waits, and was killed; its trainer removes it before the next."""
    place = put(7)
    (one,) = CheckpointFolder(Path("run"), settle=0.0).look()
    held = Holder(Path("run"), ledger.key, how).hold(one)
    ledger.see(one.key, {"name": one.name, "step": one.progress.step})
    shutil.rmtree(place)

    done = watch("--hold", how)

    assert [one["step"] for one in told(done)] == [7]
    assert models() == ["step7"]
    assert not held.exists() and not Path("run/.olmo-eval").exists()


def test_what_was_removed_is_gone_and_that_is_said(ledger, watch):
    ledger.see("step-000000000007", {"name": "step7", "step": 7})

    done = watch()

    assert (done.code, done.out) == (0, "")
    assert "step 7: gone: it was removed before it was evaluated; --hold keeps" in done.err
    assert "gone" not in watch().err


@pytest.mark.slow
def test_a_model_is_made_of_a_checkpoint_that_has_none(put, watch, bench):
    raw = bench.folder / "run/step30/model_and_optim"
    raw.mkdir(parents=True)
    for name in ("step30/.metadata",):
        (bench.folder / "run" / name).write_bytes(b"\x80\x04N.")

    nothing = watch()
    assert "step30 is complete but holds no model in Hugging Face's format" in nothing.err
    done = watch("--convert", f"cp -r {CHECKPOINTS}/step200/. {{output}}")

    assert [one["step"] for one in told(done)] == [30]
    assert models() == ["step30"]


@pytest.mark.slow
def test_a_conversion_that_fails_is_told_and_tried_again(put, watch, bench):
    raw = bench.folder / "run/step30"
    raw.mkdir()
    (raw / ".metadata").write_bytes(b"\x80\x04N.")

    done = watch("--convert", "sh -c 'echo no space >&2; exit 3' {output}")

    assert done.code == 1
    assert "step 30: failed: the conversion of step30 failed (exit 3): no space" in done.err
    assert watch("--convert", f"cp -r {CHECKPOINTS}/step200/. {{output}}").code == 0


@pytest.mark.slow
def test_a_regression_is_said_and_runs_a_command(bench, monkeypatch):
    """The small model on its own questions: what has learned them, then what has not."""
    monkeypatch.delenv("OLMO_EVAL_PLUGINS")
    for step, source in ((1, 1000), (2, 200)):
        shutil.copytree(CHECKPOINTS / f"step{source}", bench.folder / f"run/step{step}")
    (bench.folder / "note.sh").write_text('cat > told.json; echo "$OLMO_EVAL_STEP" > step.txt\n')

    done = bench.command(
        "watch", "run", "-t", "tiny_facts", "--limit", "60", *QUICK, "--once",
        "--on-regression", "sh note.sh", env={"OLMO_EVAL_PLUGINS": ""},
    )  # fmt: skip

    assert done.code == 0, done.err
    assert "regression: tiny_facts is worse than at step 1" in done.out
    assert json.loads((bench.folder / "told.json").read_text())["regressed"] == ["tiny_facts"]
    assert (bench.folder / "step.txt").read_text() == "2\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("run", "--once"), "watch needs a task"),
        (("nowhere/at/all", "-t", "sums"), "there is no folder"),
        (("run", "-t", "smus"), "sums"),
        (("run", "-t", "sums", "--convert", "make"), "{output}"),
        (("run", "-t", "sums", "--convert", "make {model}"), "'model'"),
        (("s3://bucket/run", "-t", "sums"), "is not a folder of this machine"),
        (("run/step5", "-t", "sums"), "is a checkpoint itself"),
    ],
)
def test_what_cannot_be_is_refused_at_once(put, bench, options, said):
    put(5)

    done = bench.cli("watch", *options)

    assert done.code == 2 and said in done.err


def test_what_lies_there_is_shown_without_evaluating(put, bench):
    put(5)
    (bench.folder / "run/checkpoint-9").mkdir()
    (bench.folder / "run/checkpoint-9/config.json").write_text("{}")

    shown = bench.cli("watch", "run", "--dry-run", "--settle", "0", "--json").json

    assert [(one["name"], one["standing"], one["step"]) for one in shown] == [
        ("step5", "complete", 5),
        ("checkpoint-9", "incomplete", 9),
    ]
    assert "trainer_state.json" in shown[1]["reason"]
