"""The health of a run: what may be wrong with it though its score looks like any other.

Everything is counted in one pass over a task's rows, with 40 bytes an instance in memory.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import frozen

Mask = npt.NDArray[np.bool_]
Row = Mapping[str, Any]

#: what a provider writes into an output's metadata where a prompt did not fit the model
TRUNCATED_PROMPT = "truncated_prompt_tokens"
#: answers of at most this many tokens that end at their limit are meant to (a letter, a number)
_SHORT = 8
#: instances from which on a most frequent answer and a median latency say something
_ENOUGH = 20
#: a question is open where no answer is right in this share of the instances; how far the most
#: frequent answer may go on the way from its expected share to 1, there and elsewhere
_OPEN, _OFTEN, _NEARLY_ALWAYS = 0.1, 0.5, 0.9
#: an instance is slow that takes this many medians, and more than this many seconds
_SLOW, _SLOW_SECONDS = 10.0, 1.0
#: stands for "nothing" among hashes, of which none is -1
_NOTHING = -1


@frozen
class Measure:
    """One thing that may be wrong: unusual where more than ``share`` of a task's instances have it,
    and at least ``least`` of them.
    """

    name: str
    words: str
    share: float = 0.0
    least: int = 2
    #: whether the share is one of the answered instances, or of all
    of_answered: bool = True


MEASURES = (
    Measure("non_finite", "NaN or infinite numbers", least=1),
    Measure("missing", "instances without a score", least=1, of_answered=False),
    Measure("refused", "refused", 0.01, of_answered=False),
    Measure("empty", "empty answers", 0.05),
    Measure("cut", "answers cut at the token limit", 0.10),
    Measure("extraction_failed", "answers in which nothing was found", 0.10),
    Measure("identical", "the same answer again and again", least=_ENOUGH),
    Measure("identical_prompts", "the same prompt for different questions", 0.01),
    Measure("ties", "ties between the likeliest choices", 0.05),
    Measure("prompt_cut", "prompts cut on the left", 0.01),
    Measure("slow", "slower than ten times the median", 0.01, of_answered=False),
)
NAMES = tuple(measure.name for measure in MEASURES)
#: those that a row tells by itself, with the bit that stands for each
_BITS = {
    name: 1 << i
    for i, name in enumerate((
        "non_finite", "missing", "refused", "empty", "cut", "extraction_failed", "ties",
        "prompt_cut", "answered",
    ))
}  # fmt: skip


@frozen
class TaskHealth:
    """What was counted of one task, by the names of ``MEASURES``, and which counts are unusual."""

    instances: int
    answered: int
    counts: Mapping[str, int]
    unusual: tuple[str, ...] = ()

    def of(self, measure: Measure) -> int:
        """The number of instances that a count of ``measure`` is out of."""
        return self.answered if measure.of_answered else self.instances

    def share_in_words(self, measure: Measure) -> str:
        return f"{self.counts.get(measure.name, 0):,} of {self.of(measure):,}"

    @property
    def diverged(self) -> bool:
        """Whether every answer of the model was NaN or infinite."""
        lost = self.counts.get("non_finite", 0)
        return lost > 0 and lost == self.answered

    def to_dict(self) -> dict[str, Any]:
        counts = {name: n for name, n in self.counts.items() if n}
        plain = {"instances": self.instances, "answered": self.answered, **counts}
        return {**plain, "unusual": list(self.unusual)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TaskHealth:
        counts = {name: int(data[name]) for name in NAMES if name in data}
        return cls(data["instances"], data["answered"], counts, tuple(data["unusual"]))


def health_of(record: Mapping[str, Any]) -> dict[str, TaskHealth]:
    """The health of each task of a ``run.json``; of a run made before there was any, nothing."""
    entries = record.get("tasks", ())
    return {e["name"]: TaskHealth.from_dict(e["health"]) for e in entries if e.get("health")}


def divergence(record: Mapping[str, Any], tasks: Container[str] | None = None) -> str:
    """Why the model of a ``run.json`` has diverged, or "". ``tasks`` are those looked at, or None.

    It has where every answer to some task is NaN or infinite, whatever it says elsewhere: a model
    that can be used gives no such number to any question.
    """
    lost = [
        f"{name} ({health.answered:,} of {health.answered:,})"
        for name, health in health_of(record).items()
        if health.diverged and (tasks is None or name in tasks)
    ]
    if not lost:
        return ""
    return f"the model has diverged: every answer is NaN or infinite in {', '.join(lost)}"


class Tally:
    """Counts a task's health, row by row.

    ``primary`` is the key of the metric that stands for the task; ``unconditional`` says that the
    second half of the scored continuations are the choices without their question.
    """

    def __init__(self, primary: str, *, unconditional: bool = False) -> None:
        self._primary = primary
        self._unconditional = unconditional
        # imported here: who compares two runs needs the words of a run's health, not these
        from olmo_eval.common.types.request import RequestType
        from olmo_eval.common.types.response import NON_FINITE

        self._scored = frozenset(kind.value for kind in RequestType if kind.scored)
        self._non_finite = NON_FINITE
        self._flags = array("H")
        self._answers, self._golds = array("q"), array("q")
        self._prompts, self._questions = array("q"), array("q")
        self._latencies = array("f")
        self._choices = 0  # the least number of choices, 0 where there are none

    @classmethod
    def of_task(cls, entry: Mapping[str, Any]) -> Tally:
        """For the rows of a task as ``run.json`` describes it."""
        unconditional = any(metric.get("needs_unconditional") for metric in entry["metrics"])
        return cls(entry["primary"], unconditional=unconditional)

    def see(self, row: Row) -> None:
        outputs = row["outputs"] or ()
        request = row["request"] or {}
        scored = request.get("type") in self._scored
        strengths = self._strengths(outputs, request) if scored else ()
        self._flags.append(self._flagged(row, outputs, scored, strengths))
        answer = _chosen(strengths) if scored else _answer(outputs)
        self._answers.append(answer)
        if scored and answer != _NOTHING:
            self._choices = min(self._choices or len(strengths), len(strengths))
        gold = row["gold"]
        self._golds.append(_NOTHING if gold is None else hash(gold))
        # with choices, one question may be asked with several gold answers
        self._questions.append(hash(row["question"] if scored else (row["question"], gold)))
        self._prompts.append(_scored_prompt(request) if scored else _known(row["request_hash"]))
        latency = None if row.get("reused") else row.get("latency")
        self._latencies.append(math.nan if latency is None else latency)

    def _strengths(self, outputs: Sequence[Row], request: Row) -> Sequence[float]:
        """What the primary metric compares of every choice: its log-probability, normalised as
        that metric does; nothing where one is not known."""
        logprobs = [output["sum_logprob"] for output in outputs]
        if None in logprobs:
            return ()
        n = len(outputs) // 2 if self._unconditional else len(outputs)
        name = self._primary.partition(":")[0]
        if name == "acc_uncond" and self._unconditional:
            return [a - b for a, b in zip(logprobs[:n], logprobs[n:], strict=False)]
        if name == "acc_per_token":
            return [p / (o["num_tokens"] or 1) for p, o in zip(logprobs[:n], outputs, strict=False)]
        if name == "acc_per_char":
            texts = request.get("continuations") or ()
            return [p / max(1, len(t)) for p, t in zip(logprobs[:n], texts, strict=False)]
        return logprobs[:n]

    def _flagged(
        self, row: Row, outputs: Sequence[Row], scored: bool, strengths: Sequence[float]
    ) -> int:
        outcome = row["outcome"]
        if outcome == "scored":
            flags = 0
        elif outcome == "truncated":
            flags = 0 if _is_short(row, outputs) else _BITS["cut"]
        else:
            flags = _BITS.get(outcome, 0)  # refused, extraction_failed
        if (row["error"] or "").startswith(self._non_finite):
            flags |= _BITS["non_finite"] | _BITS["answered"]
        elif outcome != "refused" and (row["values"] or {}).get(self._primary) is None:
            flags |= _BITS["missing"]
        if outputs:
            flags |= _BITS["answered"]
            if not scored and all(map(_is_empty, outputs)):
                flags |= _BITS["empty"]
            for output in outputs:
                if TRUNCATED_PROMPT in (output.get("metadata") or ""):
                    flags |= _BITS["prompt_cut"]
        if len(strengths) > 1 and strengths.count(max(strengths)) > 1 and _differ(strengths, row):
            flags |= _BITS["ties"]
        return flags

    # -- what came of it

    def members(self, name: str) -> Mask:
        """For each row, in the order in which they were seen, whether it is counted as ``name``."""
        if name in _BITS:
            flags = np.frombuffer(self._flags, dtype=np.uint16)
            has: Mask = (flags & _BITS[name]) != 0
            return has
        if name == "identical":
            return _most_frequent(np.frombuffer(self._answers, dtype=np.int64))
        if name == "identical_prompts":
            return self._same_prompt()
        return self._slow()

    def _same_prompt(self) -> Mask:
        """Rows whose prompt is also that of another question."""
        prompts = np.frombuffer(self._prompts, dtype=np.int64)
        questions = np.frombuffer(self._questions, dtype=np.int64)
        order = np.lexsort((questions, prompts))
        same = prompts[order][1:] == prompts[order][:-1]
        other = questions[order][1:] != questions[order][:-1]
        shared = np.unique(prompts[order][1:][same & other])
        found: Mask = np.isin(prompts, shared[shared != _NOTHING])
        return found

    def _slow(self) -> Mask:
        seconds = np.frombuffer(self._latencies, dtype=np.float32)
        asked = seconds[~np.isnan(seconds)]
        if asked.size < _ENOUGH:
            return np.zeros(seconds.size, dtype=np.bool_)
        slow: Mask = seconds > max(_SLOW * float(np.median(asked)), _SLOW_SECONDS)
        return slow

    def _sameness(self) -> tuple[int, float]:
        """How many answers can be told apart at all, and the share of the most frequent one above
        which they are too much alike.

        The most frequent gold answer has its share too, and whoever guesses among k choices takes
        each in 1/k. Where that is little, half of the answers alike is much; where few answers are
        possible, a weak model has its favourite, and only nearly always the same one is unusual.
        """
        answers = np.frombuffer(self._answers, dtype=np.int64)
        golds = np.frombuffer(self._golds, dtype=np.int64)[answers != _NOTHING]
        expected = float(_most_frequent(golds).mean()) if golds.size else 0.0
        expected = max(expected, 1 / self._choices if self._choices else 0.0)
        way = _OFTEN if expected < _OPEN else _NEARLY_ALWAYS
        return golds.size, expected + way * (1 - expected)

    def health(self) -> TaskHealth:
        counts = {name: int(self.members(name).sum()) for name in NAMES}
        found = TaskHealth(len(self._flags), int(self.members("answered").sum()), counts)
        unusual = [m.name for m in MEASURES if self._is_unusual(m, found)]
        return TaskHealth(found.instances, found.answered, counts, tuple(unusual))

    def _is_unusual(self, measure: Measure, found: TaskHealth) -> bool:
        total, share = found.of(measure), measure.share
        if measure.name == "identical":
            total, share = self._sameness()
        count = found.counts[measure.name]
        return count >= measure.least and count > share * total


def _differ(strengths: Sequence[float], row: Row) -> bool:
    """Whether the likeliest choices are different answers: those with the same text are one."""
    best = max(strengths)
    choices = row.get("choices") or ()
    if len(choices) != len(strengths):
        return True
    return len({c.strip() for c, s in zip(choices, strengths, strict=True) if s == best}) > 1


def _is_empty(output: Row) -> bool:
    return not (output["text"] or "").strip() and not output.get("tool_calls")


def _is_short(row: Row, outputs: Sequence[Row]) -> bool:
    tokens = row["completion_tokens"]
    return tokens is not None and tokens <= _SHORT * max(1, len(outputs))


def _answer(outputs: Sequence[Row]) -> int:
    """The hash of a generated answer: what was extracted, else the text."""
    if not outputs or _is_empty(outputs[0]):
        return _NOTHING
    answer = outputs[0].get("answer")
    return hash((outputs[0]["text"] or "").strip() if answer is None else answer)


def _chosen(strengths: Sequence[float]) -> int:
    """The place of the likeliest of several choices."""
    return strengths.index(max(strengths)) if len(strengths) > 1 else _NOTHING


def _scored_prompt(request: Row) -> int:
    """The hash of what stands before the choices; of all, where nothing does."""
    before = tuple(request.get("contexts") or (request.get("prompt") or "",))
    if not any(map(str.strip, before)):
        before = (*before, *(request.get("continuations") or ()))
    return hash(before)


def _known(text: str | None) -> int:
    return _NOTHING if text is None else hash(text)


def _most_frequent(hashes: npt.NDArray[np.int64]) -> Mask:
    """Where the most frequent value stands that is not nothing; nowhere where none repeats."""
    values, counts = np.unique(hashes[hashes != _NOTHING], return_counts=True)
    if not values.size or counts.max() == 1:
        return np.zeros(hashes.size, dtype=np.bool_)
    found: Mask = hashes == values[counts.argmax()]
    return found
