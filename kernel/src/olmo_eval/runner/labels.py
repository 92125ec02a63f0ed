"""Answers that people have labelled, which a judge is held against: JSON Lines.

One answer a line::

    {"question": "6 * 7?", "gold": "42", "answer": "It is 42.", "label": "correct"}
    {"question": "6 * 7?", "gold": "42", "answer": "41", "labels": ["incorrect", "incorrect"]}

``label`` is a text, a number, true or false; ``labels`` holds those of several people, null where
one of them gave none. ``gold`` is the reference, or a list of accepted ones. ``id`` names the
answer (else its line does), ``cluster`` what is not independent of others (else the question is).
Every other field is metadata of the question, for scorers that read some.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.errors import DataError

Label = str | float

_FIELDS = ("id", "question", "gold", "answer", "label", "labels", "cluster")
#: problems of a file that are named
_NAMED = 5


@frozen
class LabelledAnswer:
    """An answer, what it answers, and what people said of it: one label each, None for no label."""

    instance: Instance
    output: LMOutput
    labels: tuple[Label | None, ...]
    cluster: str
    line: int

    @property
    def consensus(self) -> Label | None:
        """The label that most people gave; None where two are equally frequent, or nobody did."""
        counts = Counter(label for label in self.labels if label is not None).most_common(2)
        if not counts or (len(counts) == 2 and counts[0][1] == counts[1][1]):
            return None
        return counts[0][0]


def read_labels(path: Path) -> list[LabelledAnswer]:
    """The labelled answers in a file of JSON Lines.

    Raises:
        DataError: the file cannot be read, is empty, or lines of it are not as they should be; each
            is named by its number.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: {error}") from error
    rows: list[LabelledAnswer] = []
    problems: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            rows.append(_row(json.loads(line), number))
        except (ValueError, RecursionError) as error:
            problems.append(f"line {number}: {error}")
    problems += _repeated(rows)
    problems += _mixed(rows)
    if problems:
        more = f"; {len(problems) - _NAMED} more" if len(problems) > _NAMED else ""
        raise DataError(
            f"{path}: {'; '.join(problems[:_NAMED])}{more}",
            hint='one answer a line: {"question": "...", "gold": "...", "answer": "...", '
            '"label": "..."}',
        )
    if not rows:
        raise DataError(f"{path} holds no labelled answer")
    return rows


def _row(data: Any, line: int) -> LabelledAnswer:
    if not isinstance(data, dict):
        raise ValueError(f"expected an object, got {json.dumps(data)[:60]}")
    for name in ("question", "answer"):
        if not isinstance(data.get(name), str):
            raise ValueError(f"{name!r} is missing or no text")
    gold = data.get("gold")
    if not _is_gold(gold):
        raise ValueError("'gold' is neither a text nor a list of texts")
    known_by = str(data.get("id", f"line {line}"))
    metadata = {name: value for name, value in data.items() if name not in _FIELDS}
    told = {"answers": metadata.pop("answers")} if "answers" in metadata else {}
    answer = data["answer"]
    return LabelledAnswer(
        Instance(data["question"], gold_answer=gold, metadata={**metadata, "id": known_by}),
        LMOutput(answer, extracted_answer=answer, finish_reason="stop", metadata=told),
        tuple(_labels(data)),
        str(data.get("cluster") or data["question"]),
        line,
    )


def _is_gold(gold: Any) -> bool:
    if isinstance(gold, list):
        return bool(gold) and all(isinstance(one, str | int | float) for one in gold)
    return gold is None or isinstance(gold, str | int | float)


def _labels(data: Mapping[str, Any]) -> Iterator[Label | None]:
    if ("label" in data) == ("labels" in data):
        raise ValueError("expected either 'label' or 'labels'")
    given = data["labels"] if "labels" in data else [data["label"]]
    if not isinstance(given, list) or not given or all(label is None for label in given):
        raise ValueError("it has no label")
    for label in given:
        if isinstance(label, bool | int | float) and math.isfinite(label):
            yield float(label)
        elif label is None or (isinstance(label, str) and label.strip()):
            yield None if label is None else label.strip()
        else:
            raise ValueError(f"a label is a text, a number, true or false, not {label!r:.40}")


def _repeated(rows: list[LabelledAnswer]) -> list[str]:
    seen: dict[str, int] = {}
    problems = []
    for row in rows:
        known_by = row.instance.metadata["id"]
        if known_by in seen:
            problems.append(f"line {row.line}: id {known_by!r} stands in line {seen[known_by]} too")
        seen.setdefault(known_by, row.line)
    return problems


def _mixed(rows: list[LabelledAnswer]) -> list[str]:
    """Where texts and numbers are mixed, the first label of the other sort."""
    kinds = [(type(la), row.line) for row in rows for la in row.labels if la is not None]
    for kind, line in kinds:
        if kind is not kinds[0][0]:
            return [f"line {line}: labels are texts here and numbers elsewhere"]
    return []
