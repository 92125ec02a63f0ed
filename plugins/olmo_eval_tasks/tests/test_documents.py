"""Perplexity of documents: of C4, and of any file."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from olmo_eval import evaluate
from olmo_eval.common.overrides import parse_override
from olmo_eval.common.types import RequestType
from olmo_eval.errors import UsageError
from olmo_eval.evals.tasks.check import missing_data
from olmo_eval.evals.tasks.common import build_task
from olmo_eval.evals.tasks.common.registry import variants_of

TEXTS = ("The sky is blue.", "", "Straße und Fluß.", "One two three four five six.")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    return path


def test_any_file_can_be_measured(file: Path) -> None:
    run = evaluate("mock", ["perplexity"], overrides=[f"data_source={file}"])

    scores = {score.metric: score for score in run.scores()}
    primary = scores["bits_per_byte_corpus"]
    assert primary.primary and primary.n_scored == 3, "the empty document is left out"
    assert primary.value is not None
    assert scores["perplexity_byte"].value == pytest.approx(2**primary.value)
    rows = list(run.rows("perplexity"))
    nats = -sum(row["outputs"][0]["sum_logprob"] for row in rows)
    count = sum(row["outputs"][0]["num_tokens"] for row in rows)
    size = sum(len(text.encode()) for text in TEXTS)
    assert scores["perplexity_corpus"].value == pytest.approx(math.exp(nats / count))
    assert primary.value == pytest.approx(nats / math.log(2) / size)


def test_whole_documents_are_scored(file: Path) -> None:
    task = build_task("perplexity", [parse_override(f"data_source={file}")])
    requests = [task.request_for(one) for one in task.instances]

    assert {request.request_type for request in requests} == {RequestType.ROLLING}
    assert [request.prompt for request in requests] == [text for text in TEXTS if text]


def test_without_a_file_it_says_what_is_missing() -> None:
    task = build_task("perplexity")

    with pytest.raises(UsageError, match="has no data source"):
        next(iter(task.instances))
    reason = missing_data(task)
    assert reason is not None and "data_source=" in str(reason.hint)


@pytest.mark.parametrize(
    ("task", "subset"), [("c4", "full"), ("c4_1k", "1k"), ("c4_10k", "10k"), ("c4_100k", "100k")]
)
def test_c4_has_its_published_names(task: str, subset: str) -> None:
    config = build_task(f"{task}:ppl").config

    assert config.data_source is not None
    assert (config.data_source.path, config.data_source.subset, config.data_source.split) == (
        "valentinhofmann/c4_short",
        subset,
        "validation",
    )
    assert config.primary().metric_name == "perplexity_corpus"


def test_serialized_requests_are_asked_as_they_are(tmp_path: Path) -> None:
    row = {"native_id": "x/1", "request": {"context": "def f():\n", "continuation": "    pass"}}
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row) + "\n")
    task = build_task("serialized:mbpp_3shot_bpb", [parse_override(f"data_source={path}")])
    one = next(iter(task.instances))
    request = task.request_for(one)

    assert (request.prompt, request.continuations) == ("def f():\n", ("    pass",))
    assert one.id == "x/1"
    assert task.config.limit == 500
    assert len(variants_of("serialized")) == 19
