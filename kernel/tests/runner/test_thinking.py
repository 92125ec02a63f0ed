"""Models that think aloud: their thoughts are kept, and nothing is read out of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from olmo_eval.harness import HarnessConfig
from olmo_eval.results.store import Run, Store
from olmo_eval.runner.lock import model_lock

THOUGHT = "<think>\nIs it 7? No.\n\nOne more.</think>\n\n"


def row(run: Run, task: str = "sums") -> dict[str, Any]:
    """The instance that asks for ``0 plus 1``."""
    return next(r for r in run.rows(task) if r["instance_id"] == "s0")


def thinking(text: str, **settings: Any) -> dict[str, Any]:
    return {"provider": {"thinking": True, "kwargs": {"text": text}, **settings}}


def test_stop_sequences_act_on_the_answer(bench: Any) -> None:
    run = bench.evaluate("sums", harness=thinking(f"{THOUGHT}1\nQ: and 7?"))
    kept = row(run)
    (output,) = kept["outputs"]
    assert (output["reasoning"], output["text"]) == ("Is it 7? No.\n\nOne more.", "1")
    assert (output["answer"], output["finish_reason"], kept["outcome"]) == ('"1"', "stop", "scored")
    assert kept["values"] == {"accuracy:exact_match": 1.0}


def test_an_engine_that_is_not_told_cuts_the_thought_and_there_is_no_answer(bench: Any) -> None:
    kept = row(bench.evaluate("sums", text=f"<think>1\n\n{THOUGHT}1"))
    (output,) = kept["outputs"]
    assert (output["text"], output["reasoning"], output["answer"]) == ("", "1", None)
    assert (output["finish_reason"], kept["outcome"]) == ("thinking", "truncated")
    assert kept["values"] == {"accuracy:exact_match": 0.0}


def test_a_thought_cut_at_the_token_limit_is_no_answer(bench: Any) -> None:
    """The opening tag stood in the prompt, so nothing in the text tells that it is a thought."""
    text = "1 " * 40
    marked = row(bench.evaluate("sums", harness=thinking(text), name="marked"))
    assert (marked["outputs"][0]["text"], marked["outcome"]) == ("", "truncated")
    assert marked["outputs"][0]["reasoning"].startswith("1 1")
    plain = row(bench.evaluate("sums", text=text, name="plain"))
    assert (plain["outputs"][0]["reasoning"], plain["outcome"]) == (None, "truncated")


def test_other_tags(bench: Any) -> None:
    harness = thinking("[T]7\n[/T]1", think_tags=["[T]", "[/T]"])
    assert row(bench.evaluate("sums", harness=harness))["outputs"][0]["text"] == "1"


def test_whether_a_model_thinks_is_part_of_what_it_is(bench: Any) -> None:
    one = bench.evaluate("sums", text="1", name="one")
    other = bench.evaluate("sums", harness=thinking("1"), name="other")
    assert one.record["ask_key"] != other.record["ask_key"]
    plain = model_lock(HarnessConfig(), {"fingerprint": "f"})["settings"]
    assert "thinking" not in plain and "think_tags" not in plain  # as before there were any


def test_rescore_and_replay_see_the_same(bench: Any) -> None:
    run = bench.evaluate("sums", harness=thinking(f"{THOUGHT}1"), name="asked")
    assert bench.cli("rescore", run.run_id, "--name", "again").code == 0
    again = Store("results").find("name=again,kind=rescore")
    replayed = bench.evaluate("sums", model=f"replay:{run.run_id}", name="replayed")
    for other in (again, replayed):
        assert row(other)["outputs"][0] == {**row(run)["outputs"][0]}
        assert row(other)["values"] == row(run)["values"]


def test_outputs_of_older_runs_are_told_apart(bench: Any) -> None:
    """They hold thoughts in their text, or what a server thought in their metadata."""
    from olmo_eval.results.record import row_outputs

    kept = row(bench.evaluate("sums"))
    kept["outputs"][0].pop("reasoning")
    kept["outputs"][0]["metadata"] = '{"reasoning":"hm","seen":1}'
    (output,) = row_outputs(kept)
    assert (output.reasoning, output.metadata) == ("hm", {"seen": 1})


RECORDED = [
    ("1\nQ: 2 plus 2? 4", "1", 1.0),
    (f"{THOUGHT}1\nQ: 2 plus 2? 4", "1", 1.0),
    ("\n1", "", 0.0),
    ("<think>1", "", 0.0),
]


@pytest.mark.parametrize(("text", "answer", "value"), RECORDED)
def test_recorded_texts_end_at_the_stop_sequences(
    bench: Any, text: str, answer: str, value: float
) -> None:
    bench.write("out.jsonl", [{"instance_id": "s0", "outputs": [text]}])
    kept = row(bench.evaluate("sums", model="replay:out.jsonl"))
    assert (kept["outputs"][0]["text"], kept["values"]["accuracy:exact_match"]) == (answer, value)


def test_recorded_texts_may_stay_as_they_are(bench: Any) -> None:
    bench.write("out.jsonl", [{"instance_id": "s0", "outputs": ["1\nQ: more"]}])
    harness = {"provider": {"kwargs": {"stops": False}}}
    kept = row(bench.evaluate("sums", model="replay:out.jsonl", harness=harness))
    assert kept["outputs"][0]["text"] == "1\nQ: more"
    assert Path("out.jsonl").is_file()
