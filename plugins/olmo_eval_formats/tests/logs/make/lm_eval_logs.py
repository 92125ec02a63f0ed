"""Evaluate two tiny checkpoints with lm-evaluation-harness: lm_eval_logs.py CHECKPOINTS OUTPUT.

Four kinds of tasks: two filters, choices with a metric of all documents at once (mcc), and the
perplexity of texts.
"""

import gzip
import json
import os
import pathlib
import sys
import tempfile

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1")

import lm_eval
import yaml
from lm_eval.loggers import EvaluationTracker
from lm_eval.tasks import TaskManager

checkpoints, output = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
data = pathlib.Path(__file__).resolve().parents[4] / "olmo_eval_tasks/src/olmo_eval_tasks/tiny/data"
work = pathlib.Path(tempfile.mkdtemp())
os.chdir(work)
for name in ("tiny_facts", "tiny_sums"):
    with gzip.open(data / name / "test.jsonl.gz", "rt") as file:
        rows = file.read().splitlines()[:12]
    (work / f"{name}.jsonl").write_text("\n".join(rows) + "\n")


def task(name, file, **settings):
    told = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": f"{file}.jsonl"}},
        "test_split": "test",
        "metadata": {"version": 1.0},
        **settings,
    }
    (work / f"{name}.yaml").write_text(yaml.safe_dump(told))


def metric(name, aggregation="mean", better=True):
    return {"metric": name, "aggregation": aggregation, "higher_is_better": better}


task(
    "sums",
    "tiny_sums",
    output_type="generate_until",
    doc_to_text="Question: {{question}}\nAnswer:",
    doc_to_target="{{answer}}",
    generation_kwargs={"until": ["\n"], "max_gen_toks": 8, "do_sample": False},
    metric_list=[metric("exact_match")],
    filter_list=[
        {"name": "strict", "filter": [{"function": "take_first"}]},
        {
            "name": "number",
            "filter": [
                {"function": "regex", "regex_pattern": "(\\d+)"},
                {"function": "take_first"},
            ],
        },
    ],
)
task(
    "facts",
    "tiny_facts",
    output_type="multiple_choice",
    doc_to_text="Question: {{question}}\nAnswer:",
    doc_to_target="gold",
    doc_to_choice="choices",
    metric_list=[metric("acc"), metric("acc_norm"), metric("mcc", "matthews_corrcoef")],
)
task(
    "prose",
    "tiny_facts",
    output_type="loglikelihood_rolling",
    doc_to_text="",
    doc_to_target="{{question}}",
    metric_list=[
        metric("word_perplexity", "weighted_perplexity", False),
        metric("bits_per_byte", "bits_per_byte", False),
    ],
)

for step in ("step200", "step1000"):
    (work / step).symlink_to(checkpoints / step)
    tracker = EvaluationTracker(output_path=str(output))
    results = lm_eval.simple_evaluate(
        model="hf",
        model_args=f"pretrained={step},dtype=float32",
        tasks=["sums", "facts", "prose"],
        task_manager=TaskManager(include_path=str(work), include_defaults=False),
        device="cpu",
        num_fewshot=0,
        log_samples=True,
        bootstrap_iters=0,
        evaluation_tracker=tracker,
    )
    samples = results.pop("samples")
    tracker.save_results_aggregated(results=results, samples=samples)
    for name, some in samples.items():
        tracker.save_results_samples(task_name=name, samples=some)

for path in output.rglob("results_*.json"):
    told = json.loads(path.read_text())
    told.pop("pretty_env_info", None)  # of the machine
    path.write_text(json.dumps(told, indent=1) + "\n")
