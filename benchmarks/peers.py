"""The work of ``overhead.py`` as lm-evaluation-harness and Inspect do it, in their environment.

The same questions behind the same five examples, an engine that answers at once, exact match, every
request and output logged.
"""

from __future__ import annotations

import json
from pathlib import Path

_YAML = """
task: overhead
dataset_path: json
dataset_kwargs:
  data_files: {{test: {data}, train: {shots}}}
test_split: test
fewshot_split: train
num_fewshot: 5
output_type: generate_until
doc_to_text: "Question: {{{{question}}}}\\nAnswer:"
doc_to_target: "{{{{answer}}}}"
generation_kwargs: {{until: ["\\n\\n"], max_gen_toks: 64}}
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
"""

_INSPECT = """
from inspect_ai import Task, task
from inspect_ai.dataset import Sample, json_dataset
from inspect_ai.scorer import exact
from inspect_ai.solver import generate

SHOTS = {shots!r}


@task
def overhead():
    def sample(row):
        prompt = SHOTS + "Question: " + row["question"] + "\\nAnswer:"
        return Sample(input=prompt, target=row["answer"], id=row["id"])

    return Task(json_dataset({data!r}, sample), solver=generate(), scorer=exact())
"""

_CODE = """
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import Score, accuracy, scorer
from inspect_ai.util import sandbox


@scorer(metrics=[accuracy()])
def runs():
    async def score(state, target):
        done = await sandbox().exec(["python3", "-c", {program!r}])
        return Score(value=1 if done.success else 0)

    return score


@task
def code():
    samples = [Sample(input=str(n), target="1") for n in range({count})]
    return Task(samples, scorer=runs(), sandbox=("docker", "compose.yaml"))
"""

_COMPOSE = """
services:
  default:
    image: {image}
    command: tail -f /dev/null
    init: true
    network_mode: none
"""

#: each reads what one run logged, twice, and prints the seconds of two means and their paired
#: difference after imports
READ = {
    "lm_eval": """
import glob, json, sys, time
import numpy as np
began = time.perf_counter()
def values():
    (file,) = glob.glob(sys.argv[1] + "/**/samples_*.jsonl", recursive=True)
    return {d["doc_id"]: d["exact_match"] for d in map(json.loads, open(file))}
""",
    "inspect": """
import glob, sys, time
import numpy as np
from inspect_ai.log import read_eval_log
began = time.perf_counter()
def values():
    (file,) = glob.glob(sys.argv[1] + "/*.eval")
    log = read_eval_log(file)
    return {s.id: float(next(iter(s.scores.values())).value == "C") for s in log.samples}
""",
}
#: says how many samples of a log of Inspect are finished; its command exits with 0 where none is
FINISHED = """
import glob, sys
from inspect_ai.log import read_eval_log
(file,) = glob.glob(sys.argv[1] + "/*.eval")
log = read_eval_log(file, header_only=True)
print(log.results.completed_samples if log.status == "success" and log.results else 0)
"""
_PAIRED = """
a, b = values(), values()
difference = np.array([b[k] - a[k] for k in a])
mean, error = difference.mean(), difference.std(ddof=1) / len(difference) ** 0.5
print(time.perf_counter() - began)
"""


def reader(peer: str) -> str:
    """A script that reads the log in a folder; prints seconds."""
    return READ[peer] + _PAIRED


def write_lm_eval(folder: Path, data: Path, shots: Path) -> list[str]:
    """Its task below ``folder``; arguments of ``lm_eval`` that run it."""
    tasks = folder / "lm_eval_tasks"
    tasks.mkdir(exist_ok=True)
    (tasks / "overhead.yaml").write_text(_YAML.format(data=data, shots=shots))
    chosen = ["--tasks", "overhead", "--include_path", str(tasks)]
    return ["--model", "dummy", *chosen, "--log_samples", "--output_path"]


def write_inspect(folder: Path, data: Path, shots: Path) -> Path:
    """Its task as a file."""
    rows = [json.loads(line) for line in shots.read_text().splitlines()[:5]]
    text = "".join(f"Question: {r['question']}\nAnswer: {r['answer']}\n\n" for r in rows)
    file = folder / "overhead_inspect.py"
    file.write_text(_INSPECT.format(shots=text, data=str(data)))
    return file


def write_code(folder: Path, program: str, image: str, count: int) -> Path:
    """Inspect's task that runs a program for each of ``count`` samples in its docker sandbox."""
    (folder / "compose.yaml").write_text(_COMPOSE.format(image=image))
    file = folder / "code_inspect.py"
    file.write_text(_CODE.format(program=program, count=count))
    return file
