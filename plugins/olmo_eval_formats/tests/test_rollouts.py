"""Dumps of trainers: verl's and TRL's own, see logs/README.md."""

import json

import pyarrow.parquet as pq
import pytest

from olmo_eval import compare


def test_the_steps_of_a_folder_of_verl_are_runs(desk, logs):
    runs = desk.take(logs / "verl/validation", "--model", "policy")

    assert [(r.model, r.facts.step, r.facts.group) for r in runs] == [
        ("policy", 10, "verl"),
        ("policy", 20, "verl"),
    ]
    for run in runs:
        path = logs / f"verl/validation/{run.facts.step}.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for name in ("score", "reward", "acc"):
            told = sum(row[name] for row in rows) / len(rows)
            assert desk.values(run)[f"validation {name}:verl"] == pytest.approx(told)


def test_samples_of_one_prompt_are_one_instance(desk, logs):
    first, second = desk.take(logs / "verl/validation")

    rows = list(first.rows("validation"))
    assert len(rows) == 3
    assert rows[0]["scores"]["verl"] == [1.0, 0.0]
    assert [output["answer"] for output in rows[0]["outputs"]] == ['"5"', '"4"']
    (row,) = compare(first, second).tasks
    assert (row.verdict.wins, row.verdict.losses, row.verdict.n) == (3, 0, 3)


def test_completions_of_trl_have_their_rewards(desk, logs):
    runs = desk.take(logs / "trl/grpo")

    assert [run.facts.step for run in runs] == [1, 2]
    for run in runs:
        path = logs / f"trl/grpo/completions/completions_{run.facts.step:05d}.parquet"
        table = pq.read_table(path).to_pydict()
        for name in ("right", "brief"):
            told = sum(table[name]) / len(table[name])
            assert desk.values(run)[f"grpo_completions {name}:trl"] == pytest.approx(told)
    (row, *_) = runs[0].rows("grpo_completions")
    assert len(row["outputs"]) == 2
    assert "advantage" in json.loads(row["outputs"][0]["evidence"])


def test_messages_are_kept_as_such(desk, tmp_path):
    import pyarrow as pa

    said = [[{"role": "user", "content": "2 + 3?"}]] * 2
    answers = [[{"role": "assistant", "content": text}] for text in ("5", "6")]
    table = {"step": [7, 7], "prompt": said, "completion": answers, "right": [1.0, None]}
    pq.write_table(pa.table(table), tmp_path / "completions_00007.parquet")

    (run,) = desk.take(tmp_path / "completions_00007.parquet")

    (row,) = run.rows(run.task_names[0])
    assert json.loads(row["request"]["messages"]) == said[0]
    assert [output["text"] for output in row["outputs"]] == ["5", "6"]
    assert row["values"]["right:trl"] == 1.0  # of the sample that has one


def test_a_file_that_is_no_dump_is_refused(desk, tmp_path):
    (tmp_path / "3.jsonl").write_text('{"input": "a", "output": "b", "score": 1, "step": 3}\n[]\n')

    code, _, err = desk.ended("results", "import", tmp_path / "3.jsonl")
    assert code == 1 and "3.jsonl, line 2 is not a JSON object" in err

    (tmp_path / "note.txt").write_text("hello")
    code, _, err = desk.ended("results", "import", tmp_path / "note.txt")
    assert code == 2 and "no log that an importer recognizes" in err and "inspect" in err
    code, _, err = desk.ended("results", "import", tmp_path / "gone.json")
    assert code == 2 and "does not exist" in err
