"""What identifies a task, a harness and a model; what a comparison refuses, by name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from olmo_eval import compare
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.errors import UsageError
from olmo_eval.evals.suites import Suite
from olmo_eval.evals.suites import register as register_suite
from olmo_eval.evals.tasks.common.spec import parse_spec, task_class
from olmo_eval.harness.config import HarnessConfig
from olmo_eval.results.differences import differing_inputs
from olmo_eval.results.store import Run
from olmo_eval.runner.record import run_record
from olmo_eval.runner.resolve import resolve
from olmo_eval.runner.spec import RunSpec, TaskRequest

Change = Callable[[Any], Mapping[str, Any]]


def changed_fields(a: Run, b: Run, task: str) -> set[str]:
    """The inputs of a task that a comparison calls different."""
    in_b = b.task_record(task)["name"]  # which says what was overridden
    return {difference.field for difference in differing_inputs(a.record, b.record, task, in_b)}


def answer_anew(rows: list[dict[str, Any]]) -> None:
    rows[3]["answer"] = "something else"


def shot_anew(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        row["question"] = f"New {row['question']}"


def edits_data(bench: Any) -> dict[str, Any]:
    bench.edit("sums/test.jsonl", answer_anew)
    return {}


def edits_shots(bench: Any) -> dict[str, Any]:
    bench.edit("sums/train.jsonl", shot_anew)
    return {}


MUTATIONS: list[tuple[str, Change, str]] = [
    ("data", edits_data, "data"),
    ("few-shot rows", edits_shots, "fewshot"),
    ("few-shot count", lambda _: {"overrides": ["num_fewshot=3"]}, "fewshot"),
    ("few-shot seed", lambda _: {"overrides": ["fewshot_seed=8"]}, "fewshot"),
    ("template", lambda _: {"overrides": ["formatter.template='{question} ='"]}, "formatter"),
    ("temperature", lambda _: {"overrides": ["temperature=0.5"]}, "sampling"),
    ("stops", lambda _: {"overrides": ['stop_sequences=["\\n\\n"]']}, "sampling"),
    ("answer cap", lambda _: {"overrides": ["max_tokens=17"]}, "sampling"),
    ("prompt cap", lambda _: {"overrides": ["max_length=512"]}, "max_length"),
    ("extraction", lambda _: {"overrides": ["answer_extractor=textwrap:dedent"]}, "extraction"),
    (
        "scorer settings",
        lambda _: {"overrides": {"metrics": AccuracyMetric(ExactMatchScorer(case_sensitive=True))}},
        "scorers",
    ),
    ("metrics", lambda _: {"overrides": ["metrics=[accuracy:exact_match, pass_at_1:exact_match]"]},
     "metrics"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "field"), [m[1:] for m in MUTATIONS], ids=[m[0] for m in MUTATIONS]
)
def test_a_changed_input_is_the_one_that_is_named(bench: Any, change: Change, field: str) -> None:
    task = "sums:2shot"
    before = bench.evaluate(task, results="before")
    after = bench.evaluate(task, results="after", **change(bench))

    assert changed_fields(before, after, task) - {"request"} == {field}
    with pytest.raises(UsageError) as refused:
        compare(before, after)
    assert str(refused.value.hint).endswith(f"all the same: --allow-different {field}")
    for other in {"data", "scorers", "sampling"} - {field}:
        assert other in refused.value.message.rpartition("(")[2]  # ... equal)
    assert compare(before, after, allow_different=[field]).tasks[0].name == task


# -- the code of a task


def test_a_new_version_of_a_tasks_code_is_named(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bench.evaluate("sums", results="before")
    monkeypatch.setattr(task_class(parse_spec("sums")), "version", 2, raising=False)
    after = bench.evaluate("sums", results="after")

    assert changed_fields(before, after, "sums") == {"prompt_code"}
    with pytest.raises(UsageError, match="sums: task code differ"):
        compare(before, after)
    assert "task code differ" in compare(before, after, allow_different=["prompt_code"]).notes[0]


def test_a_task_that_asks_otherwise_is_named(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cls = task_class(parse_spec("sums"))
    ask = cls.process_doc
    before = bench.evaluate("sums", results="before")

    def politely(self: Any, doc: dict[str, Any], index: int = 0) -> Instance | None:
        return ask(self, {**doc, "question": f"Please: {doc['question']}"})

    monkeypatch.setattr(cls, "process_doc", politely)
    after = bench.evaluate("sums", results="after")

    with pytest.raises(UsageError, match=r"sums: rendered requests differ: .*, data|\(data"):
        compare(before, after)


def first_word(self: Any, output: LMOutput) -> str:
    return output.text.split()[0]


def test_a_tasks_own_extraction_is_part_of_what_it_measures(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bench.evaluate("sums", results="before")
    monkeypatch.setattr(task_class(parse_spec("sums")), "extract_answer", first_word)
    after = bench.evaluate("sums", results="after")

    assert "extraction" in changed_fields(before, after, "sums")
    with pytest.raises(UsageError, match="answer extraction differ"):
        compare(before, after)


# -- harnesses


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"system_prompt": "Be brief."}, "system_prompt"),
        ({"tools": ["calculator"], "scaffold": "tool_loop"}, "tools"),
        ({"max_turns": 3}, "max_turns"),
        ({"max_total_tokens": 999}, "max_total_tokens"),
    ],
    ids=["system prompt", "tools", "turns", "tokens"],
)
def test_a_changed_harness_is_named(bench: Any, settings: dict[str, Any], named: str) -> None:
    if "tools" in settings:
        pytest.importorskip("olmo_eval_scaffolds")
    before = bench.evaluate("sums", results="before")
    after = bench.evaluate("sums", results="after", harness=settings)

    assert before.record["harness"]["hash"] != after.record["harness"]["hash"]
    assert before.record["lock"]["tasks"] == after.record["lock"]["tasks"]
    with pytest.raises(UsageError, match=rf"harness settings \({named}\)"):
        compare(before, after)
    compare(before, after, allow_different=["harness"])


# -- models


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A folder in the shape of a checkpoint."""
    folder = tmp_path / "step100"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "model.safetensors").write_bytes(bytes(range(256)) * 8)
    (folder / "tokenizer_config.json").write_text('{"chat_template": "{{ messages }}"}')
    return folder


