"""What trainers by reinforcement dump of their samples: verl's ``STEP.jsonl``, TRL's
``completions_STEP.parquet``.

Each file is a run, of the model at that step. Prompts that are the same are samples of one
instance, which is named by its prompt: so the steps of a training run can be compared question by
question. No dump says what its task or its model is called: both are called like the folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from olmo_eval.common.types import (
    Instance,
    LMOutput,
    LMRequest,
    RequestType,
    Response,
)
from olmo_eval.errors import DataError
from olmo_eval.interchange import (
    ImportedInstance,
    ImportedMetric,
    ImportedRun,
    ImportedTask,
    Importer,
    Losses,
    Source,
)
from olmo_eval_formats.files import first_row, json_rows, number, plain_name, short_digest

#: folders that a trainer names, and a person does not
_GENERIC = frozenset(
    {"completions", "validation", "validation_data", "val", "rollout", "rollouts", "rollout_data"}
)
_COMPLETIONS = re.compile(r"completions_(\d+)\.parquet")
Row = Mapping[str, Any]


class VerlImporter(Importer):
    """verl: the STEP.jsonl of validation_data_dir and rollout_data_dir."""

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        row = first_row(path) if path.is_file() and path.suffix == ".jsonl" else None
        if path.is_dir():
            found = _verl_files(path)
            row = first_row(found[0]) if found else None
        return row is not None and {"input", "output", "score", "step"} <= row.keys()

    def read(self, path: Path) -> Iterator[ImportedRun]:
        for file in _verl_files(path) if path.is_dir() else [path]:
            rows = [row for _, _, row in json_rows(file)]
            for n, row in enumerate(rows, 1):
                if not {"input", "output", "score"} <= row.keys():
                    raise DataError(f"{file}, line {n} is no sample of verl")
            if rows:
                yield _run(file, "verl", _of_verl(rows), rows[0].get("step"))


def _verl_files(folder: Path) -> list[Path]:
    return sorted(
        (p for p in folder.glob("*.jsonl") if p.stem.isdigit()), key=lambda path: int(path.stem)
    )


def _of_verl(rows: Sequence[Row]) -> _Dump:
    placed = {"input", "output", "gts", "score", "step"}
    extras = _numeric(rows, placed)
    samples = [
        _Sample(
            prompt=str(row["input"]),
            messages=None,
            text=str(row["output"]),
            gold=row.get("gts"),
            numbers={name: number(row.get(name)) for name in ("score", *extras)},
            answer=row.get("pred"),
            evidence={k: v for k, v in row.items() if k not in placed and k not in extras},
        )
        for row in rows
    ]
    return _Dump(samples, ("score", *extras))


class TrlImporter(Importer):
    """TRL: the completions_STEP.parquet of GRPO and RLOO with log_completions."""

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        found = _trl_files(path)
        try:
            return bool(found) and {"prompt", "completion"} <= set(pq.read_schema(found[0]).names)
        except (OSError, pa.ArrowException):
            return False

    def read(self, path: Path) -> Iterator[ImportedRun]:
        for file in _trl_files(path) or [path]:
            try:
                rows = pq.read_table(file).to_pylist()
            except (OSError, pa.ArrowException) as error:
                raise DataError(f"{file} cannot be read: {error}") from error
            if rows and not {"prompt", "completion"} <= rows[0].keys():
                raise DataError(f"{file} has no columns 'prompt' and 'completion'")
            named = _COMPLETIONS.fullmatch(file.name)
            if rows:
                step = rows[0].get("step", int(named[1]) if named else None)
                yield _run(file, "trl", _of_trl(rows), step)


def _trl_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.suffix == ".parquet" else []
    return sorted(p for p in path.rglob("completions_*.parquet") if _COMPLETIONS.fullmatch(p.name))


def _of_trl(rows: Sequence[Row]) -> _Dump:
    placed = {"step", "prompt", "completion"}
    rewards = _numeric(rows, placed | {"advantage"})
    if not rewards:
        raise DataError("the completions have no column of a reward")
    samples = [
        _Sample(
            prompt=_said(row["prompt"]),
            messages=row["prompt"] if isinstance(row["prompt"], list) else None,
            text=_said(row["completion"]),
            gold=None,
            numbers={name: number(row.get(name)) for name in rewards},
            answer=None,
            evidence={k: v for k, v in row.items() if k not in placed and k not in rewards},
        )
        for row in rows
    ]
    return _Dump(samples, rewards)


def _said(told: Any) -> str:
    """A text, or what messages say, one after the other."""
    if isinstance(told, list):
        return "\n".join(str(message.get("content") or "") for message in told)
    return str(told)


class _Sample:
    """One answer and its numbers."""

    def __init__(
        self,
        *,
        prompt: str,
        messages: Sequence[Mapping[str, Any]] | None,
        text: str,
        gold: Any,
        numbers: Mapping[str, float | None],
        answer: Any,
        evidence: Mapping[str, Any],
    ) -> None:
        self.prompt, self.messages, self.text, self.gold = prompt, messages, text, gold
        self.numbers, self.answer, self.evidence = numbers, answer, evidence


class _Dump:
    """The samples of a file and the names of their numbers, the first of which stands for all."""

    def __init__(self, samples: Sequence[_Sample], names: Sequence[str]) -> None:
        self.samples, self.names = samples, tuple(names)


def _numeric(rows: Sequence[Row], but: Iterable[str]) -> list[str]:
    """Columns of numbers, other than some, in their order."""
    names = dict.fromkeys(name for row in rows for name in row)
    left_out = set(but)
    return [
        name
        for name in names
        if name not in left_out
        and all(isinstance(row.get(name), int | float | None) for row in rows)
        and any(row.get(name) is not None for row in rows)
    ]


def _run(file: Path, program: str, dump: _Dump, step: Any) -> ImportedRun:
    losses = Losses()
    named = [p.name for p in (file.parent, *file.parent.resolve().parents) if p.name]
    model = next((name for name in named if name not in _GENERIC), program)
    losses.assume(f"the dump names no model: it is called {model!r}; --model says otherwise")
    name = file.resolve().parent.name
    # rewards are made to be maximized
    metrics = [ImportedMetric(plain_name(n), program, higher_is_better=True) for n in dump.names]
    task = ImportedTask(
        name=name if program == "verl" else f"{model}_{name}",
        metrics=metrics,
        instances=partial(_instances, dump, metrics),
        request_type="chat" if dump.samples[0].messages else "completion",
    )
    return ImportedRun(
        model=model,
        tasks=[task],
        source=Source(program, None, [str(file)]),
        losses=losses,
        step=step if isinstance(step, int) else None,
        group=model,
    )


def _instances(dump: _Dump, metrics: Sequence[ImportedMetric]) -> Iterator[ImportedInstance]:
    groups: dict[tuple[str, str], list[_Sample]] = {}
    for sample in dump.samples:
        groups.setdefault((sample.prompt, str(sample.gold)), []).append(sample)
    for (prompt, gold), samples in groups.items():
        yield _instance(short_digest(f"{prompt}\x00{gold}"), samples, dump.names, metrics)


def _instance(
    instance_id: str,
    samples: Sequence[_Sample],
    names: Sequence[str],
    metrics: Sequence[ImportedMetric],
) -> ImportedInstance:
    first = samples[0]
    values: dict[str, float | None] = {}
    for name, metric in zip(names, metrics, strict=True):
        known = [s.numbers[name] for s in samples if s.numbers[name] is not None]
        values[metric.key] = sum(n for n in known if n is not None) / len(known) if known else None
    primary = [sample.numbers[names[0]] for sample in samples]
    if first.messages:
        request = LMRequest(RequestType.CHAT, messages=[dict(m) for m in first.messages])
    else:
        request = LMRequest(RequestType.COMPLETION, prompt=first.prompt)
    response = Response(
        instance_id,
        Instance(first.prompt, first.gold, metadata={"id": instance_id}),
        request,
        [LMOutput(s.text, extracted_answer=s.answer) for s in samples],
        {} if None in primary else {metrics[0].scorer: [n for n in primary if n is not None]},
    )
    evidence = [
        {**s.evidence, **{k: v for k, v in s.numbers.items() if k != names[0]}} for s in samples
    ]
    return ImportedInstance(response, values, evidence=evidence)
