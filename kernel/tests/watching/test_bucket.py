"""The ledger of a watch in an object store: each checkpoint once, whoever is killed."""

from __future__ import annotations

import shutil
import signal
import threading
from pathlib import Path

import pytest

from olmo_eval.results import presence
from olmo_eval.results.store import Store
from olmo_eval.watching.ledger import DONE, open_ledger

CHECKPOINTS = Path(__file__).parents[3] / "examples/tiny_model/checkpoints"
STORE = "s3://evals/team"

pytestmark = pytest.mark.engine


@pytest.fixture
def ledger(bench, s3):
    s3.create_bucket(Bucket="evals")

    def opened():
        return open_ledger(STORE, {"folder": "/run", "asked": "sums"})

    return opened


def test_of_many_claims_to_a_checkpoint_one_is_heard(ledger):
    first, *others = [ledger() for _ in range(6)]
    with first.alive():
        first.see("step-1", {"name": "step1", "step": 1})
        found = []
        crowd = [
            threading.Thread(target=lambda one=one: found.append(one.claim("step-1")))
            for one in (first, *others)
        ]
        for thread in crowd:
            thread.start()
        for thread in crowd:
            thread.join()
        (claim,) = [one for one in found if one is not None]

        assert first.end(claim, DONE, run_id="r")
        assert not first.end(claim, DONE, run_id="another")
        assert ledger().claim("step-1") is None
        (entry,) = ledger().entries().values()
        assert (entry.state, entry.run_id, entry.step) == (DONE, "r", 1)


def test_the_claim_of_a_silent_watch_is_free_after_a_while(ledger, monkeypatch):
    silent, other = ledger(), ledger()
    silent._presence.host = "elsewhere"
    silent.see("step-1", {"name": "step1", "step": 1})
    silent._say(ended=False)
    assert silent.claim("step-1") is not None
    assert other.claim("step-1") is None  # it has just been heard

    monkeypatch.setattr(presence, "SILENT_SECONDS", 0.0)

    claim = other.claim("step-1")
    assert claim is not None and claim.epoch == 2


def test_a_watch_is_killed_and_another_goes_on_in_the_same_store(bench, s3, monkeypatch):
    s3.create_bucket(Bucket="evals")
    monkeypatch.setenv("OLMO_EVAL_PLUGINS", str(bench.pack))
    for step in (200, 400):
        shutil.copytree(CHECKPOINTS / f"step{step}", bench.folder / f"run/step{step}")
    command = ("watch", "run", "-t", "sums", "--limit", "4", "--settle", "0", "--results", STORE)
    first = bench.start(*command, "--poll", "0.05")
    try:
        for _ in first.stderr:
            if Store(STORE).runs():
                break
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()

    done = bench.cli(*command, "--once", "--poll", "0.05")

    assert done.code == 0, done.err
    assert sorted(run.facts.step for run in Store(STORE).runs()) == [200, 400]
