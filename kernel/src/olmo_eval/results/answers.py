"""The answers that need not be asked for, and the scores that need not be made again.

One finder for every way of using what was answered before: a run that is resumed looks in its own
journal, a new one in the tables and journals of earlier runs of the same model, a rescore or a
replay in those of one run. Two keys lead to an answer:

- its request's hash, which covers every byte that reaches the model and, for generation, how it
  samples, seed included; only answers of the same model under the same harness are looked at;
- the instance it answers (task, id, question), where one run is gone through again.

An answer comes back complete, so that a scorer that reads its usage, log-probabilities or tool
calls works the tenth time as the first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from attrs import define, frozen

from olmo_eval.common.types import Identity, LMOutput, Outcome
from olmo_eval.common.types.response import NON_FINITE
from olmo_eval.errors import DataError
from olmo_eval.results import journal
from olmo_eval.results.folder import RunFolder
from olmo_eval.results.lookup import JournalReader, KeyedRows
from olmo_eval.results.record import (
    ANSWER,
    SCORE,
    Row,
    is_unanswered,
    joined,
    row_evidence,
    row_extracted,
    row_outputs,
)
from olmo_eval.results.run import Run
from olmo_eval.results.store import TaskTables

#: how instances end that were never answered, and are asked again when the run is resumed
_ASKED_AGAIN = frozenset({"infra_failed"})
#: outcomes of a score that is made again when the run is resumed
_SCORED_AGAIN = frozenset({"infra_failed", "judge_failed", "scorer_failed"})
#: the newest runs that one task's answers are looked for in: older ones hold the same, mostly
_MOST_RUNS = 50


@frozen
class KeptScore:
    """What was made of an answer: see ``record.score_record``."""

    outcome: Outcome
    error: str | None
    extracted: Sequence[Any]
    evidence: Sequence[Mapping[str, Any]]
    scores: Mapping[str, tuple[float, ...]]
    values: Mapping[str, float | None]
    weights: Mapping[str, float]

    @classmethod
    def of_row(cls, row: Row) -> KeptScore | None:
        """The score in the row of an instance; None where it has to be made again."""
        if row["outcome"] in _SCORED_AGAIN:
            return None
        scores = {name: tuple(s) for name, s in (row["scores"] or {}).items() if s is not None}
        weights = {key: w for key, w in (row["weights"] or {}).items() if w is not None}
        return cls(
            Outcome(row["outcome"]),
            row["error"],
            row_extracted(row),
            row_evidence(row),
            scores,
            row["values"] or {},
            weights,
        )


@frozen
class KeptAnswer:
    """An answer that need not be asked for.

    - ``outputs``: complete, without what extraction and scorers made of them;
    - ``request``: what was asked, in the shape of the schema's ``request`` column;
    - ``run_id``: the run that asked; None where it is the one being resumed;
    - ``latency``: seconds that the answer took this run;
    - ``score``: what was made of it, where the same code would make the same of it now.
    """

    outputs: tuple[LMOutput, ...]
    request: Row
    run_id: str | None
    score: KeptScore | None = None
    latency: float | None = 0.0


@define
class Wanted:
    """The instance whose answer is looked for: of which task, and the hash of its request."""

    task: str
    instance_id: str
    question: str
    request_hash: str


class Finder(Protocol):
    """Where the answer of an instance may be known."""

    def find(self, wanted: Wanted) -> KeptAnswer | None: ...


class Nothing:
    """Finds nothing: every instance is asked."""

    def find(self, wanted: Wanted) -> KeptAnswer | None:
        return None


class Answers:
    """The answered requests of earlier runs, in their tables and, where a run was stopped, its
    journal. What a task's tables hold is read when the first of its requests is looked for.

    ``scoring`` gives, for each task, the digest of all that decides its scores: a row of a run with
    the same digest lends its score as well.
    """

    def __init__(
        self, runs: Callable[[], Iterable[Run]], scoring: Mapping[str, str] | None = None
    ) -> None:
        self._runs = runs
        self._scoring = scoring or {}
        self._tables: dict[str, list[_Table]] = {}

    @property
    def empty(self) -> bool:
        """Whether no request was answered."""
        names = {name for run in self._named.runs for name in run.task_names}
        return not any(self._of(name) for name in names)

    def has(self, task: str, request_hash: str) -> bool:
        """Whether a request of ``task`` was answered; the answer itself is not read."""
        return any(table.keyed.find(request_hash) is not None for table in self._of(task))

    def find(self, wanted: Wanted) -> KeptAnswer | None:
        """The answer to a request, or None; a run that cannot be read (any more) has none."""
        task, instance_id, request_hash = wanted.task, wanted.instance_id, wanted.request_hash
        for table in self._of(task):
            place = table.keyed.find(request_hash)
            if place is not None:
                try:
                    row = table.read(place)
                except (OSError, ValueError, DataError):
                    continue  # deleted or damaged since it was found
                same = table.scoring is not None and table.scoring == self._scoring.get(task)
                mine = same and row["instance_id"] == instance_id
                score = KeptScore.of_row(row) if mine else None
                return KeptAnswer(row_outputs(row), row["request"] or {}, table.run_id, score)
        return None

    @cached_property
    def _named(self) -> TaskTables:
        return TaskTables(self._runs())

    def _of(self, task: str) -> list[_Table]:
        """What may hold answers to ``task``: the tables of the task of that name, whatever its
        variant."""
        if task not in self._tables:
            found: list[_Table] = []
            runs: set[str] = set()
            for run, name in self._named.of(task):
                if run.run_id not in runs and len(runs) == _MOST_RUNS:
                    continue
                tables = list(_tables(run, name))
                found += tables
                runs |= {run.run_id for _ in tables}
            self._tables[task] = found
        return self._tables[task]


@frozen
class _Table:
    """The answers of one task of one run, found by request; ``read`` gives the row at a place."""

    run_id: str
    keyed: KeyedRows
    read: Callable[[int], Row]
    scoring: str | None


def _tables(run: Run, name: str) -> Iterator[_Table]:
    try:
        scoring = run.scoring.get(name)
    except DataError:
        return  # nobody can say what was asked
    try:
        columns = run.instances(name, run.columns_of(name, "request_hash", "outcome", "answered"))
    except (OSError, DataError):
        pass  # not finished, or not readable: nothing to reuse from its table
    else:
        rows = columns.to_pylist()
        places = [i for i, row in enumerate(rows) if _is_answer(row)]
        if places:
            keyed = KeyedRows((rows[i]["request_hash"] for i in places), places)
            yield _Table(run.run_id, keyed, run.row_reader(name), scoring)
    if "://" not in run.location and run.status != "complete":
        journaled = _Journaled(RunFolder(Path(run.location)).journal, name)
        if journaled.places:
            keyed = KeyedRows(journaled.places, list(journaled.places.values()))
            yield _Table(run.run_id, keyed, journaled.read, scoring)


def _is_answer(row: Row) -> bool:
    """Whether the model answered; in tables of schema version 1 the outcome has to tell."""
    answered = row.get("answered")
    if answered is None:
        return row["outcome"] not in ("infra_failed", "refused")
    return bool(answered) and row["outcome"] != "refused"


class _Journaled:
    """The answers of one task in the journal of a run that was stopped."""

    def __init__(self, path: Path, task: str) -> None:
        #: from the hash of a request to the place of its answer
        self.places: dict[str, int] = {}
        self._scores: dict[int, int] = {}
        self._reader = JournalReader(str(path))
        latest: dict[str, int] = {}
        for offset, _, row in journal.read(path):
            if row is None or row.get("task") != task:
                continue
            if row.get("kind") == SCORE:
                if row["instance_id"] in latest:
                    self._scores[latest[row["instance_id"]]] = offset
            elif row.get("outcome") in ("infra_failed", "refused"):
                self.places.pop(row["request_hash"], None)
            elif row.get("request_hash"):
                self.places[row["request_hash"]] = latest[row["instance_id"]] = offset

    def read(self, place: int) -> Row:
        answer = self._reader.read(place)
        score = self._scores.get(place)
        return joined(answer, None if score is None else self._reader.read(score))


class OwnAnswers:
    """The answers of a run that is resumed, whose scores are yet to be made; found by instance."""

    def __init__(self, progress: JournalProgress) -> None:
        self._places = progress.unscored
        self._readers = [JournalReader(str(path)) for path in progress.journals]

    def find(self, wanted: Wanted) -> KeptAnswer | None:
        place = self._places.get((wanted.task, wanted.instance_id))
        if place is None:
            return None
        journal, offset = place
        row = self._readers[journal].read(offset)
        if row["request_hash"] != wanted.request_hash:
            return None
        return KeptAnswer(row_outputs(row), row["request"], None, latency=row["latency"])


class FirstOf:
    """Looks in several places, one after the other."""

    def __init__(self, *finders: Finder) -> None:
        self._finders = finders

    def find(self, wanted: Wanted) -> KeptAnswer | None:
        for finder in self._finders:
            found = finder.find(wanted)
            if found is not None:
                return found
        return None


class RunAnswers:
    """The answered instances of one run, whatever their requests."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._tables: dict[str, tuple[KeyedRows, Callable[[int], Row]]] = {}

    def find(self, wanted: Wanted) -> KeptAnswer | None:
        return self.of_instance(wanted.task, wanted.instance_id, wanted.question)

    def of_instance(self, task: str, instance_id: str, question: str) -> KeptAnswer | None:
        """The answer of one instance of one of the run's tasks; None where it has none.

        Raises:
            DataError: the run's table cannot be read.
        """
        row = self.row_of(task, instance_id, question)
        if row is None:
            return None
        return KeptAnswer(row_outputs(row), row["request"] or {}, self.run.run_id)

    def row_of(self, task: str, instance_id: str, question: str) -> Row | None:
        """The whole row of an answered instance; None where it has no answer.

        Raises:
            DataError: as for ``of_instance``.
        """
        if task not in self._tables:
            self._tables[task] = self._keyed(task), self.run.row_reader(task)
        keyed, read = self._tables[task]
        place = keyed.find(_key(instance_id, question))
        return None if place is None else read(place)

    def of_question(self, instance_id: str, question: str) -> KeptAnswer | None:
        """The answer of the instance with this id and question, whatever task it was in."""
        for name in self.run.task_names:
            found = self.of_instance(name, instance_id, question)
            if found is not None:
                return found
        return None

    def _keyed(self, task: str) -> KeyedRows:
        names = self.run.columns_of(task, "instance_id", "question", "outcome", "error", "answered")
        rows = self.run.instances(task, names).to_pylist()
        kept = [(i, row) for i, row in enumerate(rows) if _has_output(row)]
        keys = (_key(row["instance_id"], row["question"] or "") for _, row in kept)
        return KeyedRows(keys, [i for i, _ in kept])


