"""An importer of logs that nobody but the tests writes: one JSON object, a line a question."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import olmo_eval
from olmo_eval.common.types import Instance, LMOutput, LMRequest, RequestType, Response
from olmo_eval.interchange import (
    Exporter,
    ImportedInstance,
    ImportedMetric,
    ImportedRun,
    ImportedTask,
    Importer,
    Losses,
    Source,
    Transcript,
)


class Diary(Importer):
    """Diaries of a model."""

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        return path.suffix == ".diary"

    def read(self, path: Path) -> Iterator[ImportedRun]:
        told = json.loads(path.read_text())
        losses = Losses()
        losses.lose("doodles", told.get("doodles", 0))
        metrics = [ImportedMetric(**{"scorer": "me", **metric}) for metric in told["metrics"]]

        def instances() -> Iterable[ImportedInstance]:
            for n, values in enumerate(told["values"]):
                one = Response(
                    told.get("ids", [f"q{k}" for k in range(len(told["values"]))])[n],
                    Instance(f"question {n}", "yes"),
                    LMRequest(RequestType.COMPLETION, prompt=f"question {n}?"),
                    [LMOutput("yes")],
                    {"me": [1.0]},
                )
                yield ImportedInstance(one, values)

        task = ImportedTask("diary", metrics, instances, inputs=told.get("inputs", {}))
        yield ImportedRun(told["model"], [task], Source("pen", "2", [str(path)]), losses)


class Shout(Exporter):
    """Answers in capitals."""

    layout = "lines"

    def document(self, transcript: Transcript, losses: Losses) -> dict[str, Any]:
        losses.lose("lower case")
        return {"said": transcript.text.upper()}


@olmo_eval.hookimpl
def register_importers(register: Any) -> None:
    register("diary", Diary)


@olmo_eval.hookimpl
def register_exporters(register: Any) -> None:
    register("shout", Shout)
