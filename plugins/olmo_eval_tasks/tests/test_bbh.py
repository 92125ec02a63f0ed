"""BIG-Bench Hard: the published prompts, and answers read by the published rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from olmo_eval.common.types import LMOutput
from olmo_eval.errors import DataError
from olmo_eval.evals.tasks.common import build_task
from olmo_eval_tasks.benchmarks.bbh import BigBenchHard
from olmo_eval_tasks.subjects import BBH_TASKS

CANARY = "canary GUID"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("\nFirst this. So the answer is (B).", "(B)"),
        (" The answer is 3? No. So the answer is -50.", "-50"),
        ("So we need these. So the answer is ] } ].", "] } ]"),
        ("So the answer is oven costume counterpart.\n\n", "oven costume counterpart"),
        ("So the answer is yes.\nAnother line.", "yes"),
        (" True", "True"),
        (" (A)", "(A)"),
        ("So the answer is No", "No"),
    ],
)
def test_the_answer_is_what_is_stated_without_its_period(text: str, answer: str) -> None:
    task = build_task("bbh_dyck_languages")

    assert task.extract_answer(LMOutput(text)) == answer


def test_silence_is_no_answer() -> None:
    assert build_task("bbh_navigate").extract_answer(LMOutput(" \n")) is None


@pytest.mark.parametrize(
    ("answer", "score"), [("(B)", 1.0), ("(B) the chief", 0.0), ("B", 0.0), ("(b)", 0.0)]
)
def test_an_answer_is_compared_letter_by_letter(answer: str, score: float) -> None:
    (scorer,) = build_task("bbh_snarks").scorers()
    instance = BigBenchHard(build_task("bbh_snarks").config).process_doc(
        {"input": "Which?", "target": "(B)"}
    )

    assert scorer.score(instance, LMOutput("", extracted_answer=answer)) == score


def test_the_prompt_is_the_published_one_and_the_question(data_mirror: Path, first: object) -> None:
    from olmo_eval.data import DataLoader

    prompts = {
        row["task"]: row["prompt"].partition("-----\n")[2]
        for row in DataLoader().load(BigBenchHard.fewshot_source)
    }
    for name in BBH_TASKS:
        task = build_task(f"bbh_{name}")
        instance = next(iter(task.instances))

        asked = f"\n\nQ: {instance.question}\nA: Let's think step by step."
        assert task.request_for(instance).prompt == prompts[name] + asked
        assert CANARY not in task.request_for(instance).prompt


def test_direct_shows_the_same_examples_without_their_reasoning(invented_mirror: Path) -> None:
    task = build_task("bbh_dyck_languages:direct")
    instance = next(iter(task.instances))

    prompt = task.request_for(instance).prompt

    assert prompt.startswith("Correctly close a Dyck-n word.\n\nQ: Complete")
    assert "\nA: ) )\n\nQ:" in prompt
    assert "step by step" not in prompt
    assert prompt.endswith("Input: ( [\nA:")


def test_a_task_without_its_prompt_says_so(invented_mirror: Path) -> None:
    task = build_task("bbh_navigate")
    with pytest.raises(DataError, match="no prompt of 'navigate'"):
        task.get_fewshot()
