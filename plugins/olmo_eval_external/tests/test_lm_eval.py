"""lm-evaluation-harness itself, on the tiny model: its scores are those of its own engine."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olmo_eval.results.run import Run
from olmo_eval.results.store import Store

pytestmark = pytest.mark.engine

YAML = """
task: {name}
dataset_path: json
dataset_kwargs:
  data_files: {{test: {file}}}
test_split: test
doc_to_text: "Question: {{{{question}}}}\\nAnswer:"
metadata: {{version: 1.0}}
"""
CHOICES = """
output_type: multiple_choice
doc_to_choice: "{{choices}}"
doc_to_target: "{{gold}}"
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
  - {metric: acc_norm, aggregation: mean, higher_is_better: true}
"""
TEXTS = """
output_type: generate_until
doc_to_target: "{{answer}}"
generation_kwargs: {until: ["\\n"], max_gen_toks: 8, do_sample: false}
filter_list:
  - {name: none, filter: [{function: regex, regex_pattern: '(\\d+)'}, {function: take_first}]}
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true}
"""


@pytest.fixture
def tasks(folder: Any, sums: Any, needs: Callable[[str], None]) -> Path:
    """A folder with a task of choices and one of texts."""
    needs("lm_eval")
    needs("aiohttp")
    file = folder.path / "tasks/sums.jsonl"
    folder.write("tasks/choices.yaml", YAML.format(name="sum_choices", file=file) + CHOICES)
    folder.write("tasks/texts.yaml", YAML.format(name="sum_texts", file=file) + TEXTS)
    return folder.path / "tasks"


def own_results(tasks: Path, model: Path) -> Any:
    """What lm_eval makes of the tasks by itself, with its own engine."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    with open(os.devnull, "w") as nothing, contextlib.redirect_stderr(nothing):
        return simple_evaluate(
            model="hf",
            model_args={"pretrained": str(model), "dtype": "float32"},
            tasks=["sum_choices", "sum_texts"],
            task_manager=TaskManager(include_path=str(tasks)),
            bootstrap_iters=0,
            device="cpu",
        )


OWN_CLIENT = """
import asyncio
import json
import os
import olmo_eval
from olmo_eval.evals.external import ExternalEval, ExternalEvalResult, ExternalMetric

class OwnClient(ExternalEval):
    metrics = (ExternalMetric("acc", higher_is_better=True),)

    async def execute(self, context):
        return await asyncio.to_thread(self.evaluate, context)

    def evaluate(self, context):
        from lm_eval import simple_evaluate
        from lm_eval.tasks import TaskManager
        endpoint = context.endpoint()
        os.environ.update(endpoint.environment())
        found = simple_evaluate(
            model="local-completions",
            model_args={
                "base_url": endpoint.base_url + "/completions", "model": endpoint.model,
                "tokenizer": context.model_name, "tokenizer_backend": "huggingface",
                "add_bos_token": True, "num_concurrent": 4,
            },
            tasks=["sum_choices", "sum_texts"],
            task_manager=TaskManager(include_path="tasks"),
            bootstrap_iters=0,
        )
        (context.folder / "own.json").write_text(json.dumps({
            "resps": [s["resps"] for s in found["samples"]["sum_choices"]],
            "texts": [s["resps"] for s in found["samples"]["sum_texts"]],
        }))
        return ExternalEvalResult({"acc": found["results"]["sum_choices"]["acc,none"]})

@olmo_eval.hookimpl
def register_external_evals(register):
    register("own_client", OwnClient)
"""


