"""A small benchmark, registered afresh for every test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from olmo_eval import plugins
from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric, PassAtKMetric
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Task, register, register_variant

WriteRows = Callable[[str, list[dict[str, Any]]], str]


@pytest.fixture(autouse=True)
def registries(monkeypatch: pytest.MonkeyPatch) -> Iterator[plugins.PluginManager]:
    """Empty registries but for what is installed; no data but the test's own."""
    monkeypatch.delenv("OLMO_EVAL_DATA_MIRROR", raising=False)
    with plugins.fresh_manager() as manager:
        yield manager


@pytest.fixture
def write_rows(tmp_path: Path) -> WriteRows:
    """Write rows to a JSONL file; returns its path."""

    def write(name: str, rows: list[dict[str, Any]]) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return str(path)

    return write


@pytest.fixture
def riddles(write_rows: WriteRows) -> type[Task]:
    """``acme_riddles``: ten riddles, four of them in a train split, with variants."""
    rows = [{"id": f"r{n}", "riddle": f"Riddle {n}?", "answer": str(n)} for n in range(10)]
    for split, part in (("test", rows), ("train", rows[6:])):
        write_rows(f"riddles/{split}.jsonl", part)
    folder = str(Path(write_rows("riddles/readme.jsonl", [])).parent)

    @register("acme_riddles")
    class Riddles(Task):
        data_source = DataSource(path=folder, split="test")
        fewshot_split = "train"
        formatter = GenerationFormatter(template="{question}\nAnswer:")
        metrics = (AccuracyMetric(scorer=ExactMatchScorer),)

        def process_doc(self, doc: dict[str, Any]) -> Instance:
            return Instance(doc["riddle"], doc["answer"], metadata={"id": doc["id"]})

    register_variant("acme_riddles", "2shot", num_fewshot=2, fewshot_seed=1234)
    register_variant("acme_riddles", "warm", temperature=0.8, num_samples=4)
    register_variant(
        "acme_riddles",
        "pass",
        metrics=(PassAtKMetric(ExactMatchScorer, k=1), PassAtKMetric(ExactMatchScorer, k=4)),
        primary_metric="pass_at_4",
    )
    register_variant(
        "acme_riddles", "fresh", sampling_params=SamplingParams(max_tokens=9), top_p=0.5
    )
    return Riddles
