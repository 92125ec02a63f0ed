"""Trainers of nine layouts and the watches of their checkpoints, killed at random moments."""

from __future__ import annotations

import importlib.util
import os
import random
import signal
import sys
import time
from pathlib import Path

from olmo_eval.checkpoints.folder import CheckpointFolder
from olmo_eval.watching.holding import Holder, VanishedError
from olmo_eval.watching.ledger import DONE, open_ledger

TRAINERS = Path(__file__).parents[1] / "checkpoints/trainers.py"
if "trainers" not in sys.modules:  # what they pickle is found by this name
    spec = importlib.util.spec_from_file_location("trainers", TRAINERS)
    sys.modules["trainers"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["trainers"])
trainers = sys.modules["trainers"]

NINE = sorted(set(trainers.FILES) - {"other"})
STEPS = range(1, 7)


class Scene:
    """A training run in a folder, the ledger of its checkpoints, and the processes around them."""

    def __init__(self, folder: Path, layout: str, how: str, keep: int | None) -> None:
        self.root, self.layout, self.how, self.keep = folder / "run", layout, how, keep
        self.results = folder / "results"
        self.log = folder / "evaluated.log"
        self.root.mkdir()

    def ledger(self):
        return open_ledger(str(self.results), {"folder": str(self.root), "how": self.how})

    def train(self) -> int:
        """A trainer that goes on after the last checkpoint that is complete."""
        trainer = trainers.Trainer(self.layout, self.root, trainers.slowly(0.0002))
        done = [s for s in STEPS if self.is_whole(s) or self.was_removed(s)]
        return trainers.in_child(
            lambda: trainer.train(range(max(done, default=0) + 1, 7), self.keep)
        )

    def is_whole(self, step: int) -> bool:
        folder = self.root / trainers.name_of(self.layout, step)
        marked = folder.with_name(f"{folder.name}-unfinished").exists()
        return not marked and trainers.contents(folder) == trainers.expected(self.layout, step)

    def was_removed(self, step: int) -> bool:
        return self.keep is not None and any(self.is_whole(s) for s in STEPS if s > step)

    def watch(self) -> int:
        return trainers.in_child(self._watch)

    def _watch(self) -> None:
        ledger = self.ledger()
        folder = CheckpointFolder(self.root, settle=0.03, confirm=0.01)
        holder = Holder(self.root, ledger.key, self.how)
        with ledger.alive():
            while True:
                for one in folder.look():
                    if not one.complete or one.model is None:
                        continue
                    try:
                        holder.hold(one)
                    except VanishedError:
                        continue
                    ledger.see(one.key, {"name": one.name, "step": one.progress.step})
                for entry in ledger.entries().values():
                    if entry.state == "seen":
                        self._evaluate(ledger, holder, entry)
                time.sleep(0.002)

    def _evaluate(self, ledger, holder, entry) -> None:
        claim = ledger.claim(entry.key)
        if claim is None:
            return
        held = holder.held(entry.key, entry.name)
        inside = self._model(entry) if held is None else held
        read = trainers.contents(inside)
        meant = self._expected(entry.step)
        if read != meant:
            wrong = sorted(n for n in meant.keys() | read.keys() if meant.get(n) != read.get(n))
            self._note(f"half {entry.step} {'live' if held is None else 'held'} {' '.join(wrong)}")
        self._note(f"read {entry.step} {claim.epoch}")
        if ledger.end(claim, DONE, run_id="r"):
            self._note(f"done {entry.step}")
        holder.release(entry.key)

    def _expected(self, step: int) -> dict[str, bytes]:
        """The files of the folder that an engine is given."""
        files = trainers.expected(self.layout, step)
        inside = next(name for name in files if name.rpartition("/")[2] == "config.json")
        place = inside.removesuffix("config.json")
        return {k.removeprefix(place): v for k, v in files.items() if k.startswith(place)}

    def _model(self, entry) -> Path:
        folder = CheckpointFolder(self.root, settle=0.0, confirm=0.0)
        return next(one.model for one in folder.look() if one.name == entry.name)

    def _note(self, line: str) -> None:
        with self.log.open("a") as file:  # one write, so lines of several watchers stay whole
            file.write(f"{line}\n")

    def noted(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


def kill(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def finish(child: int) -> None:
    _, status = os.waitpid(child, 0)
    assert status == 0, "the trainer failed"


def play(scene: Scene, kills: int, chance: random.Random, kill_trainer: bool) -> int:
    """Train and watch, killing ``kills`` processes at random moments; returns the kills."""
    killed = 0
    trainer, watchers = scene.train(), [scene.watch(), scene.watch()]
    try:
        while killed < kills:
            time.sleep(chance.uniform(0.0, 0.03))
            if kill_trainer and chance.random() < 0.5:
                if os.waitpid(trainer, os.WNOHANG)[0] == 0:
                    kill(trainer)
                    killed += 1
                else:  # it had finished
                    assert all(map(scene.is_whole, STEPS))
                trainer = scene.train()
            else:
                index = chance.randrange(2)
                kill(watchers[index])
                killed += 1
                watchers[index] = scene.watch()
        finish(trainer)
        wait_for(scene)
    finally:
        for watcher in watchers:
            kill(watcher)
    return killed


def wait_for(scene: Scene) -> None:
    """Until every checkpoint that was seen is done, and all that are complete were seen."""
    ledger, until = scene.ledger(), time.monotonic() + 30
    whole = {step for step in STEPS if scene.is_whole(step)}
    while time.monotonic() < until:
        entries = ledger.entries().values()
        if all(e.state == DONE for e in entries) and whole <= {e.step for e in entries}:
            return
        time.sleep(0.01)
    raise AssertionError(f"not done: {[(e.step, e.state) for e in ledger.entries().values()]}")


def check(scene: Scene) -> int:
    """Raise where something half-written was read or something was done twice; returns how many
    checkpoints were done."""
    noted = [line.split() for line in scene.noted()]
    half = [line for line in noted if line[0] == "half"]
    assert not half, f"something half-written was read: {half}"
    done = [line[1] for line in noted if line[0] == "done"]
    assert len(done) == len(set(done)), "a checkpoint was done twice"
    reads = [tuple(line[1:]) for line in noted if line[0] == "read"]
    assert len(reads) == len(set(reads)), "one claim was used twice"
    return len(done)


def rounds(folder: Path, layout: str, kills: int, each: int, seed: str = "") -> int:
    """``kills`` kills in training runs with ``each`` of them; every other run removes old
    checkpoints, and its watchers hold theirs. Returns how many checkpoints were done, each once.
    """
    chance, number, done = random.Random(layout + seed), 0, 0
    while kills > 0:
        number += 1
        removing = number % 2 == 0
        place = folder / str(number)
        place.mkdir(parents=True)
        keep = trainers.KEPT if removing else None
        scene = Scene(place, layout, "hardlink" if removing else "none", keep)
        kills -= play(scene, min(kills, each), chance, kill_trainer=not removing)
        done += check(scene)
        if not removing:
            states = {e.step: e.state for e in scene.ledger().entries().values()}
            assert states == dict.fromkeys(STEPS, DONE), "a checkpoint was lost"
    return done
