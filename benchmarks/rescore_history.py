"""What another scorer would change in a store: seconds for a million recorded instances.

    python benchmarks/rescore_history.py [--instances 1000000] [--runs 10]

Runs are written by the code that writes any run's tables, in the shape of short arithmetic answers.
The goal is a minute.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from olmo_eval.common.convert import to_json
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import ExactMatchScorer, Scorer
from olmo_eval.common.types import LMRequest, RequestType, SamplingParams
from olmo_eval.results.finalize import write_task
from olmo_eval.results.folder import RunFolder
from olmo_eval.results.record import request_row
from olmo_eval.results.schema import ANSWERS
from olmo_eval.results.store import Store
from olmo_eval.runner.history import rescore_history

METRIC = AccuracyMetric(scorer=ExactMatchScorer())


class LastWord(Scorer):
    """Right where the last word is the answer: what the recorded scorer might become."""

    name = "last_word"

    def score(self, instance: Any, output: Any) -> float:
        words = output.text.split()
        return float(bool(words) and words[-1] == instance.gold_text)


def rows(n: int, run: int) -> Iterator[tuple[dict[str, Any], int]]:
    """Instances that are right two times in three, one in eleven with a word too many."""
    request = request_row(LMRequest(RequestType.COMPLETION, prompt="Question: 2 + 2?\nAnswer:"))
    nothing = dict.fromkeys(field.name for field in ANSWERS.field("outputs").type.value_type)
    for i in range(n):
        right = (i * 7 + run) % 3 != 0
        text = f"The answer is {i if right else i + 1}" + (" indeed" if i % 11 == 0 else "")
        answer = str(i) if right else str(i + 1)
        output = {
            **nothing, "text": text, "answer": f'"{answer}"', "finish_reason": "stop",
            "metadata": None,
        }  # fmt: skip
        value = float(right)
        yield {
            "instance_id": f"q{i}", "position": i, "outcome": "scored", "error": None,
            "cluster": None, "question": f"What is {i} + 0?", "gold": str(i), "choices": None,
            "metadata": f'{{"id":"q{i}","level":"{i % 5}"}}', "request_hash": f"{i:032x}",
            "scores": {"exact_match": [value]}, "values": {METRIC.key: value},
            "weights": {METRIC.key: None}, "request": request, "outputs": [output],
            "latency": 0.1, "reused": False,
        }, 500  # fmt: skip


def write_run(results: Path, number: int, n: int) -> None:
    run_id = f"20260101-0000{number:02d}-step{number}-{number:08x}"
    folder = RunFolder(results / "runs" / run_id)
    folder.path.mkdir(parents=True)
    write_task(folder.path, "sums", [METRIC.key], ["exact_match"], rows(n, number))
    entry = {
        "name": "sums", "task": "sums", "variants": [], "overrides": [], "primary": METRIC.key,
        "request_type": "completion", "n_expected": n, "outcomes": {"scored": n},
        "config": {"metrics": [to_json(METRIC)], "output_score_aggregation": "mean"},
        "metrics": [{
            "key": METRIC.key, "metric": "accuracy", "scorer": "exact_match", "binary": True,
            "higher_is_better": True, "weighted": False, "transform": None, "bounds": [0.0, 1.0],
        }],
    }  # fmt: skip
    folder.write_json({
        "schema_version": 2, "run_id": run_id, "identity": f"{number:016x}", "status": "complete",
        "kind": "run", "group": "bench", "started": f"2026-01-01T00:00:{number:02d}.000Z",
        "model": {"name": f"step{number}", "step": number}, "tasks": [entry],
        "lock": {"tasks": {"sums": {"sampling": SamplingParams().max_tokens}}},
    })  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=10)
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(told.runs):
            write_run(Path(folder), number, told.instances // told.runs)
        began, cpu = time.perf_counter(), time.process_time()
        found = rescore_history(Store(folder).runs(), LastWord(), "exact_match")
        seconds, used = time.perf_counter() - began, time.process_time() - cpu
    n = sum(one.n for one in found.tasks)
    flips = sum(one.gained + one.lost for one in found.tasks)
    unlike = sum(one.unlike for one in found.tasks)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{n:,} instances of {told.runs} runs in {seconds:.1f} s ({used:.1f} s of a processor, "
        f"{n / seconds:,.0f} a second), {flips:,} flips, {unlike:,} not to be told; peak "
        f"{peak:,.0f} MiB"
    )


if __name__ == "__main__":
    main()
