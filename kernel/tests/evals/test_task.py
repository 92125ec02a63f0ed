"""A task file as its author writes it: rows to instances to requests to answers."""

from __future__ import annotations

from typing import Any

import pytest

from olmo_eval.common.formatters import ClozeFormatter, LetteredFormatter
from olmo_eval.common.metrics import AccuracyMetric, LogprobUncondMCAccuracyMetric
from olmo_eval.common.overrides import parse_override
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import Instance, LMOutput, LMRequest, RequestType
from olmo_eval.data import DataSource
from olmo_eval.errors import DataError, UsageError
from olmo_eval.evals.tasks.common import (
    Card,
    MultipleChoiceTask,
    Task,
    TaskConfig,
    build_task,
    logprob_accuracies,
    register,
    register_subtasks,
)
from olmo_eval.evals.tasks.common.task import instance_id


def first_word(text: str) -> str:
    return text.split()[0]


def test_class_attributes_are_the_configuration(riddles: type[Task]) -> None:
    config = build_task("acme_riddles").config

    assert config.name == "acme_riddles"
    assert config.get_data_source().split == "test"
    assert config.primary().key == "accuracy:exact_match"
    assert (config.num_fewshot, config.limit, config.seed) == (0, None, 42)


def test_rows_stream_into_instances(riddles: type[Task]) -> None:
    instances = build_task("acme_riddles").instances

    assert next(instances).question == "Riddle 0?"
    assert [instance_id(i) for i in instances] == [f"r{n}" for n in range(1, 10)]


def test_a_split_replaces_that_of_the_source(riddles: type[Task]) -> None:
    task = build_task("acme_riddles", [parse_override("split=train")])

    assert len(list(task.instances)) == 4


def test_a_request_holds_the_shots(riddles: type[Task]) -> None:
    task = build_task("acme_riddles:2shot", [parse_override("fewshot_sample=false")])

    request = task.request_for(next(iter(task.instances)))

    assert request.prompt == ("Riddle 6?\nAnswer: 6\n\nRiddle 7?\nAnswer: 7\n\nRiddle 0?\nAnswer:")


def test_a_length_cap_reaches_the_request(riddles: type[Task]) -> None:
    task = build_task("acme_riddles", [parse_override("max_length=128")])

    assert task.request_for(Instance("?")).max_length == 128


def test_without_a_formatter_the_question_is_the_prompt() -> None:
    task = Task(TaskConfig(name="bare"))

    assert task.request_for(Instance("Say:")) == LMRequest(RequestType.COMPLETION, prompt="Say:")


def test_answers_are_extracted_by_the_task_or_by_a_function(riddles: type[Task]) -> None:
    plain = build_task("acme_riddles")
    own = Task(TaskConfig(name="own", answer_extractor=first_word))

    assert plain.extracted(LMOutput(" six \n")).extracted_answer == "six"
    assert own.extracted(LMOutput("seven eight")).extracted_answer == "seven"


def test_a_row_that_does_not_fit_is_named(riddles: type[Task], write_rows: Any) -> None:
    path = write_rows("odd.jsonl", [{"riddle": "A?", "answer": "a", "id": 1}, {"riddle": "B?"}])
    task = build_task("acme_riddles", [parse_override(f"data_source={path}")])

    with pytest.raises(DataError, match=r"row 2 of .*odd\.jsonl.*no field 'answer'") as refusal:
        list(task.instances)
    assert "riddle" in str(refusal.value.hint)


def test_a_row_may_be_left_out(riddles: type[Task]) -> None:
    class Few(riddles):  # type: ignore[valid-type,misc]
        def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
            return super().process_doc(doc) if index % 2 else None

    register("acme_few")(Few)

    assert [instance_id(i) for i in build_task("acme_few").instances] == [
        "r1",
        "r3",
        "r5",
        "r7",
        "r9",
    ]


def test_no_data_source_is_said() -> None:
    with pytest.raises(UsageError, match="no data source") as refusal:
        list(Task(TaskConfig(name="bare")).instances)
    assert "data_source=" in str(refusal.value.hint)


def test_instances_without_identifier_are_known_by_their_content() -> None:
    one, same = Instance("a?", "b"), Instance("a?", "b", metadata={"level": 3})

    assert instance_id(one) == instance_id(same)
    assert instance_id(one) != instance_id(Instance("a?", "c"))
    assert instance_id(Instance("a?", metadata={"id": 0})) == "0"


def test_metrics_take_the_tasks_aggregation_over_samples(riddles: type[Task]) -> None:
    task = build_task("acme_riddles", [parse_override("output_score_aggregation=first")])

    assert task.config.metrics == (AccuracyMetric(ExactMatchScorer, over_samples="first"),)


def test_two_scorers_of_one_name_must_be_the_same() -> None:
    strict = AccuracyMetric(ExactMatchScorer(case_sensitive=True))
    task = Task(TaskConfig(name="two", metrics=(AccuracyMetric(ExactMatchScorer), strict)))

    with pytest.raises(UsageError, match="two scorers named 'exact_match'"):
        task.scorers()


def test_unconditional_metrics_have_the_formatter_ask_for_more() -> None:
    config = TaskConfig(name="a", formatter=ClozeFormatter(), metrics=logprob_accuracies("uncond"))

    task = Task(config)

    assert task.config.formatter == ClozeFormatter(unconditional=True)
    assert [m.metric_name for m in task.config.metrics] == [
        "acc_uncond",
        "acc_raw",
        "acc_per_char",
        "acc_per_token",
    ]


def test_unconditional_metrics_of_letters_are_refused() -> None:
    config = TaskConfig(
        name="a", formatter=LetteredFormatter(), metrics=(LogprobUncondMCAccuracyMetric(),)
    )

    with pytest.raises(UsageError, match="acc_uncond"):
        Task(config)


def test_a_choice_must_be_one_of_the_choices() -> None:
    with pytest.raises(ValueError, match="number 2 of 2"):
        MultipleChoiceTask.choice_instance("?", ["a", "b"], 2)

    instance = MultipleChoiceTask.choice_instance("?", ["a", "b"], 1, id=7)
    assert (instance.gold_answer, instance.gold_text, instance_id(instance)) == ("B", "b", "7")


def test_a_family_is_one_task_a_subset() -> None:
    register_subtasks(
        Task,
        ("easy", "hard"),
        task_prefix="acme",
        data_source="acme/riddles",
        subtask_attr="level",
        suffix=":rc",
        variants={"zero": {"num_fewshot": 0}},
    )

    task = build_task("acme_hard:rc:zero")

    assert task.config.data_source == DataSource("acme/riddles", subset="hard", split="test")
    assert task.level == "hard"  # type: ignore[attr-defined]


def test_data_that_cannot_be_had_is_answered_with_how_to_get_access() -> None:
    @register("acme_gated")
    class Gated(Task):
        data_source = DataSource(path="missing.jsonl")
        card = Card(access="Accept the terms at https://acme.test/exam.")

    with pytest.raises(DataError, match=r"missing\.jsonl") as caught:
        next(iter(build_task("acme_gated").instances))

    assert str(caught.value.hint).startswith("Accept the terms at https://acme.test/exam. Then: ")
