"""A model whose numbers are NaN or infinite has no score, and the run says that it has diverged."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import pytest

from olmo_eval import compare
from olmo_eval.common.metrics import (
    BPBMetricByteAvg,
    CorpusPerplexityMetric,
    GreedyAccuracyMetric,
    LogprobMCAccuracyMetric,
    LogprobPerTokenMCAccuracyMetric,
    MeanPerplexityMetric,
)
from olmo_eval.common.types import Instance, LMOutput, LMRequest, RequestType, Response
from olmo_eval.errors import OlmoEvalError
from olmo_eval.results.store import Run

PLUGIN = """
import os

import olmo_eval
from olmo_eval.common.types import LMOutput
from olmo_eval.errors import NonFiniteError
from olmo_eval.providers import Capability, Provider


class Blown(Provider):
    capabilities = frozenset(Capability)
    default_concurrency = 1
    asked = 0

    def fine(self):
        self.asked += 1
        return self.asked <= int(os.environ.get("HEALTHY", 0))

    async def generate(self, request, params):
        if not self.fine():
            raise NonFiniteError("the logits are NaN")
        return [LMOutput("4", finish_reason="stop")] * params.num_samples

    async def loglikelihood(self, request):
        texts = request.continuations or (request.prompt,)
        number = -1.5 if self.fine() else float(os.environ.get("NUMBER", "nan"))
        return [
            LMOutput(text, sum_logprob=number if i == 1 else -2.0, num_tokens=1, is_greedy=i == 1)
            for i, text in enumerate(texts)
        ]


@olmo_eval.hookimpl
def register_providers(register):
    register("blown", Blown)
"""


@pytest.fixture
def blown(bench: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run tasks on a model that has diverged, after ``healthy`` answers that are fine."""
    plugin = bench.folder / "blown.py"
    plugin.write_text(PLUGIN)

    def run(*tasks: str, healthy: int = 0, number: str = "nan") -> Run:
        monkeypatch.setenv("HEALTHY", str(healthy))
        monkeypatch.setenv("NUMBER", number)
        made: Run = bench.evaluate(*tasks, model="blown:x", plugin=[str(plugin)], fresh=True)
        return made

    return run


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_what_is_not_finite_has_no_score(blown: Any, number: str) -> None:
    run = blown("pick", number=number)

    (score,) = run.scores()
    assert (score.value, score.n_scored, score.n_expected) == (None, 0, 30)
    (entry,) = run.record["tasks"]
    assert entry["outcomes"] == {"scorer_failed": 30}
    assert entry["errors"] == {f"not finite: a log-probability is {number}": 30}
    assert entry["health"]["non_finite"] == 30
    assert run.status == "diverged"
    assert "every answer is NaN or infinite in pick (30 of 30)" in run.record["error"]
    rows = run.instances("pick", ["values", "scores"]).to_pylist()
    assert all(row["values"]["acc_raw:logprob"] is None for row in rows)


def test_a_generation_without_finite_logits_is_missing_with_that_reason(blown: Any) -> None:
    run = blown("sums")

    (entry,) = run.record["tasks"]
    assert entry["outcomes"] == {"scorer_failed": 40}
    assert entry["errors"] == {"not finite: the logits are NaN": 40}
    assert run.status == "diverged"


def test_a_run_that_is_only_partly_lost_says_how_many(blown: Any, bench: Any) -> None:
    run = blown("pick", healthy=10)

    (score,) = run.scores()
    assert (score.n_scored, score.n_expected) == (10, 30)
    assert run.status == "incomplete"
    shown = bench.cli("results", "show", run.run_id).out
    assert "20 answers are NaN or infinite" in shown
    assert "mend the scorer" not in shown


def test_one_task_that_is_lost_is_enough(blown: Any) -> None:
    run = blown("pick", "sums", healthy=30)

    assert [score.n_scored for score in run.scores()] == [30, 0]
    assert run.status == "diverged"
    assert "in sums (40 of 40)" in run.record["error"]


def test_what_was_never_answered_is_no_sign_of_divergence(bench: Any) -> None:
    bench.edit("few/test.jsonl", lambda rows: rows[:3])
    run = bench.evaluate("sums:few", faults={"fail": 1.0})

    assert run.status == "incomplete"


