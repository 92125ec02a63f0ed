"""The outputs that a run recorded, found by instance."""

from __future__ import annotations

import hashlib

from attrs import frozen

from olmo_eval.common.types import LMOutput
from olmo_eval.results.lookup import KeyedTable, RowReader
from olmo_eval.results.record import Row, row_outputs
from olmo_eval.results.reuse import instance_file
from olmo_eval.results.store import Run

_UNANSWERED = frozenset({"infra_failed", "refused"})


@frozen
class RecordedAnswer:
    """What a run recorded of one instance: its outputs, and the request in the table's shape."""

    outputs: tuple[LMOutput, ...]
    request: Row


class RecordedOutputs:
    """The answered instances of a run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._by_id: dict[str, KeyedTable] = {}
        self._by_question: list[KeyedTable] | None = None
        self._reader = RowReader(("outputs", "request"))

    def of_instance(self, task: str, instance_id: str, question: str) -> RecordedAnswer | None:
        """The answer of one instance of one of the run's tasks; None where it has none.

        Raises:
            DataError: the run's table cannot be read.
        """
        table = self._by_id.get(task)
        if table is None:
            table = self._by_id[task] = self._table(task)
        return self._answer(table, _key(instance_id, question))

    def of_question(self, instance_id: str, question: str) -> RecordedAnswer | None:
        """The answer of the instance with this id and question, whatever task it was in."""
        if self._by_question is None:
            self._by_question = [self._table(name) for name in self.run.task_names]
        for table in self._by_question:
            found = self._answer(table, _key(instance_id, question))
            if found is not None:
                return found
        return None

    def _table(self, task: str) -> KeyedTable:
        names = ["instance_id", "outcome", "error", "question"]
        columns = self.run.instances(task, names).to_pylist()
        kept = [(i, row) for i, row in enumerate(columns) if not _unanswered(row)]
        keys = (_key(row["instance_id"], row["question"] or "") for _, row in kept)
        return KeyedTable(instance_file(self.run, task), keys, [i for i, _ in kept])

    def _answer(self, table: KeyedTable, key: str) -> RecordedAnswer | None:
        number = table.find(key)
        if number is None:
            return None
        row = self._reader.read(table.path, number)
        return RecordedAnswer(row_outputs(row), row["request"] or {})


def _unanswered(row: Row) -> bool:
    """Whether the model gave no output; one that refused in words did."""
    return row["outcome"] in _UNANSWERED and row["error"] is not None


def _key(instance_id: str, question: str) -> str:
    text = f"{instance_id}\0{question}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16).hexdigest()