def test_scores_are_those_of_its_own_engine(
    folder: Any, tasks: Path, checkpoints: Path, needs: Callable[[str], None]
) -> None:
    for distribution in ("accelerate", "torch", "transformers"):
        needs(distribution)
    folder.write("own_client.py", OWN_CLIENT)
    model = checkpoints / "step600"
    embedded = ("--provider", "embedded")

    done = folder.run(
        "lm_eval", model, "-a", "tasks=sum_choices,sum_texts", "-a", f"include_path={tasks}",
        *embedded,
    )  # fmt: skip
    client = folder.cli(
        "external", "run", "own_client", "-m", model, *embedded, "--plugin", "own_client.py"
    )
    own = own_results(tasks, model)

    assert done.code == 0, done.err
    assert client.code == 0, client.err
    runs = {run.task_names[0]: run for run in Store(str(folder.path / "results")).runs()}
    ours = runs["lm_eval:sum_choices,sum_texts"]
    the_scores_are_equal(ours, own)
    the_log_likelihoods_are_equal(ours, own)
    what_its_client_got_is_equal(runs["own_client"], own)


def the_scores_are_equal(run: Run, own: Any) -> None:
    found = {score.metric: score.value for score in run.scores()}
    assert found["sum_choices/acc"] == own["results"]["sum_choices"]["acc,none"]
    assert found["sum_choices/acc_norm"] == own["results"]["sum_choices"]["acc_norm,none"]
    assert found["sum_texts/exact_match"] == own["results"]["sum_texts"]["exact_match,none"]
    assert 0 < found["sum_choices/acc"] < 1
    rows = {row["instance_id"]: row for row in run.instances(run.task_names[0]).to_pylist()}
    for task, metric in (("sum_choices", "acc"), ("sum_texts", "exact_match")):
        for sample in own["samples"][task]:
            row = rows[f"{task}/{sample['doc_hash'][:20]}"]
            assert row["values"][f"{task}/{metric}:external"] == sample[metric]


def the_log_likelihoods_are_equal(run: Run, own: Any) -> None:
    """What the provider measured, in the record of requests."""
    lines = (Path(run.location) / "requests.jsonl").read_text().splitlines()
    asked = [json.loads(line) for line in lines]
    measured = {
        (one["request"]["prompt"], text): output["sum_logprob"]
        for one in asked
        for text, output in zip(one["request"]["continuations"] or (), one["outputs"], strict=False)
    }
    for sample in own["samples"]["sum_choices"]:
        for argument, ((logprob, _),) in zip(sample["arguments"], sample["resps"], strict=True):
            assert measured[tuple(argument[:2])] == pytest.approx(float(logprob), abs=1e-4)


def what_its_client_got_is_equal(run: Run, own: Any) -> None:
    """lm_eval's client of servers, which asks for echoed prompts as token ids."""
    found = json.loads((Path(run.location) / "external/own.json").read_text())
    measured = [value for resps in found["resps"] for resp in resps for value in resp]
    expected = [r for s in own["samples"]["sum_choices"] for resp in s["resps"] for r in resp]
    assert len(measured) == len(expected) == 96
    for (logprob, greedy), (own_logprob, own_greedy) in zip(measured, expected, strict=True):
        assert logprob == pytest.approx(float(own_logprob), abs=1e-4)
        assert greedy == own_greedy
    assert found["texts"] == [s["resps"] for s in own["samples"]["sum_texts"]]


def test_two_checkpoints_are_compared_question_by_question(
    folder: Any, tasks: Path, checkpoints: Path
) -> None:
    arguments = ("-a", f"tasks={tasks}/texts.yaml", "-a", "limit=20", "--provider", "embedded")
    for step in ("step200", "step1000"):
        done = folder.run("lm_eval", checkpoints / step, *arguments, "--name", step)
        assert done.code == 0, done.err

    compared = folder.cli("compare", "name=step200", "name=step1000", "--json")

    (row,) = compared.json["tasks"]
    assert (row["name"], row["metric"]) == ("lm_eval:texts", "exact_match")
    assert (row["verdict"]["kind"], row["score_a"], row["score_b"]) == ("better", 0.1, 1.0)


def test_what_the_user_gets_wrong_is_said_before_anything_is_asked(
    folder: Any, tasks: Path
) -> None:
    missing = folder.run("lm_eval", "mock", "-a", "tasks=no.yaml")
    nothing = folder.run("lm_eval", "mock")

    assert (missing.code, "there is no no.yaml" in missing.err) == (2, True)
    assert (nothing.code, "needs the argument 'tasks'" in nothing.err) == (2, True)