def record_of(
    model: Path, *tasks: str, engine: str = "embedded", **settings: Any
) -> dict[str, Any]:
    """What run.json would say; nothing is loaded."""
    requests = [TaskRequest(task) for task in tasks or ("sums",)]
    harness = HarnessConfig.from_dict(settings)
    return run_record(resolve(RunSpec(str(model), requests, harness=harness, provider=engine)))


def new_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(bytes(reversed(range(256))) * 8)


def new_template(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text('{"chat_template": "<{{ messages }}>"}')


def new_config(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "llama", "rope_theta": 1}')


@pytest.mark.parametrize("change", [new_weights, new_template, new_config])
def test_another_model_at_the_same_path_is_another_model(
    bench: Any, checkpoint: Path, change: Callable[[Path], None]
) -> None:
    before = record_of(checkpoint)
    change(checkpoint)
    after = record_of(checkpoint)

    assert before["model"]["fingerprint"] != after["model"]["fingerprint"]
    assert before["identity"] != after["identity"]
    assert before["reuse_key"] != after["reuse_key"]
    assert before["lock"]["tasks"] == after["lock"]["tasks"]
    templates = [r["lock"]["model"]["chat_template"] for r in (before, after)]
    assert (templates[0] != templates[1]) == (change is new_template)


def test_another_chat_template_is_named_where_questions_go_through_it(
    bench: Any, checkpoint: Path
) -> None:
    tally = Path(__file__).parent.parent / "packs/tally.py"
    chatty = {"harness": {"system_prompt": "Add."}}
    runs = []
    for change in (lambda _: None, new_template):
        change(checkpoint)
        for settings in ({}, chatty):
            runs.append(
                bench.evaluate("sums", model=f"tally:{checkpoint}", plugin=[str(tally)], **settings)
            )
    plain, chat, new_plain, new_chat = runs

    assert compare(plain, new_plain).tasks[0].differences == ()
    with pytest.raises(UsageError, match="sums: chat template differ") as refused:
        compare(chat, new_chat)
    assert "--allow-different chat_template" in str(refused.value.hint)
    compare(chat, new_chat, allow_different=["chat_template"])


def test_a_model_is_its_content_not_its_place(bench: Any, checkpoint: Path, tmp_path: Path) -> None:
    before = record_of(checkpoint)
    moved = tmp_path / "elsewhere" / "step100"
    shutil.copytree(checkpoint, moved)
    (moved / "optimizer.pt").write_bytes(b"what training left behind")
    after = record_of(moved)

    assert before["lock"] == after["lock"]
    assert before["identity"] == after["identity"]


def test_two_engines_are_two_runs_that_may_be_compared(bench: Any, checkpoint: Path) -> None:
    one, other = record_of(checkpoint), record_of(checkpoint, engine="hf")

    assert one["lock"] == other["lock"]
    assert one["identity"] != other["identity"]
    assert one["reuse_key"] != other["reuse_key"]

    run = bench.evaluate("sums")
    elsewhere = {**run.record["model"], "provider": "hf"}
    record = {**run.record, "run_id": "other", "model": elsewhere}
    other = Run(run.location, record)
    other.record.update(record)
    notes = compare(run, other).notes
    assert "A was answered by the provider mock, B by hf" in notes


# -- what must not matter


@pytest.mark.parametrize(
    "settings",
    [
        {"max_concurrency": 3},
        {"scoring_concurrency": 2},
        {"provider": {"max_concurrency": 7}},
        {"provider": {"timeout": 5.0, "max_retries": 1}},
        {"provider": {"devices": ["3"], "num_instances": 2}},
        {"provider": {"kwargs": {"api_key": "not-so-secret"}}},
        {"sandboxes": [{"instances": 9}]},
    ],
    ids=lambda s: json.dumps(s),
)
def test_pace_and_secrets_are_not_identity(
    bench: Any, checkpoint: Path, settings: dict[str, Any]
) -> None:
    plain: dict[str, Any] = {"sandboxes": [{}]} if "sandboxes" in settings else {}

    found, expected = record_of(checkpoint, **settings), record_of(checkpoint, **plain)

    assert found["lock"] == expected["lock"]
    assert found["identity"] == expected["identity"]


def test_the_order_of_tasks_is_not_identity(bench: Any, checkpoint: Path) -> None:
    one, other = record_of(checkpoint, "sums", "pick"), record_of(checkpoint, "pick", "sums")

    assert one["identity"] == other["identity"]


def test_a_tasks_lock_does_not_know_the_other_tasks(bench: Any, checkpoint: Path) -> None:
    alone, among = (
        record_of(checkpoint, "sums"),
        record_of(checkpoint, "pick", "sums:2shot", "sums"),
    )

    assert alone["lock"]["tasks"]["sums"] == among["lock"]["tasks"]["sums"]
    assert alone["reuse_key"] == among["reuse_key"]


def test_data_is_its_content_not_its_place(bench: Any) -> None:
    before = bench.evaluate("sums", results="a")
    shutil.move("sums/test.jsonl", "renamed.jsonl")
    after = bench.evaluate("sums", results="b", overrides=["data_source=renamed.jsonl"])

    assert changed_fields(before, after, "sums") == set()
    assert before.record["lock"]["tasks"]["sums"]["hash"] in json.dumps(after.record)


def test_the_results_folder_is_not_identity(bench: Any) -> None:
    one, other = (bench.evaluate("sums", results=name) for name in ("here", "there"))

    assert one.record["identity"] == other.record["identity"]
    assert one.record["lock"] == other.record["lock"]


def test_a_suite_is_another_run_than_its_tasks(bench: Any) -> None:
    register_suite(Suite("pair", ("sums", "pick")))
    tasks = bench.evaluate("sums", "pick")
    suite = bench.evaluate("pair")

    assert tasks.run_id != suite.run_id
    assert "pair" in [score.name for score in suite.scores()]
    assert [entry["reused"] for entry in suite.record["tasks"]] == [40, 30]
