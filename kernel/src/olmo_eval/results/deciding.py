"""When the questions answered so far decide, and what is kept of a run that stopped there.

The questions are asked in a random order, and are counted in that order whatever order their
answers arrive in: a long answer arrives late, and is not right as often as a short one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from attrs import define, field, frozen

from olmo_eval.results.pairing import question_values
from olmo_eval.results.run import Run
from olmo_eval.results.statistics.stopping import MeanProcess, Sign, SignProcess

#: the chance of a wrong decision, over all tasks of a run
ALPHA = 0.05

T = TypeVar("T")


class Evidence(Protocol):
    """What a question's score says, against what other runs scored on it."""

    def informs(self, instance_id: str) -> bool:
        """Whether the question says anything at all."""

    def of(self, instance_id: str, value: float) -> float:
        """The difference that counts: its sign is what is to be decided."""


@frozen
class AgainstOne:
    """A candidate against a baseline: value minus baseline, times the baseline's weight."""

    baseline: Mapping[str, tuple[float, float]]

    def informs(self, instance_id: str) -> bool:
        return instance_id in self.baseline

    def of(self, instance_id: str, value: float) -> float:
        known, weight = self.baseline[instance_id]
        return (value - known) * weight


@frozen
class BetweenTwo:
    """Which of two runs a third is like: how far its score lies on the second's side of the middle
    between the two, sign (value - (first + second) / 2), the sign that of second - first.

    Its mean is half their difference, up or down, whatever flips by chance or drifts both ways.
    """

    first: Mapping[str, tuple[float, float]]
    second: Mapping[str, tuple[float, float]]
    direction: float

    def informs(self, instance_id: str) -> bool:
        return instance_id in self.first and instance_id in self.second

    def of(self, instance_id: str, value: float) -> float:
        (one, weight), (other, _) = self.first[instance_id], self.second[instance_id]
        return self.direction * (value - (one + other) / 2) * weight


@define
class Decision:
    """Decides one task while it is being answered.

    ``arrange`` gives the order to ask in, ``see`` takes a value in, ``sign`` says what is decided.
    Questions of one cluster are asked together and count as one item.
    """

    evidence: Evidence
    binary: bool
    alpha: float
    seed: int
    #: whether questions that say nothing are asked, too, where nothing was decided
    asks_all: bool = True
    sign: Sign = 0
    #: items in order that were counted until it was decided
    counted: int = 0
    total: int = 0
    _process: SignProcess | MeanProcess | None = None
    _order: list[list[str]] = field(factory=list)
    _values: dict[str, float | None] = field(factory=dict)
    _place: int = 0

    def arrange(self, questions: Sequence[T], facts: Callable[[T], tuple[str, Any]]) -> list[T]:
        """``questions`` in the order to ask them in; ``facts`` gives the id and cluster of one."""
        units: dict[Any, list[T]] = {}
        rest = []
        for question in questions:
            name, cluster = facts(question)
            if self.evidence.informs(name):
                units.setdefault(("alone", name) if cluster is None else cluster, []).append(
                    question
                )
            else:
                rest.append(question)
        ordered = sorted(units.items(), key=lambda item: self._rank(item[0]))
        self._order = [[facts(q)[0] for q in unit] for _, unit in ordered]
        self.total = sum(map(len, self._order))
        alone = self.binary and len(self._order) == self.total
        self._process = (
            SignProcess(self.alpha) if alone else MeanProcess(self.alpha, max(1, len(self._order)))
        )
        self._advance()
        arranged = [question for _, unit in ordered for question in unit]
        return arranged + (rest if self.asks_all else [])

    def _rank(self, key: Any) -> bytes:
        text = f"{self.seed} order {key}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text).digest()

    def see(self, instance_id: str, value: float | None) -> None:
        """A question has a score, or None where there is none to be had."""
        self._values[instance_id] = value
        self._advance()

    def settle(self, done: Iterable[str]) -> None:
        """Of those of ``done`` whose value nobody has told there is none to be had."""
        for name in done:
            self._values.setdefault(name, None)
        self._advance()

    def _advance(self) -> None:
        """Count the items whose turn it is and whose scores are all known."""
        while self._process is not None and not self.sign and self._place < len(self._order):
            unit = self._order[self._place]
            if not all(name in self._values for name in unit):
                return
            self._place += 1
            found = [(name, self._values[name]) for name in unit]
            known = [self.evidence.of(name, value) for name, value in found if value is not None]
            self.counted += len(unit)
            if known:
                self.sign = self._process.see(sum(known))

    @property
    def leaning(self) -> Sign:
        """The side that what was counted is on, decided or not."""
        return self.sign or (0 if self._process is None else self._process.leaning)

    def report(self) -> dict[str, Any]:
        """What the record keeps: how it was decided, by how many of the questions that count."""
        process = self._process
        told: dict[str, Any] = {"counted": self.counted, "of": self.total, "alpha": self.alpha}
        told["leaning"] = self.leaning
        if isinstance(process, SignProcess):
            return {
                **told,
                "method": "e-process (anytime-valid McNemar)",
                "p_value": process.p_value,
                "gains": process.gains,
                "losses": process.losses,
            }
        return {**told, "method": "asymptotic confidence sequence"}


def known_values(run: Run, task: str, key: str) -> dict[str, tuple[float, float]]:
    """The value and weight of every question of a task that has one."""
    ids, values, weights, _ = question_values(run, task, key)
    rows: Iterable[Any] = zip(ids.to_pylist(), values.tolist(), weights.tolist(), strict=True)
    return {name: (value, weight) for name, value, weight in rows if value == value}


def decided_lines(record: Mapping[str, Any]) -> list[str]:
    """What a run that was to stop when decided came to, task by task; nothing for other runs."""
    return [_sentence(name, told) for name, told in record.get("decided", {}).items()]


def decided_notes(run: Run, names: Iterable[str]) -> list[str]:
    """A warning for each task that ``run`` stopped early: tests that take n as given are too sure
    of it."""
    told = run.record.get("decided", {})
    return [
        f"{name}: run {run.run_id} stopped when it was decided against "
        f"{', '.join(found['against'])} ({_how(found)}); the p-value and the interval here take "
        "the number of questions as given, and are too sure"
        for name in names
        if (found := told.get(name)) and found["verdict"] != "undecided"
    ]


def _sentence(name: str, told: Mapping[str, Any]) -> str:
    against = " and ".join(told["against"])
    if told["verdict"] == "undecided":
        return f"{name}: not decided against {against} by all {told['of']:,} questions"
    saved = told["questions"] - told["asked"]
    return (
        f"{name}: {told['verdict']} {against}, decided by {told['counted']:,} questions in random "
        f"order ({_how(told)}); {saved:,} of {told['questions']:,} were not asked, and the score "
        "is not that of all"
    )


def _how(told: Mapping[str, Any]) -> str:
    p_value = told.get("p_value")
    return str(told["method"]) + ("" if p_value is None else f", p = {p_value:.2g} at any time")
