"""How choices are asked, shuffled and named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from olmo_eval.common.types import LMOutput
from olmo_eval.errors import DataError
from olmo_eval.evals.tasks.common import build_task
from olmo_eval_tasks.choices import shuffled_choices


def test_choices_are_shuffled_by_what_seeds_them_alone() -> None:
    wrong = ["b", "c", "d"]

    choices, gold = shuffled_choices("a", wrong, seeded_by="q1")

    assert sorted(choices) == ["a", "b", "c", "d"]
    assert choices[gold] == "a"
    assert shuffled_choices("a", wrong, seeded_by="q1") == (choices, gold)
    places = {shuffled_choices("a", wrong, seeded_by=f"q{n}")[1] for n in range(50)}
    assert places == {0, 1, 2, 3}


def test_two_forms_of_a_question_have_the_same_order(invented_mirror: Path) -> None:
    one = next(iter(build_task("gpqa_main").instances))
    other = next(iter(build_task("gpqa_diamond:mc").instances))

    assert one.choices == other.choices


def test_domains_part_a_set(invented_mirror: Path) -> None:
    whole = [i.id for i in build_task("gpqa_main").instances]
    parts = [
        i.id
        for domain in ("biology", "chemistry", "physics")
        for i in build_task(f"gpqa_main_{domain}").instances
    ]

    assert sorted(parts) == sorted(whole)


def test_gated_data_is_answered_with_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OLMO_EVAL_DATA_MIRROR", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    with pytest.raises(DataError) as caught:
        next(iter(build_task("gpqa_main").instances))

    assert "huggingface.co/datasets/Idavidrein/gpqa" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "letter"), [("First B, then.\nANSWER: C", "C"), ("(A)", "A"), ("I do not know", None)]
)
def test_a_chat_is_read_for_its_letter(text: str, letter: str | None) -> None:
    assert build_task("medqa").extracted(LMOutput(text)).extracted_answer == letter


def test_mmlu_pro_shows_examples_of_the_questions_own_category(invented_mirror: Path) -> None:
    task = build_task("mmlu_pro")

    for instance in task.instances:
        shots = task.fewshot_for(instance)
        assert len(shots) == 5
        assert {shot.metadata["category"] for shot in shots} == {instance.metadata["category"]}
        prompt = task.request_for(instance).prompt
        assert f"(with answers) about {instance.metadata['category']}. Think" in prompt


def test_mmlu_pro_leaves_fillers_out(invented_mirror: Path) -> None:
    for instance in build_task("mmlu_pro").instances:
        assert "N/A" not in (instance.choices or ())


def test_mmlu_redux_corrects_keys_and_leaves_bad_questions_out(invented_mirror: Path) -> None:
    golds = [i.gold_text for i in build_task("mmlu_redux_anatomy").instances]

    assert golds == ["a roof", "in sand"]


def test_a_conversation_is_one_instance_a_turn(invented_mirror: Path) -> None:
    instances = list(build_task("coqa").instances)
    prompt = build_task("coqa").request_for(instances[1]).prompt

    assert [i.id for i in instances] == ["c2/1", "c2/2", "c1/1", "c1/2"]
    assert "Question: Who bakes?\nAnswer: Kai\n\nQuestion: What?\nAnswer:" in prompt
    assert instances[1].metadata["all_answers"] == ["bread", "some bread"]


def lab_bench(*texts: str) -> dict[str, float | None]:
    from olmo_eval_tasks.scorers.abstention import AnsweredScorer

    task = build_task("lab_bench_seqqa")
    instances = list(task.instances)[: len(texts)]
    sums: dict[str, Any] = {metric.metric_name: [] for metric in task.config.metrics}
    for instance, text in zip(instances, texts, strict=True):
        right = "ABCD"[instance.gold_index or 0]
        abstain = "ABCD"[instance.metadata["abstain_idx"]]
        wrong = next(x for x in "ABCD" if x not in (right, abstain))
        letter = {"right": right, "abstain": abstain, "wrong": wrong}.get(text, "")
        output = task.extracted(LMOutput(f"ANSWER: {letter}" if letter else text))
        scores = {s.name: (s.score(instance, output),) for s in task.scorers()}
        assert AnsweredScorer().name in scores
        from olmo_eval.common.types import Response

        response = Response("i", instance, task.request_for(instance), (output,), scores)
        for metric in task.config.metrics:
            sums[metric.metric_name].append(metric.value(response))
    kept = {name: [v for v in values if v is not None] for name, values in sums.items()}
    return {name: sum(v) / len(v) if v else None for name, v in kept.items()}


def test_abstaining_costs_coverage_and_not_precision(invented_mirror: Path) -> None:
    assert lab_bench("right", "right", "abstain", "wrong") == {
        "accuracy": 0.5,
        "precision": pytest.approx(2 / 3),
        "coverage": 0.75,
    }
    assert lab_bench("abstain", "no idea") == {"accuracy": 0.0, "precision": None, "coverage": 0.0}
