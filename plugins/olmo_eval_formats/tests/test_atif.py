"""Transcripts to ATIF and back; to chats in OpenAI's shape."""

import json

import pytest

from olmo_eval.results.transcripts import transcripts


def helper(desk, logs):
    (run,) = desk.take(logs / "inspect/helper.eval")
    return run


def test_a_step_is_an_answer_with_its_calls_and_their_results(desk, logs):
    run = helper(desk, logs)

    printed = desk.cli(
        "results", "transcript", run.run_id, "1", "--format", "atif", "-o", "one.json"
    )

    assert printed.startswith("1 transcript written to one.json")
    assert "outcomes and scores (kept under extra) (1)" in printed
    document = json.loads((desk.folder / "one.json").read_text())
    assert document["schema_version"] == "ATIF-v1.8"
    steps = document["steps"]
    assert [step["step_id"] for step in steps] == [1, 2, 3, 4, 5]
    assert [step["source"] for step in steps] == ["user", "agent", "agent", "user", "agent"]
    (call,) = steps[1]["tool_calls"]
    assert (call["function_name"], call["arguments"]) == ("add", {"x": 2, "y": 3})
    (result,) = steps[1]["observation"]["results"]
    assert (result["source_call_id"], result["content"]) == (call["tool_call_id"], "5")
    assert steps[2]["reasoning_content"] == "I should say it."
    assert steps[4]["metrics"] == {"prompt_tokens": 7, "completion_tokens": 3, "cached_tokens": 0}
    assert document["final_metrics"]["total_steps"] == 5


def test_what_comes_back_is_what_went_out(desk, logs):
    run = helper(desk, logs)
    desk.cli("results", "transcript", run.run_id, "--format", "atif", "-o", "out/one.json")

    (back,) = desk.take("out/one.json")

    (before,), (after,) = transcripts(run, "helper"), transcripts(back, "helper")
    for name in ("events", "messages", "tools", "text", "answer", "gold", "outcome", "values"):
        assert getattr(after, name) == getattr(before, name), name
    assert after.usage == before.usage
    assert desk.values(back) == desk.values(run)


def test_a_folder_holds_a_file_for_each_sample(desk, logs):
    (run,) = desk.take(logs / "inspect/plain-sums.eval")

    desk.cli("results", "transcript", run.run_id, "--format", "atif", "-o", "all")

    names = sorted(p.name for p in (desk.folder / "all/plain_sums").iterdir())
    assert len(names) == 8 and names[:2] == ["s0.0.json", "s0.1.json"]
    (back,) = desk.take("all")
    assert desk.values(back) == pytest.approx(desk.values(run))


def test_a_foreign_document_has_no_score_and_that_is_no_zero(desk):
    document = {
        "schema_version": "ATIF-v1.6",
        "session_id": "s-1",
        "agent": {"name": "somebody", "version": "2", "model_name": "some-model"},
        "steps": [
            {"step_id": 1, "source": "system", "message": "Be kind."},
            {"step_id": 2, "source": "user", "message": [{"type": "text", "text": "Hi"},
                                                         {"type": "image", "source": {}}]},
            {"step_id": 3, "source": "agent", "message": "Hello",
             "metrics": {"prompt_tokens": 4, "completion_tokens": 1, "logprobs": [-0.5]}},
        ],
    }  # fmt: skip
    (desk.folder / "foreign.json").write_text(json.dumps(document))

    printed = desk.cli("results", "import", "foreign.json")

    assert "0 of 1" in printed and "missing in foreign: 1 scorer_failed" in printed
    assert "parts of messages of the type 'image' (1)" in printed
    assert "'logprobs' of steps (1)" in printed
    (run,) = desk.take("foreign.json")
    (score,) = run.scores()
    assert (score.value, run.model, run.status) == (None, "some-model", "incomplete")
    assert "[assistant, turn 1]  4 + 1 tokens" in desk.cli(
        "results", "transcript", run.run_id, "s-1"
    )


def test_chats_are_lines_of_messages(desk, logs):
    run = helper(desk, logs)

    printed = desk.cli("results", "transcript", run.run_id, "--format", "openai", "-o", "c.jsonl")

    (line,) = (desk.folder / "c.jsonl").read_text().splitlines()
    chat = json.loads(line)
    roles = [message["role"] for message in chat["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "user", "assistant"]
    called = chat["messages"][1]["tool_calls"][0]
    assert json.loads(called["function"]["arguments"]) == {"x": 2, "y": 3}
    assert chat["messages"][2]["tool_call_id"] == called["id"]
    assert chat["tools"][0]["function"]["name"] == "add"
    assert chat["metadata"]["instance_id"] == "1"
    assert "thoughts of the model (1)" in printed and "counts of tokens (3)" in printed


def test_what_is_no_chat_is_left_out_and_said(desk, logs):
    (run,) = desk.take(logs / "lm_eval/step200")

    printed = desk.cli("results", "transcript", run.run_id, "--format", "openai", "-o", "c.jsonl")
    assert "12 transcripts written" in printed
    assert "instances whose continuations were scored, which are no chats (24)" in printed

    code, _, err = desk.ended(
        "results", "transcript", run.run_id, "-t", "facts", "--format", "atif", "-o", "x"
    )
    assert code == 2 and "no place for any of these transcripts" in err
    assert not (desk.folder / "x").exists()
    code, _, err = desk.ended("results", "transcript", run.run_id, "--format", "atof", "-o", "x")
    assert code == 2 and "atif" in err


@pytest.mark.engine
def test_every_document_is_valid_by_the_package_of_the_format(desk, logs):
    from atif import Trajectory

    runs = desk.take(logs / "inspect")
    for run in runs:
        printed = desk.cli("results", "transcript", run.run_id, "--format", "atif", "-o", "all/")
        assert "not validated" not in printed
    files = list((desk.folder / "all").rglob("*.json"))
    assert len(files) == 19
    for file in files:
        Trajectory.model_validate_json(file.read_text())
