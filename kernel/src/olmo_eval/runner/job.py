"""A spec as it is on this machine: what the parts of a run that make it are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from olmo_eval.harness.config import HarnessConfig
from olmo_eval.results.store import Run
from olmo_eval.runner.external import ExternalRequest
from olmo_eval.runner.plan import Plan
from olmo_eval.runner.shard import Shard
from olmo_eval.runner.spec import RunSpec


@frozen
class Job:
    """One run to make here: ``spec`` with all its names looked up. ``resolve`` makes it.

    - ``model``: what the model is called; ``harness``: with the provider chosen for it;
    - ``step`` and ``tokens``: how far the checkpoint was trained;
    - ``recorded``: the run whose outputs are scored again, instead of asking a model;
    - ``against``: the runs that decide when enough was asked;
    - ``anchor``: the run whose scores of all questions sharpen what this one says of them;
    - ``external``: the external eval that is run in place of tasks;
    - ``notes``: what was decided for whoever asked.
    """

    spec: RunSpec
    model: str
    harness: HarnessConfig
    plan: Plan
    name: str | None = None
    group: str | None = None
    step: int | None = None
    tokens: int | None = None
    recorded: Run | None = None
    against: tuple[Run, ...] = ()
    anchor: Run | None = None
    external: ExternalRequest | None = None
    notes: Mapping[str, Any] = field(factory=dict)

    @property
    def results(self) -> str:
        """The folder or URL that the run is written to."""
        return self.spec.results

    @property
    def shard(self) -> Shard | None:
        """The part of the run to make; None where it is the whole."""
        return None if self.spec.shard is None else Shard.parse(self.spec.shard)

    @property
    def reuse(self) -> bool:
        """Whether answers of earlier runs are looked for."""
        return self.spec.reuse and not self.spec.fresh
