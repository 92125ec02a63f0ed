"""What an importer makes of another program's log: runs, with tasks, metrics and instances."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from olmo_eval.common.sequences import items
from olmo_eval.common.types import Response
from olmo_eval.interchange.losses import Losses


def _bounds(value: Iterable[float | None]) -> tuple[float | None, float | None]:
    low, high = (None if end is None else float(end) for end in value)
    return low, high


@frozen
class Source:
    """Where a run came from: the program that made it, its version, and the files that were read.

    ``files`` are paths; they are identified by their content.
    """

    program: str
    version: str | None
    files: tuple[str, ...] = field(converter=items)


@frozen
class ImportedMetric:
    """A metric of the log, in the words of :class:`olmo_eval.common.metrics.Metric`.

    - ``scorer``: what tells metrics of one name apart: a scorer, a filter;
    - ``higher_is_better``: None where the log does not say; it is then taken to be so, and said;
    - ``binary``, ``weighted``, ``transform``, ``bounds``: as of a metric;
    - ``reported``: the score that the log itself gives; None where it gives none. Where it is not
      what the instances make, it stands as it is, without error or interval.
    """

    name: str
    scorer: str
    higher_is_better: bool | None = None
    binary: bool = False
    weighted: bool = False
    transform: str | None = None
    bounds: tuple[float | None, float | None] = field(default=(None, None), converter=_bounds)
    reported: float | None = None

    @property
    def key(self) -> str:
        return f"{self.name}:{self.scorer}"


@frozen
class ImportedInstance:
    """One instance: everything that was asked and answered, and its numbers.

    - ``response`` has the instance, the request, the outputs (one a sample, with their
      trajectories) and each scorer's number for each output;
    - ``values`` are by metric key, None where missing; a metric that they do not name does not
      apply to the instance; ``weights`` where they are not 1;
    - ``evidence`` is what is kept beside each output's score.
    """

    response: Response
    values: Mapping[str, float | None]
    weights: Mapping[str, float] = field(factory=dict)
    evidence: Sequence[Mapping[str, Any]] = ()


@frozen
class ImportedTask:
    """One task of the log; the first of ``metrics`` stands for it.

    - ``instances`` gives its instances, one after the other, each time it is called;
    - ``inputs``: what decides its numbers, by the names that a lock has for them (``data``,
      ``fewshot``, ``sampling``, ``prompt_code``, ...): runs that differ in them are not compared;
    - ``n_expected``: how many instances there should be, where the log knows more than it has.
    """

    name: str
    metrics: tuple[ImportedMetric, ...] = field(converter=items)
    instances: Callable[[], Iterable[ImportedInstance]]
    inputs: Mapping[str, Any] = field(factory=dict)
    request_type: str = "completion"
    n_expected: int | None = None


@frozen
class ImportedRun:
    """One model's work in the log.

    ``complete`` says whether the program came to its end; ``error`` why not. ``started`` and
    ``finished`` are UTC, ISO 8601. ``settings`` of the model and ``metadata`` of the run are kept
    as they are. ``losses`` counts what of the log has no place in a run; reading ``instances``
    counts on.
    """

    model: str
    tasks: tuple[ImportedTask, ...] = field(converter=items)
    source: Source
    losses: Losses
    step: int | None = None
    group: str | None = None
    started: str | None = None
    finished: str | None = None
    complete: bool = True
    error: str | None = None
    settings: Mapping[str, Any] = field(factory=dict)
    metadata: Mapping[str, Any] = field(factory=dict)
