"""A task's questions by what the data says of them: verdicts on parts of a comparison."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import islice
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import orjson
from attrs import frozen

from olmo_eval.results.standings import Standings
from olmo_eval.results.statistics import Verdict, adjust
from olmo_eval.results.store import Run

Adjustment = Literal["holm", "benjamini-hochberg"]
#: values of a key that make it one to divide by
_FEWEST, _MOST = 2, 60
#: characters of a value that can name a part
_LONGEST = 120
#: questions that tell by which keys all can be divided
_SEEN = 500
_ID_KEYS = frozenset({"id", "gold_idx"})


@frozen(eq=False)
class Divided:
    """The questions of a comparison divided by ``key``: for each of them which of ``values`` it
    has, -1 where it has none."""

    key: str
    values: tuple[str, ...]
    codes: npt.NDArray[np.int32]


@frozen
class Part:
    """The questions whose metadata has ``value`` under ``key``, compared on their own.

    ``verdict`` is adjusted over all parts by the key; None where no question has both scores.
    """

    key: str
    value: str
    n: int
    verdict: Verdict | None

    def to_dict(self) -> dict[str, Any]:
        verdict = None if self.verdict is None else self.verdict.to_dict()
        return {"key": self.key, "value": self.value, "n": self.n, "verdict": verdict}


def division_keys(found: Standings, a: Run) -> list[str]:
    """The keys of metadata by which the questions can be divided, as the first of them say."""
    return metadata_keys(a, found.task)


def metadata_keys(run: Run, task: str) -> list[str]:
    """``division_keys`` of the questions of one run."""
    if not run.columns_of(task, "metadata"):
        return []
    rows = [_plain(row["metadata"]) for row in islice(run.rows(task, columns=["metadata"]), _SEEN)]
    distinct: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        for key, value in row.items():
            distinct[key].add(value)
    most = min(_MOST, max(_FEWEST, len(rows) // 2))
    return [k for k, v in distinct.items() if k not in _ID_KEYS and _FEWEST <= len(v) <= most]


def divided_by(found: Standings, a: Run, b: Run, key: str) -> Divided:
    """What the metadata of each question has under ``key``, in the order of the standings.

    Raises:
        DataError: a table cannot be read.
    """
    names: dict[str, int] = {}
    table = found.table
    row_a, row_b = (np.asarray(table.column(f"row_{s}").fill_null(-1)) for s in "ab")
    of_a = metadata_values(a, found.task, key, names)
    codes = np.append(of_a, -1)[row_a]
    alone = row_a < 0
    if alone.any():
        codes[alone] = np.append(metadata_values(b, found.task_b, key, names), -1)[row_b[alone]]
    return Divided(key, tuple(names), codes)


def part_verdicts(found: Standings, divided: Divided, method: Adjustment = "holm") -> list[Part]:
    """The verdict on each part of the questions, largest part first, adjusted for their number by
    ``method``; only the largest parts, where there are very many."""
    counts = np.bincount(divided.codes[divided.codes >= 0], minlength=len(divided.values))
    order = np.argsort(-counts, kind="stable")[:_MOST].tolist()
    verdicts = [found.verdict(divided.codes == code) for code in order]
    adjusted = iter(adjust([v for v in verdicts if v is not None], method))
    return [
        Part(
            divided.key,
            divided.values[code],
            int(counts[code]),
            None if verdict is None else next(adjusted),
        )
        for code, verdict in zip(order, verdicts, strict=True)
    ]


def metadata_values(run: Run, task: str, key: str, names: dict[str, int]) -> npt.NDArray[np.int32]:
    """The number of each question's value among ``names``, to which new ones are added; -1 where
    it has none."""
    if not run.columns_of(task, "metadata"):
        return np.full(run.instances(task, ["instance_id"]).num_rows, -1, np.int32)
    column = run.instances(task, ["metadata"]).column("metadata")
    found = np.empty(len(column), np.int32)
    for i, text in enumerate(column.to_pylist()):
        value = _named((orjson.loads(text) if text else {}).get(key))
        found[i] = -1 if value is None else names.setdefault(value, len(names))
    return found


def _plain(text: str | None) -> dict[str, str]:
    """The entries of metadata that can name a part, as text."""
    found: Mapping[str, Any] = orjson.loads(text) if text else {}
    return {k: named for k, v in found.items() if (named := _named(v)) is not None}


def _named(value: Any) -> str | None:
    """A value as the name of a part; None where it is too long or no single value."""
    text = value if isinstance(value, str) else str(value)
    return text if isinstance(value, str | int | float | bool) and len(text) <= _LONGEST else None
