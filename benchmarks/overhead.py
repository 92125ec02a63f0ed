"""What the workbench itself costs: whole runs of the instant mock, at several sizes.

    python benchmarks/overhead.py [--sizes 1000 10000 50000] [--million]

Every run is a process of its own on one core: start-up, five-shot generation, exact match, every
row stored. Prints instances a second, peak memory and bytes a row, then how long reading takes:
the mean and the paired comparison of two runs, from the Parquet columns, after start-up. Last, a
run whose scorer is slower than its engine: 40 instances, 4 at once in either stage, 0.1 s an answer
and 0.4 s a score. It should take little longer than the slower stage alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from usage import pinned, used

_TASK = """
from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Task, register


@register("overhead")
class Overhead(Task):
    data_source = DataSource(path={data!r}, source_type="local")
    fewshot_source = DataSource(path={shots!r}, source_type="local")
    num_fewshot = 5
    formatter = GenerationFormatter(template="Question: {{question}}\\nAnswer:")
    sampling_params = SamplingParams(max_tokens=64, stop_sequences=("\\n\\n",))
    metrics = (AccuracyMetric(scorer=ExactMatchScorer),)

    def process_doc(self, doc):
        return Instance(question=doc["question"], gold_answer=doc["answer"],
                        metadata={{"id": doc["id"]}})
"""

_SENTENCE = (
    "A shelf of {a} boxes is moved to hall {b}; every box holds {c} lamps, of which {d} are "
    "broken. How many lamps in hall {b} still give light after the move, counting the {a} boxes "
    "one by one and leaving the broken ones out?"
)


def write_rows(path: Path, n: int, start: int = 0) -> None:
    """``n`` questions of about 230 bytes, the size of GSM8K's."""
    with path.open("w") as file:
        for i in range(start, start + n):
            a, b, c, d = i % 97 + 3, i, i % 41 + 9, i % 7
            question = _SENTENCE.format(a=a, b=b, c=c, d=d)
            row = {"id": f"q{i}", "question": question, "answer": str(a * (c - d))}
            file.write(json.dumps(row) + "\n")


def write_task(folder: Path, n: int) -> Path:
    """The plugin whose task asks the ``n`` questions that are in ``folder``."""
    data, shots = folder / f"rows-{n}.jsonl", folder / "shots.jsonl"
    plugin = folder / f"overhead_{n}.py"
    plugin.write_text(_TASK.format(data=str(data), shots=str(shots)))
    return plugin


def run(folder: Path, n: int, skill: float) -> dict[str, float]:
    """One whole run in a process of its own; its wall time, CPU time and peak memory."""
    data, shots = folder / f"rows-{n}.jsonl", folder / "shots.jsonl"
    if not data.exists():
        write_rows(data, n)
        write_rows(shots, 20, start=10**9)
    plugin = write_task(folder, n)
    command = [sys.executable, "-m", "olmo_eval.cli", "run", "--plugin", str(plugin), "-m", "mock"]
    command += ["-t", "overhead", "--results", str(folder / f"results-{n}"), "--no-reuse"]
    command += ["-o", f"provider.kwargs.skill={skill}"]
    usage = used(pinned(command))
    return {"wall": usage.wall, "cpu": usage.cpu, "peak_mb": usage.peak_mb}


def bytes_a_row(folder: Path, n: int) -> float:
    files = [p for p in (folder / f"results-{n}" / "runs").rglob("*") if p.is_file()]
    runs = len(list((folder / f"results-{n}" / "runs").glob("2*")))
    return sum(p.stat().st_size for p in files) / n / runs


_READ = """
import sys, time
import olmo_eval.results.compare, scipy.special, pyarrow.parquet, pyarrow.compute
from olmo_eval.results.store import Store
from olmo_eval.results.compare import compare
runs = Store(sys.argv[1]).runs()
began = time.perf_counter()
found = compare(runs[0], runs[1])
print(time.perf_counter() - began, found.tasks[0].score_a, found.tasks[0].verdict.kind)
"""


def reading(folder: Path, n: int) -> str:
    """Seconds for the means and the paired comparison of the two runs, after start-up."""
    command = [sys.executable, "-c", _READ, str(folder / f"results-{n}")]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


_SLOW_TASK = """
import anyio
from attrs import frozen
from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import AsyncScorer
from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Task, register


@frozen
class Slow(AsyncScorer):
    name = "slow"

    async def score_async(self, instance, output, episode):
        await anyio.sleep(0.4)
        return 1.0


@register("slow")
class SlowTask(Task):
    data_source = DataSource(path={data!r}, source_type="local")
    formatter = GenerationFormatter(template="{{{{question}}}}")
    metrics = (AccuracyMetric(scorer=Slow),)

    def process_doc(self, doc):
        return Instance(question=doc["question"], gold_answer=doc["answer"],
                        metadata={{"id": doc["id"]}})
"""


def two_stages(folder: Path) -> str:
    """Seconds of a run with a slow scorer, and of its stages."""
    data, plugin = folder / "few.jsonl", folder / "slow.py"
    write_rows(data, 40)
    plugin.write_text(_SLOW_TASK.format(data=str(data)))
    results = folder / "slow"
    command = [sys.executable, "-m", "olmo_eval.cli", "run", "--plugin", str(plugin), "-m", "mock"]
    command += ["-t", "slow", "--results", str(results), "-o", "provider.kwargs.latency=0.1"]
    command += ["-o", "max_concurrency=4", "-o", "scoring_concurrency=4"]
    subprocess.run(command, check=True, capture_output=True)
    (lock,) = results.glob("runs/2*/lock.json")
    sitting = json.loads(lock.read_text())["sessions"][-1]
    whole, engine, scoring = (
        sitting[f"{name}_seconds"] for name in ("evaluate", "engine", "scoring")
    )
    slower = max(engine, scoring)
    return f"{whole:.2f} s; engine {engine:.2f} s, scoring {scoring:.2f} s; {whole / slower:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 50_000])
    parser.add_argument("--million", action="store_true", help="also 1,000,000 instances")
    options = parser.parse_args()
    sizes = [*options.sizes, *([1_000_000] if options.million else [])]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        titles = ("wall s", "cpu s", "per s", "peak MB")
        print(f"{'instances':>10}", *(f"{title:>8}" for title in titles), f"{'B/row':>6}")
        for n in sizes:
            first = run(folder, n, 0.6)
            run(folder, n, 0.65)
            rate = n / first["wall"]
            row = f"{n:>10,} {first['wall']:>8.2f} {first['cpu']:>8.2f} {rate:>8,.0f}"
            print(f"{row} {first['peak_mb']:>8.0f} {bytes_a_row(folder, n):>6.0f}")
            print(f"{'':>10} comparing the two runs: {reading(folder, n)}")
        print(f"a slow scorer: {two_stages(folder)} times the slower stage")


if __name__ == "__main__":
    main()
