"""What a store of many runs costs: listing, finding, starting a run, comparing two.

    python benchmarks/store.py [--runs 10000] [--one-model] [--s3]

One real run of 57 tasks is made with the instant mock; the others are written after it through the
project's own writers, each with a model, a step and an identity of its own (``--one-model``: one
model in all of them, so that any may answer for another). Every command is a process of its own;
the first one finds no index. ``--s3`` measures a store at a local S3 server instead
(needs moto[server]) and counts its requests.
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

TASKS = 57
_QUESTIONS = 20

_PLUGIN = """
from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.suites import Suite
from olmo_eval.evals.suites import register as register_suite
from olmo_eval.evals.tasks.common import Task, register


class Subject(Task):
    data_source = DataSource(path={data!r}, source_type="local")
    formatter = GenerationFormatter(template="Question: {{question}}\\nAnswer:")
    sampling_params = SamplingParams(max_tokens=64, stop_sequences=("\\n\\n",))
    metrics = (AccuracyMetric(scorer=ExactMatchScorer),)

    def process_doc(self, doc):
        return Instance(question=doc["question"], gold_answer=doc["answer"],
                        metadata={{"id": doc["id"]}})


names = [f"subject_{{n:02d}}" for n in range({tasks})]
for name in names:
    register(name)(type(name, (Subject,), {{"__module__": __name__}}))
register_suite(Suite(name="subjects", tasks=tuple(names)))


@register("another")
class Another(Subject):
    formatter = GenerationFormatter(template="Q: {{question}}\\nA:")
"""


def make_plugin(folder: Path) -> Path:
    data, plugin = folder / "rows.jsonl", folder / "subjects.py"
    rows = [
        {"id": f"q{n}", "question": f"{n} plus {n}?", "answer": str(2 * n)}
        for n in range(_QUESTIONS)
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    plugin.write_text(_PLUGIN.format(data=str(data), tasks=TASKS))
    return plugin


def make_store(folder: Path, n: int, one_model: bool) -> Path:
    """``folder/results`` with ``n`` runs; their instance tables are links to the first one's."""
    from olmo_eval import evaluate
    from olmo_eval.results.folder import RunFolder

    results = folder / "results"
    plugin = make_plugin(folder)
    os.environ["OLMO_EVAL_PLUGINS"] = str(plugin)
    first = evaluate("mock:first", "subjects", results=str(results))
    template = Path(first.location)
    for number in range(1, n):
        record = _another(first.record, number, one_model)
        made = RunFolder(results / "runs" / record["run_id"])
        (made.path / "instances").mkdir(parents=True)
        for path in template.rglob("*.parquet"):
            os.link(path, made.path / path.relative_to(template))
        made.write_json(record)
    return results


def _another(first: dict[str, Any], number: int, one_model: bool) -> dict[str, Any]:
    record = copy.copy(first)
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
    identity = f"{number:08x}" + first["identity"][8:]
    name = "first" if one_model else f"model{number:05d}"
    record["run_id"] = f"{moment:%Y%m%d-%H%M%S}-{name}-{identity[:8]}"
    record["identity"] = identity
    record["started"] = record["finished"] = moment.isoformat().replace("+00:00", "Z")
    record["group"] = f"group{number % 10}"
    if not one_model:
        fingerprint = f"{number:032x}"
        record["model"] = {
            **first["model"], "name": f"mock:{name}", "fingerprint": fingerprint, "step": number
        }  # fmt: skip
        record["reuse_key"] = record["ask_key"] = fingerprint
    return record


def commands(results: str, a: str, b: str) -> dict[str, list[str]]:
    """What is measured; each is a command of its own process."""
    run = ["run", "-m", "mock:first", "--limit", "5", "--results", results, "--json", "-t"]
    return {
        "results list, without an index": ["results", "list", "--results", results],
        "results list": ["results", "list", "--results", results],
        "results list --group": ["results", "list", "--group", "group3", "--results", results],
        "results show model=..,latest": ["results", "show", f"{b},latest", "--results", results],
        "run of 5 known questions": [*run, "subject_07"],
        "run of 5 new questions": [*run, "another"],
        "compare two runs": ["compare", f"{a},latest", f"{b},latest", "--results", results],
    }