def test_the_same_command_asks_nothing_again(bench: Any) -> None:
    plugin = bench.folder / "blown.py"
    plugin.write_text(PLUGIN)
    ask = ("run", "--plugin", plugin, "-m", "blown:x", "-t", "pick")

    first, again = bench.command(*ask), bench.command(*ask)

    for done in (first, again):
        assert done.code == 1
        assert done.err.count("the model has diverged") == 1
        assert "--fail-if-missing" not in done.err
        assert "0 of 30" in done.out
    assert "30 instances are done" in again.err
    assert "nan" not in (first.out + first.err).replace("log-probability is nan", "")
    (path,) = bench.folder.glob("results/runs/*/lock.json")
    record = json.loads(path.read_text())
    assert [session["answered"] for session in record["sessions"]] == [30, 0]


def test_scoring_it_again_finds_the_same(blown: Any, bench: Any) -> None:
    for task, metric in (("pick", "acc_per_token"), ("sums", "f1:f1")):
        run = blown(task)
        (count,) = run.record["tasks"][0]["outcomes"].values()

        done = bench.cli("rescore", run.run_id, "-o", f"metrics=[{metric}]", "--json")

        (made,) = done.json
        assert done.code == 1
        assert made["status"] == "diverged"
        assert made["outcomes"][task] == {"scorer_failed": count}


def test_there_is_nothing_to_compare(blown: Any, bench: Any) -> None:
    fine, lost = bench.evaluate("pick", "sums", skill=0.5), blown("pick")

    with pytest.raises(OlmoEvalError, match=r"B, run .*: the model has diverged"):
        compare(fine, lost)
    with pytest.raises(OlmoEvalError, match=r"A, run .*: the model has diverged"):
        compare(lost, fine)
    half = blown("sums", "pick", healthy=40)
    found = compare(fine, half, tasks=["sums"], allow_different=["harness"])
    assert any("B: the model has diverged" in note for note in found.notes)


CHOICE = Instance("Which?", "a", choices=("a", "b"), metadata={"gold_idx": 0})


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("of_a_token", [False, True])
@pytest.mark.parametrize(
    "metric",
    [
        LogprobMCAccuracyMetric(),
        LogprobPerTokenMCAccuracyMetric(),
        GreedyAccuracyMetric(),
        BPBMetricByteAvg(),
        MeanPerplexityMetric(),
        CorpusPerplexityMetric(),
    ],
    ids=lambda metric: metric.name,
)
def test_no_metric_makes_a_number_of_it(metric: Any, number: float, of_a_token: bool) -> None:
    tokens = ({"token": "a", "logprob": number},)
    lost = LMOutput(
        "a",
        sum_logprob=-1.0 if of_a_token else number,
        logprobs=tokens if of_a_token else None,
        num_tokens=1,
        is_greedy=True,
    )
    fine = LMOutput("b", sum_logprob=-1.0, num_tokens=1, is_greedy=False)
    request = LMRequest(RequestType.LOGLIKELIHOOD, continuations=("a", "b"))

    with pytest.raises(ValueError, match="a log-probability is"):
        metric.value(Response("1", CHOICE, request, (lost, fine)))


# -- the bundled checkpoint, with one weight that is NaN


def with_one_nan(source: Path, target: Path) -> None:
    """A copy of a checkpoint with NaN in the first number of its last norm."""
    target.mkdir()
    for path in source.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    weights = target / "model.safetensors"
    data = bytearray(weights.read_bytes())
    (size,) = struct.unpack("<Q", data[:8])
    tensors = json.loads(data[8 : 8 + size])
    entry = tensors["model.norm.weight"]
    nan = {"F32": struct.pack("<f", math.nan), "BF16": b"\xc0\x7f", "F16": b"\x00\x7e"}
    number = nan[entry["dtype"]]
    start = 8 + size + entry["data_offsets"][0]
    data[start : start + len(number)] = number
    weights.write_bytes(data)


def test_a_checkpoint_with_one_nan_has_diverged(bench: Any) -> None:
    pytest.importorskip("olmo_eval_providers.embedded")
    pytest.importorskip("olmo_eval_tasks.tiny")
    root = Path(__file__).resolve().parents[3]
    checkpoint = bench.folder / "step1001"
    with_one_nan(root / "examples/tiny_model/checkpoints/step1000", checkpoint)

    done = bench.command("run", "-m", checkpoint, "-t", "tiny_facts", "--json")

    (run,) = json.loads(done.out)
    assert done.code == 1
    assert run["status"] == "diverged"
    assert "error: the model has diverged" in done.err
    assert [row["value"] for row in run["metrics"]] == [None] * len(run["metrics"])
