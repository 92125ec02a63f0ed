"""The last shipped checkpoint, loaded once, and engines on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from olmo_eval_providers.embedded.engine import Engine, Job

CHECKPOINTS = Path(__file__).parents[4] / "examples" / "tiny_model" / "checkpoints"


@pytest.fixture(scope="session")
def checkpoint() -> Path:
    """The last checkpoint of the tiny model."""
    return max(CHECKPOINTS.glob("step*"), key=lambda folder: int(folder.name[4:]))


@pytest.fixture(scope="session")
def make_engine(checkpoint: Path) -> Callable[..., Engine]:
    """Engines that share one set of weights and nothing else."""
    loaded = Engine.load(checkpoint)

    def make(**options: int) -> Engine:
        return Engine(loaded.model, loaded.tokenizer, **options)

    return make


@pytest.fixture(scope="session")
def finish() -> Callable[..., None]:
    """Runs jobs to their end, together."""

    def run(engine: Engine, *jobs: Job) -> None:
        for job in jobs:
            engine.submit(job)
        while not all(job.done for job in jobs):
            engine.work()
        for job in jobs:
            if job.error is not None:
                raise job.error

    return run