def seconds(arguments: list[str]) -> tuple[float, float]:
    """Wall and CPU time of a command; a run gets a name, so that it is not one that is there."""
    if arguments[0] == "run":
        arguments = [*arguments, "--name", f"run-{time.time_ns()}"]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "olmo_eval.cli", *arguments], capture_output=True, text=True
    )
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"olmo-eval {' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(results: str, forget: Local | Bucket, names: tuple[str, str]) -> None:
    """Print how long each command takes: the first one also without an index."""
    asked = forget.requests if isinstance(forget, Bucket) else None
    print(f"{'':<34} {'wall s':>8} {'cpu s':>8}", f"{'requests':>8}" if asked is not None else "")
    forget()
    for title, arguments in commands(results, *names).items():
        for again in ("", " (again)") if arguments[0] == "run" else ("",):
            before = len(asked or ())
            wall, cpu = seconds(arguments)
            counted = f"{len(asked) - before:>8}" if asked is not None else ""
            print(f"{title + again:<34} {wall:>8.2f} {cpu:>8.2f} {counted}", flush=True)


class Local:
    """Forgets the index of a folder."""

    def __init__(self, results: Path) -> None:
        self.results = results

    def __call__(self) -> None:
        shutil.rmtree(self.results / ".index", ignore_errors=True)


class Bucket:
    """A local S3 server that keeps a list of what it is asked; forgets the local index."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.requests: list[str] = []

    def __call__(self) -> None:
        shutil.rmtree(self.cache, ignore_errors=True)

    @contextmanager
    def serving(self) -> Iterator[None]:
        from moto.moto_server import threaded_moto_server as moto_server

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        application = moto_server.DomainDispatcherApplication

        def counted(*arguments: Any, **settings: Any) -> Any:
            app = application(*arguments, **settings)

            def call(environ: dict[str, Any], start: Any) -> Any:
                self.requests.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
                return app(environ, start)

            return call

        moto_server.DomainDispatcherApplication = counted
        server = moto_server.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        os.environ.update(
            AWS_ENDPOINT_URL=f"http://{host}:{port}",
            AWS_ACCESS_KEY_ID="local-key",
            AWS_SECRET_ACCESS_KEY="local-secret",
            AWS_DEFAULT_REGION="us-east-1",
            AWS_EC2_METADATA_DISABLED="true",
            OLMO_EVAL_CACHE=str(self.cache),
        )
        yield
        server.stop()


def upload(results: Path, bucket: str) -> None:
    """Put every run.json and metrics table into the bucket, and the other tables of some runs."""
    import boto3

    from olmo_eval.common.filesystem import open_filesystem
    from olmo_eval.results.remote_run import put_record
    from olmo_eval.results.store import open_run, primary_rows

    client = boto3.client("s3")
    client.create_bucket(Bucket=bucket)
    store = open_filesystem(f"s3://{bucket}/team")
    folders = sorted((results / "runs").glob("2*"))
    for folder in folders:
        content = (folder / "run.json").read_bytes()
        put_record(*store, folder.name, content, primary_rows(open_run(str(folder))))
        whole = folder in (*folders[:2], *folders[-2:])
        for path in folder.rglob("*.parquet") if whole else [folder / "metrics.parquet"]:
            key = f"team/{path.relative_to(results).as_posix()}"
            client.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--one-model", action="store_true", help="one model in all runs")
    parser.add_argument("--s3", action="store_true", help="at a local S3 server; counts requests")
    parser.add_argument("--keep", type=Path, help="make the store here, or use the one there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        results, began = folder / "results", time.perf_counter()
        if results.exists():
            os.environ["OLMO_EVAL_PLUGINS"] = str(folder / "subjects.py")
        else:
            make_store(folder, options.runs, options.one_model)
            print(f"{options.runs:,} runs made in {time.perf_counter() - began:.0f} s")
        names = ("model=mock:model00001", f"model=mock:model{options.runs - 1:05d}")
        if options.one_model:
            names = ("model=mock:first,group=group1", "model=mock:first,group=group2")
        if not options.s3:
            measure(str(results), Local(results), names)
            return
        server = Bucket(Path(temporary) / "cache")
        with server.serving():
            upload(results, "evals")
            measure("s3://evals/team", server, names)


if __name__ == "__main__":
    main()
