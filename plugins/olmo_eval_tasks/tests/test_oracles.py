"""Right answers score 1, empty ones 0, and knowing nothing scores about chance; on real rows."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from functools import cache
from itertools import islice

import pytest

from olmo_eval.common.types import Instance, LMOutput, LMRequest, Response
from olmo_eval.errors import DataError
from olmo_eval.evals.tasks.common import Task, build_task
from olmo_eval.evals.tasks.common.task import instance_id
from olmo_eval_tasks.scorers.mathematics.equality import same_answer
from olmo_eval_tasks.subjects import MATH_SUBJECTS, MMLU_SUBJECTS

pytestmark = pytest.mark.usefixtures("data_mirror")

CHOICES = (
    "arc_easy:rc",
    "arc_easy:mc:olmes",
    "arc_challenge:rc",
    "arc_challenge:olmo3base",
    "csqa:olmes",
    "csqa:mc",
    "piqa",
    "piqa:mc_olmo3base",
    "hellaswag:rc",
    "hellaswag:mc",
    "winogrande:olmo3base",
    "winogrande:mc",
    "agieval_lsat_rc",
    "agieval_aqua_rat:rc",
    "mmlu_pro:mc:0shot",
    "openbookqa",
    "openbookqa:mc",
    "qasc:rc",
)


def respond(
    task: Task, instance: Instance, request: LMRequest, outputs: Sequence[LMOutput]
) -> Response:
    """The response as the runner makes it: extracted, then scored."""
    outputs = [task.extracted(output) for output in outputs]
    scores: dict[str, tuple[float, ...]] = {}
    for scorer in task.scorers():
        scores[scorer.name] = tuple(scorer.score(instance, output) for output in outputs)
    return Response(instance_id(instance), instance, request, tuple(outputs), scores)


def means(task: Task, responses: Sequence[Response]) -> dict[str, float]:
    found = {}
    for metric in task.config.metrics:
        values = [metric.value(response) for response in responses]
        found[metric.key] = sum(v for v in values if v is not None) / len(values)
    return found


def choose(task: Task, instance: Instance, gold_advantage: float) -> Response:
    """A model to which the right choice is more probable than the others by ``gold_advantage``."""
    request = task.request_for(instance)
    n = len(instance.choices or ())
    outputs = [
        LMOutput(
            text=text,
            sum_logprob=-len(text) + gold_advantage * (i == instance.gold_index) * len(text),
            num_tokens=len(text),
            is_greedy=False,
        )
        for i, text in enumerate(request.continuations)
    ]
    assert len(outputs) in (n, 2 * n)
    return respond(task, instance, request, outputs)


def generate(task: Task, instance: Instance, text: str) -> Response:
    samples = task.get_sampling_params(instance).num_samples
    return respond(task, instance, task.request_for(instance), [LMOutput(text)] * samples)


def some(task: Task, n: int) -> list[Instance]:
    return list(islice(task.instances, n))


@pytest.mark.parametrize("spec", [*CHOICES, *(f"mmlu_{s}" for s in MMLU_SUBJECTS[::8])])
def test_the_right_choice_scores_1_by_every_normalization(spec: str) -> None:
    task = build_task(spec)

    scored = means(task, [choose(task, instance, 0.9) for instance in some(task, 50)])

    assert set(scored.values()) == {1.0}


@pytest.mark.parametrize(
    "spec",
    [
        "arc_easy:mc",
        "csqa:mc",
        "mmlu_virology",
        "winogrande",
        "qasc:mc",
        "truthfulqa_mc1",
        "bbq_religion",
    ],
)
def test_knowing_nothing_scores_about_chance(spec: str) -> None:
    task = build_task(spec)
    instances = some(task, 150)
    chance = sum(1 / len(i.choices or ()) for i in instances) / len(instances)

    scored = means(task, [choose(task, instance, 0.0) for instance in instances])

    assert scored["acc_raw:logprob"] == pytest.approx(chance, abs=0.12)


def test_naturalqs_takes_any_accepted_answer() -> None:
    task = build_task("naturalqs:olmo3base")
    instances = some(task, 300)

    last = [generate(task, i, i.metadata["all_answers"][-1]) for i in instances]
    other = [generate(task, i, instances[n - 1].gold_text) for n, i in enumerate(instances)]

    assert set(means(task, last).values()) == {1.0}
    assert means(task, other)[task.config.primary().key] < 0.05


NUMBERS = ("gsm8k", "gsm8k:olmo3base", "gsm_hard", "svamp", "mgsm_de", "mgsm_bn", "mgsm_zh")


@pytest.mark.parametrize("spec", NUMBERS)
def test_word_problems_score_right_numbers_1_and_silence_0(spec: str) -> None:
    task = build_task(spec)
    instances = some(task, 400)

    right = [generate(task, i, f" So the answer is {i.gold_answer}.") for i in instances]
    silent = [generate(task, i, "") for i in instances]

    assert set(means(task, right).values()) == {1.0}
    assert set(means(task, silent).values()) == {0.0}
    assert silent[0].outputs[0].extracted_answer is None


@pytest.mark.parametrize("spec", NUMBERS)
def test_word_problems_give_nothing_for_the_answer_of_another(spec: str) -> None:
    task = build_task(spec)
    instances = some(task, 200)
    pairs = zip(instances, [*instances[1:], instances[0]], strict=True)

    wrong = [
        generate(task, i, f" So the answer is {other.gold_answer}.")
        for i, other in pairs
        if i.gold_answer != other.gold_answer
    ]

    assert set(means(task, wrong).values()) == {0.0}


@pytest.mark.parametrize(
    "subject", [*(f"minerva_math_{s}:olmes" for s in MATH_SUBJECTS), "math500"]
)
def test_math_scores_the_data_solutions_1_and_silence_0(subject: str) -> None:
    task = build_task(subject)
    instances = some(task, 300)

    right = [generate(task, i, i.metadata["solution"]) for i in instances]
    silent = [generate(task, i, "") for i in instances]

    assert set(means(task, right).values()) == {1.0}
    assert set(means(task, silent).values()) == {0.0}


def test_math_takes_no_other_problems_answer() -> None:
    task = build_task("minerva_math_intermediate_algebra:olmes")
    instances = some(task, 120)
    others = [*instances[1:], instances[0]]

    wrong = [
        generate(task, instance, other.metadata["solution"])
        for instance, other in zip(instances, others, strict=True)
        if instance.metadata["all_answers"] != other.metadata["all_answers"]
    ]

    assert means(task, wrong)["accuracy:math_verify"] == 0.0


REWRITTEN: dict[str, Callable[[str], str]] = {
    "dfrac": lambda gold: gold.replace(r"\frac", r"\dfrac"),
    "no sizes": lambda gold: gold.replace(r"\left", "").replace(r"\right", ""),
    "stop": lambda gold: f"{gold}.",
    "unicode minus": lambda gold: gold.replace("-", "\u2212"),
    "brackets of matrices": lambda gold: gold.replace("pmatrix", "bmatrix"),
    "rows of matrices": lambda gold: gold.replace(r"\\ ", r"\\") if "matrix" in gold else gold,
    "base": lambda gold: re.sub(r"^(\d+)_(\d+)$", r"\1_{\2}", gold),
    "interval": lambda gold: rf"x \in {gold}" if re.match(r"(\\left)?[(\[].*,", gold) else gold,
    "unit": lambda gold: rf"{gold} \text{{ cm}}" if gold.isdigit() else gold,
    "name": lambda gold: f"x = {gold}" if re.fullmatch(r"-?[\d./]+", gold) else gold,
}


@cache
def math_golds() -> tuple[str, ...]:
    """Gold answers of every subject that the mirror holds, as they are written there."""
    golds: dict[str, None] = {}
    for subject in MATH_SUBJECTS:
        try:
            instances = some(build_task(f"minerva_math_{subject}:olmes"), 1_500)
        except DataError:
            continue
        golds.update(dict.fromkeys(instance.metadata["all_answers"][0] for instance in instances))
    return tuple(golds)


@pytest.mark.parametrize("how", REWRITTEN)
def test_math_takes_its_answers_however_they_are_written(how: str) -> None:
    lost = [g for g in math_golds() if not same_answer(g, REWRITTEN[how](g))]

    assert lost == []


def test_no_request_shows_its_gold_answer_among_its_shots() -> None:
    task = build_task("humaneval:3shot")

    for instance in task.instances:
        prompt = task.request_for(instance).prompt
        assert prompt.count(f"def {instance.metadata['entry_point']}(") == 1
        assert prompt.endswith(instance.question)


@pytest.mark.skipif(not os.environ.get("OLMO_EVAL_DATA_MIRROR"), reason="needs real data")
@pytest.mark.parametrize("spec", ["hellaswag:olmo3base", "winogrande:olmo3base"])
def test_a_limit_keeps_the_split(spec: str) -> None:
    config = build_task(spec).config

    assert config.limit == 10_000
    assert config.get_data_source().split == "validation"
