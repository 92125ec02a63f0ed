"""What reaches the model from the example tasks."""

from __future__ import annotations

import pytest

from olmo_eval.common.types import LMOutput, LMRequest, RequestType
from olmo_eval.evals.tasks.common import Task, build_task


def first_request(spec: str) -> tuple[Task, LMRequest]:
    task = build_task(spec)
    return task, task.request_for(next(iter(task.instances)))


@pytest.mark.parametrize(
    ("spec", "prompt", "continuations"),
    [
        (
            "tiny_facts",
            "Question: What is Zibrer built of?\nAnswer:",
            (" timber", " basalt", " slate", " chalk"),
        ),
        (
            "tiny_facts:mc",
            "Question: What is Zibrer built of?\n"
            " A. timber\n B. basalt\n C. slate\n D. chalk\nAnswer:",
            (" A", " B", " C", " D"),
        ),
        ("tiny_facts:bpb", "Question: What is Zibrer built of?\nAnswer:", (" timber",)),
    ],
)
def test_a_fact(spec: str, prompt: str, continuations: tuple[str, ...]) -> None:
    _, request = first_request(spec)
    assert request.request_type is RequestType.LOGLIKELIHOOD
    assert (request.prompt, request.continuations) == (prompt, continuations)


def test_a_passage_stands_above_its_question() -> None:
    task, request = first_request("tiny_reading")
    passage, question, answer = request.prompt.split("\n")
    assert passage.startswith("Passage: At ") and question.startswith("Question: ")
    assert answer == "Answer:"
    clusters = [instance.metadata["cluster"] for instance in task.instances]
    assert len(clusters) == 3 * len(set(clusters)) == 375


def test_shots_come_from_their_own_split() -> None:
    task, request = first_request("tiny_sums:5shot")
    questions = [line for line in request.prompt.split("\n") if line.startswith("Question:")]
    assert len(questions) == 6 and request.prompt.endswith("\nAnswer:")
    tested = {f"Question: {instance.question}" for instance in task.instances}
    assert tested.intersection(questions) == {questions[-1]}


def test_an_answer_is_the_first_line() -> None:
    task = build_task("tiny_sums")
    assert task.extract_answer(LMOutput(text=" 59\nQuestion: What")) == "59"
    assert task.extract_answer(LMOutput(text=" \n")) is None


def test_text_is_scored_whole() -> None:
    _, request = first_request("tiny_text")
    assert request.request_type is RequestType.ROLLING
    assert request.prompt.startswith("One ") and request.prompt.endswith(".")


@pytest.mark.parametrize("spec", ["tiny_sums:chat", "tiny_sums:sampled", "tiny_reading:gen"])
def test_generative_variants(spec: str) -> None:
    task, request = first_request(spec)
    assert request.request_type in (RequestType.CHAT, RequestType.COMPLETION)
    instance = next(iter(task.instances))
    assert instance.gold_text == (instance.gold_answer or "")
    assert "accuracy" in {metric.metric_name for metric in task.config.metrics}