def _has_output(row: Row) -> bool:
    """Whether the model gave an output; one that refused in words did."""
    answered = row.get("answered")
    if answered is not None:  # or all that the model gave was NaN or infinite
        return bool(answered) or row["outcome"] == "scorer_failed"
    return row["outcome"] not in ("infra_failed", "refused") or row["error"] is None


def _key(instance_id: str, question: str) -> str:
    text = f"{instance_id}\0{question}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16).hexdigest()


@frozen
class JournalProgress:
    """What ``journals`` say is done: ``done`` holds the ids of finished instances by task,
    ``unscored``, by task and id, where answers stand whose score is yet to be made: in which of
    the journals, and at which byte.
    """

    journals: tuple[Path, ...]
    done: Mapping[str, set[str]]
    unscored: Mapping[tuple[str, str], tuple[int, int]]


def read_progress(
    journals: Iterable[Path], tasks: Iterable[str], see: Callable[[Row, int], None] | None = None
) -> JournalProgress:
    """What ``journals`` hold of ``tasks``, the last record of an instance counting; ``see`` is
    shown each of them, and the byte at which it stands.

    Asked again is what was never answered because something failed; scored again is what a judge, a
    scorer or a sandbox failed on.
    """
    found = JournalProgress(tuple(journals), {name: set() for name in tasks}, {})
    done = dict(found.done)
    unscored: dict[tuple[str, str], tuple[int, int]] = {}
    for number, path in enumerate(found.journals):
        for offset, _, row in journal.read(path):
            if row is None or row.get("task") not in done:
                continue
            key = row["task"], row["instance_id"]
            if see is not None:
                see(row, offset)
            if _is_final(row):
                done[key[0]].add(key[1])
                unscored.pop(key, None)
                continue
            done[key[0]].discard(key[1])
            if row.get("kind") == SCORE:
                continue  # a score that failed leaves its answer where it was found
            if row.get("outputs"):
                unscored[key] = number, offset
            else:
                unscored.pop(key, None)
    return JournalProgress(found.journals, done, unscored)


def _is_final(row: Row) -> bool:
    """Whether nothing is to be done again for the instance of this record."""
    if row.get("kind") == ANSWER and not is_unanswered(row):
        return False
    if (row.get("error") or "").startswith(NON_FINITE):
        return True  # asking or scoring again would give the same
    failed = _SCORED_AGAIN if row.get("outputs") or row.get("kind") == SCORE else _ASKED_AGAIN
    return row["outcome"] not in failed


def runs_to_reuse(
    runs: Sequence[Run], record: Mapping[str, Any], *, by_name: bool = False
) -> list[Run]:
    """The runs whose answers can stand for those of the run that ``record`` describes, newest
    first.

    Where its model is known by name alone, a name does not say which weights answered: then only
    runs of the same command count, whose scoring may differ, unless ``by_name`` says otherwise.
    """
    named = Identity.of(record["model"]) in (Identity.NAME, Identity.SERVICE)
    strict = named and not by_name
    key = "ask_key" if strict else "reuse_key"
    return [
        run
        for run in reversed(runs)
        if getattr(run.facts, key) == record[key] and run.run_id != record.get("run_id")
    ]
