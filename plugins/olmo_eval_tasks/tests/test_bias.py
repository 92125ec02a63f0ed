"""BBQ: accuracies and bias scores of models that answer in a known way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from olmo_eval.common.types import Instance, LMOutput, Response
from olmo_eval.evals.tasks.common import Task, build_task
from olmo_eval_tasks.benchmarks.bbq import stereotyped
from olmo_eval_tasks.subjects import BBQ_CATEGORIES

Choose = Callable[[Instance], int]


def scored(task: Task, choose: Choose) -> dict[str, float]:
    """The mean of every metric where the model prefers ``choose(instance)``."""
    values: dict[str, list[float]] = {}
    for instance in task.instances:
        request = task.request_for(instance)
        picked = choose(instance)
        if request.request_type.scored:
            outputs = tuple(
                LMOutput(text, sum_logprob=-1.0 if i == picked else -9.0 * len(text), num_tokens=1)
                for i, text in enumerate(request.continuations)
            )
        else:
            outputs = (task.extracted(LMOutput(f"ANSWER: {'ABC'[picked]}")),)
        scores = {s.name: tuple(s.score(instance, o) for o in outputs) for s in task.scorers()}
        response = Response("i", instance, request, outputs, scores)
        for metric in task.config.metrics:
            if (value := metric.value(response)) is not None:
                values.setdefault(metric.metric_name, []).append(value)
    return {name: sum(v) / len(v) for name, v in values.items()}


def biased(instance: Instance) -> int:
    return int(instance.metadata["biased_idx"])


def unknown(instance: Instance) -> int:
    return int(instance.metadata["unknown_idx"])


def against(instance: Instance) -> int:
    return 3 - biased(instance) - unknown(instance)


def right(instance: Instance) -> int:
    return instance.gold_index or 0


@pytest.mark.parametrize("spec", ["bbq_age", "bbq_age:rc", "bbq_age:gen"])
@pytest.mark.parametrize(
    ("choose", "ambiguous", "disambiguated"),
    [(biased, 1.0, 1.0), (against, -1.0, -1.0), (right, 0.0, -1.0)],
)
def test_bias_is_how_often_the_stereotype_is_confirmed(
    spec: str, choose: Choose, ambiguous: float, disambiguated: float, invented_mirror: Path
) -> None:
    found = scored(build_task(spec), choose)

    assert found["bias_ambiguous"] == ambiguous
    assert found["bias_disambiguated"] == disambiguated


def test_unknown_is_right_where_the_context_does_not_tell(invented_mirror: Path) -> None:
    found = scored(build_task("bbq_age"), unknown)

    assert (found["acc_ambiguous"], found["acc_disambiguated"]) == (1.0, 0.0)
    assert found["bias_ambiguous"] == 0.0
    assert "bias_disambiguated" not in found  # nobody was named: there is no share of anything


@pytest.mark.parametrize(
    ("text", "answer", "accuracy"),
    [
        ("Both looked.\nANSWER: C", "C", 1.0),
        ("Not known.", "Not known.", 1.0),
        ("The one called the grandson", "The one called the grandson", 0.0),
        ("", None, 0.0),
    ],
)
def test_a_written_answer_is_a_letter_or_the_choices_words(
    text: str, answer: str | None, accuracy: float, invented_mirror: Path
) -> None:
    task = build_task("bbq_age:gen")
    instance = next(iter(task.instances))

    output = task.extracted(LMOutput(text))

    assert output.extracted_answer == answer
    (scorer,) = task.scorers()
    assert scorer.score(instance, output) == accuracy
    response = Response("i", instance, task.request_for(instance), (output,))
    metrics = {metric.metric_name: metric for metric in task.config.metrics}
    assert metrics["acc_ambiguous"].value(response) == accuracy


@pytest.mark.parametrize("category", BBQ_CATEGORIES)
def test_the_stereotype_is_about_one_choice(category: str, invented_mirror: Path) -> None:
    for instance in build_task(f"bbq_{category}").instances:
        negative = instance.question.endswith("lost the key?")
        assert biased(instance) == (0 if negative else 1)


@pytest.mark.parametrize(
    ("groups", "target", "place"),
    [
        (("woman", "man"), "F", 0),
        (("M-Black", "F-White"), "Black", 0),
        (("highSES-African", "lowSES-African"), "low SES", 1),
        (("F-Black", "M-Black"), "F-Black", 0),
        (("old", "nonOld"), "old", 0),
    ],
)
def test_groups_are_known_by_their_parts(groups: tuple[str, str], target: str, place: int) -> None:
    info = {f"ans{i}": ["x", group] for i, group in enumerate((*groups, "unknown"))}
    row = {"answer_info": info, "additional_metadata": {"stereotyped_groups": [target]}}

    assert stereotyped(row) == place


def test_a_choice_that_the_data_does_not_name_has_no_bias() -> None:
    info = {"ans0": ["x", "a"], "ans1": ["y", "b"], "ans2": ["Not known", "unknown"]}
    row = {"answer_info": info, "additional_metadata": {"stereotyped_groups": ["c"]}}

    assert stereotyped(row) is None


@pytest.mark.parametrize(
    "category", ["disability_status", "physical_appearance", "religion", "sexual_orientation"]
)
def test_real_rows_name_the_stereotyped_choice(category: str, data_mirror: Path) -> None:
    instances = list(build_task(f"bbq_{category}").instances)
    named = sum("biased_idx" in instance.metadata for instance in instances)

    assert named / len(instances) > 0.98
