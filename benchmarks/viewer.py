"""What looking costs: the viewer on two large runs, with several clients at once.

    python benchmarks/viewer.py [--instances 100000] [--clients 4] [--store FOLDER]

Two runs are made with the instant mock (kept in --store, made once), each question some 120 words
long. Then: the time from the start of `olmo-eval view` to its first complete page; every kind of
page and filter asked by the clients in turn, as median and 95th percentile, also as a ratio to
reading the two columns of values bare; and the memory of the process.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

_PLUGIN = """
from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Task, register


@register("large")
class Large(Task):
    data_source = DataSource(path={data!r}, source_type="local")
    formatter = GenerationFormatter(template="Question: {{question}}\\nAnswer:")
    sampling_params = SamplingParams(max_tokens=64, stop_sequences=("\\n\\n",))
    metrics = (AccuracyMetric(scorer=ExactMatchScorer),)

    def process_doc(self, doc):
        metadata = {{"id": doc["id"], "subject": doc["subject"]}}
        return Instance(doc["question"], doc["answer"], metadata=metadata)
"""
_WORDS = 120


def make_store(folder: Path, n: int) -> None:
    """Two runs of ``n`` questions, where they are not there yet."""
    from olmo_eval import evaluate

    if (folder / "results/runs").is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "large.jsonl"
    rng = random.Random(0)
    words = [f"word{i}" for i in range(2_000)]
    with data.open("w") as file:
        for i in range(n):
            text = f"{' '.join(rng.choices(words, k=_WORDS))} number {i}?"
            row = {"id": f"q{i}", "question": text, "answer": f"answer {i}", "subject": i % 57}
            file.write(json.dumps(row) + "\n")
    plugin = folder / "large_task.py"
    plugin.write_text(_PLUGIN.format(data=str(data)))
    for step, skill in ((1000, 0.6), (2000, 0.62)):
        evaluate(
            "mock",
            ["large"],
            results=str(folder / "results"),
            plugin=[str(plugin)],
            group="bench",
            step=step,
            harness={"provider": {"kwargs": {"skill": skill, "seed": step}}},
        )


def bare_columns(results: str) -> float:
    """Seconds of reading both columns of values, and nothing else."""
    from olmo_eval.results.pairing import question_values
    from olmo_eval.results.store import Store

    runs = Store(results).runs()
    key = runs[0].task_record("large")["primary"]
    times = []
    for _ in range(5):
        start = time.perf_counter()
        for run in runs[:2]:
            question_values(run, "large", key)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


@contextmanager
def viewing(results: str) -> Iterator[tuple[subprocess.Popen[str], str, float]]:
    """The viewer in a process of its own: the address it printed, and when it was started."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "olmo_eval.cli", "view", "--results", results, "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        address = process.stdout.readline().split(" at ")[1].strip()
        yield process, address, start
    finally:
        process.terminate()
        process.wait(20)


def ask(url: str) -> float:
    """Seconds until the whole page was read."""
    start = time.perf_counter()
    with urllib.request.urlopen(url, timeout=120) as reply:
        reply.read()
    return time.perf_counter() - start


def first_page(url: str, start: float) -> float:
    """Seconds from the start of the process to its first complete page."""
    while True:
        try:
            ask(url)
            return time.perf_counter() - start
        except urllib.error.URLError:
            time.sleep(0.01)


def memory(process: subprocess.Popen[str]) -> tuple[float, float]:
    """What the process holds and what it held at most, in MB."""
    told = Path(f"/proc/{process.pid}/status").read_text()
    lines = dict(line.split(":", 1) for line in told.splitlines())
    return tuple(int(lines[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[return-value]


def addresses(first: str, n: int, rng: random.Random) -> dict[str, str]:
    """One address of every kind of page and filter, each time others."""
    root, _, query = first.partition("/compare?")

    def to(path: str, **more: object) -> str:
        return f"{root}{path}?{query}&{urlencode({'task': 'large', **more})}"

    word = f"word{rng.randrange(2_000)}"
    return {
        "runs": f"{root}/",
        "compare": to("/compare"),
        "regressed, some page": to("/compare", show="regressed", page=rng.randrange(1, 100)),
        "both wrong, some page": to("/compare", show="both_wrong", page=rng.randrange(1, 100)),
        "longest first": to("/compare", sort="longest", page=rng.randrange(1, 100)),
        "part by subject": to("/compare", where=f"subject:{rng.randrange(57)}"),
        "question": to("/question", id=f"q{rng.randrange(n)}"),
        "question of the regressed": to("/question", id=f"q{rng.randrange(n)}", show="regressed"),
        "search, another word": to("/compare", q=word),
        "parts by subject": to("/compare", by="subject"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--instances", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--store", type=Path)
    given = parser.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.store or Path(temporary)
        make_store(folder, given.instances)
        measure(str(folder / "results"), given.instances, given.clients, given.repeats)


def measure(results: str, n: int, clients: int, repeats: int) -> None:
    bare = bare_columns(results)
    print(f"two runs of {n:,} instances; both columns of values read bare: {bare * 1000:.0f} ms")
    with viewing(results) as (process, address, start):
        print(f"start to first complete page: {first_page(address, start):.2f} s")
        times: defaultdict[str, list[float]] = defaultdict(list)
        for name, url in addresses(address, n, random.Random(0)).items():
            print(f"  first {name}: {ask(url) * 1000:.0f} ms")
        with ThreadPoolExecutor(clients) as pool:
            rng = random.Random(1)
            jobs = [job for _ in range(repeats) for job in addresses(address, n, rng).items()]
            rng.shuffle(jobs)
            for (name, _), seconds in zip(jobs, pool.map(ask, [u for _, u in jobs]), strict=True):
                times[name].append(seconds)
        print(f"{clients} clients at once           median     p95  / bare columns")
        for name, found in [*times.items(), ("all", [t for one in times.values() for t in one])]:
            median, high = statistics.median(found), statistics.quantiles(found, n=20)[-1]
            ratio = median / bare
            print(f"  {name:<28} {median * 1000:6.0f} {high * 1000:7.0f} ms {ratio:7.1f}")
        held, most = memory(process)
        print(f"memory {held:.0f} MB, at most {most:.0f} MB")


if __name__ == "__main__":
    main()
