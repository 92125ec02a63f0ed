"""Checkpoints and results behind s3:// URLs, on a real S3 server on loopback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from olmo_eval import compare, evaluate
from olmo_eval.errors import UsageError
from olmo_eval.providers.remote import fetch_checkpoint
from olmo_eval.results.store import Store

pytestmark = pytest.mark.engine


@pytest.fixture
def bucket(s3: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A client of an S3 server with the bucket ``models``."""
    monkeypatch.setenv("OLMO_EVAL_CACHE", str(tmp_path / "cache"))
    s3.create_bucket(Bucket="models")
    return s3


def put(client: Any, **files: str) -> None:
    for name, body in files.items():
        key = name.replace("__", "/").replace("_json", ".json")
        client.put_object(Bucket="models", Key=f"run1/step10/{key}", Body=body.encode())


def test_a_checkpoint_is_fetched_once_and_again_when_it_changes(bucket: Any) -> None:
    put(bucket, config_json="{}", tokenizer_json="{}", optimizer_json="huge")

    first = fetch_checkpoint("s3://models/run1/step10")
    again = fetch_checkpoint("s3://models/run1/step10/")

    assert first.name == "step10"
    assert sorted(p.name for p in first.iterdir()) == ["config.json", "tokenizer.json"]
    assert again == first

    put(bucket, config_json='{"retrained": true}')
    changed = fetch_checkpoint("s3://models/run1/step10")

    assert changed != first
    assert (changed / "config.json").read_text() == '{"retrained": true}'


def test_a_folder_without_a_model_is_named(bucket: Any) -> None:
    put(bucket, readme="nothing here")

    with pytest.raises(UsageError, match=r"s3://models/run1/step10 holds no config\.json"):
        fetch_checkpoint("s3://models/run1/step10")


def test_runs_are_written_to_found_in_and_compared_from_a_bucket(
    bucket: Any, tmp_path: Path
) -> None:
    rows = tmp_path / "sums.jsonl"
    lines = [f'{{"id": "{i}", "question": "{i} + 1?", "answer": "{i + 1}"}}' for i in range(30)]
    rows.write_text("\n".join(lines))
    plugin = tmp_path / "bucket_sums.py"
    plugin.write_text(PLUGIN.format(path=str(rows)))
    skills = [0.2, 0.9]

    runs = [
        evaluate(
            "mock",
            "bucket_sums",
            plugin=[str(plugin)],
            overrides={"provider.kwargs.skill": skill},
            results="s3://models/results",
        )
        for skill in skills
    ]
    found = Store("s3://models/results").runs()
    comparison = compare(runs[0].run_id, runs[1].run_id, results="s3://models/results")

    assert [run.run_id for run in found] == [run.run_id for run in runs]
    assert runs[0].location.startswith("s3://models/results/runs/")
    assert runs[0].instances("bucket_sums").num_rows == 30
    assert comparison.kind == "better"


PLUGIN = """
from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Task, register


@register("bucket_sums")
class BucketSums(Task):
    data_source = DataSource(path={path!r}, source_type="local")
    formatter = GenerationFormatter()
    metrics = (AccuracyMetric(scorer=ExactMatchScorer),)

    def process_doc(self, doc):
        return Instance(question=doc["question"], gold_answer=doc["answer"],
                        metadata={{"id": doc["id"]}})
"""
