"""Runs that stop when the answers so far decide: which runs they are set against, what they ask."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from olmo_eval.common.types import Instance
from olmo_eval.errors import UsageError
from olmo_eval.results.deciding import (
    ALPHA,
    AgainstOne,
    BetweenTwo,
    Decision,
    Evidence,
    known_values,
)
from olmo_eval.results.run import Run
from olmo_eval.runner.earlier import earlier_name
from olmo_eval.runner.feed import Feed, Work, selected
from olmo_eval.runner.plan import PlannedTask

if TYPE_CHECKING:
    from olmo_eval.runner.job import Job

#: instances that may be in flight, at least: as many again as are counted may be later
_AHEAD = 64


def decisions(job: Job, record: Mapping[str, Any]) -> dict[str, Decision]:
    """How each task is decided, by its name; none where the job is to ask everything.

    The chance of a wrong decision is shared out evenly among the tasks.

    Raises:
        UsageError: a task that a run set against has not, asked otherwise, or has no score of.
    """
    if not job.against:
        return {}
    alpha = ALPHA / len(job.plan.tasks)
    return {p.name: _decision(job, record, p, alpha) for p in job.plan.tasks}


def _decision(job: Job, record: Mapping[str, Any], planned: PlannedTask, alpha: float) -> Decision:
    known = [_known(run, record, planned) for run in job.against]
    binary = _is_binary(planned, known)
    evidence: Evidence = AgainstOne(known[0])
    if len(known) == 2:
        first, second = known
        shared = first.keys() & second.keys()
        gain = sum((second[name][0] - first[name][0]) * first[name][1] for name in shared)
        evidence = BetweenTwo(first, second, 1.0 if gain > 0 else -1.0)
        binary = False
    seed = planned.task.config.seed
    return Decision(evidence, binary, alpha, seed, asks_all=len(known) == 1)


def _is_binary(planned: PlannedTask, known: Sequence[Mapping[str, tuple[float, float]]]) -> bool:
    """Whether every question of the task scores 0 or 1."""
    config = planned.task.config
    one_sample = config.sampling_params.num_samples == 1
    found = {value for values in known for value, _ in values.values()}
    return config.primary().binary or (one_sample and found <= {0.0, 1.0})


def _known(
    run: Run, record: Mapping[str, Any], planned: PlannedTask
) -> dict[str, tuple[float, float]]:
    name = earlier_name(run, record, planned, "nothing can be decided against it")
    found = known_values(run, name, planned.primary_key)
    if not found:
        raise UsageError(f"{name}: run {run.run_id} has no scored question")
    return found


def verdict_of(decision: Decision, against: int, higher_is_better: bool) -> str:
    """``better than``, ``worse than``, ``like the first of``, ``like the second of``, or
    ``undecided``."""
    if not decision.sign:
        return "undecided"
    if against == 2:
        return "like the second of" if decision.sign > 0 else "like the first of"
    return "better than" if (decision.sign > 0) == higher_is_better else "worse than"


class DecidedFeed(Feed):
    """The work of one task in a random order, until it is decided."""

    def __init__(
        self, planned: PlannedTask, decision: Decision, done: Collection[str] = ()
    ) -> None:
        super().__init__(planned, done)
        self.decision = decision
        #: instances of the task, asked or not
        self.total = 0
        self._handed_out = 0
        self._arranged: list[tuple[int, str, Instance]] = []

    def prepare(self) -> None:
        """Read all instances and put them in order. May take a while; safe in a thread."""
        self.planned.task.get_fewshot()
        numbered = [(i, *pair) for i, pair in enumerate(selected(self.planned.task))]
        self.expected = self.total = len(numbered)
        self._arranged = self.decision.arrange(
            numbered, lambda one: (one[1], one[2].metadata.get("cluster"))
        )
        self.decision.settle(self._done)

    @property
    def has_room(self) -> bool:
        """Whether no more has been handed out than may be ahead of what is counted.

        Scores are counted in the order of asking; an engine that answers its shortest requests
        first would otherwise be asked everything before the first ones are in.
        """
        decision = self.decision
        if self.exhausted or decision.sign or decision.counted == decision.total:
            return True
        return self._handed_out - decision.counted < max(_AHEAD, decision.counted)

    def __iter__(self) -> Iterator[Work]:
        asked = len(self._done)
        for position, name, instance in self._arranged:
            if self.decision.sign:
                break
            self._handed_out += 1
            if name not in self._done:
                asked += 1
                yield Work(self.planned, instance, name, position)
        self._arranged = []
        self.expected = self.read = asked
        self.exhausted = True


def decision_record(feed: DecidedFeed, against: Sequence[Run]) -> dict[str, Any]:
    """What ``run.json`` keeps of a task that was to be asked until it is decided."""
    higher = feed.planned.task.config.primary().higher_is_better
    return {
        "verdict": verdict_of(feed.decision, len(against), higher),
        "against": [run.run_id for run in against],
        "asked": feed.expected,
        "questions": feed.total,
        **feed.decision.report(),
    }
