"""Class attributes of a task: settings, single sampling parameters, slips, and one's own."""

from __future__ import annotations

from typing import Any

import pytest

from olmo_eval.common.formatters import (
    ChatFormatter,
    Formatter,
    GenerationFormatter,
    RollingFormatter,
)
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.overrides import parse_override
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.suggest import misspelt
from olmo_eval.common.types import Instance, LMRequest, RequestType, SamplingParams
from olmo_eval.errors import UsageError
from olmo_eval.evals.tasks.common import Task, build_task, register, register_variant
from olmo_eval.runner.plan import check_task, make_plan
from olmo_eval.runner.spec import TaskRequest

SETTINGS = ("formatter", "sampling_params", "num_fewshot", "limit", "split", "top_p", "seed")


def config_of(**attributes: Any) -> Any:
    return type("Riddles", (Task,), attributes).default_config("riddles")


# -- sampling parameters


def test_single_sampling_parameters_are_settings(riddles: type[Task]) -> None:
    @register("acme_warm")
    class Warm(riddles):  # type: ignore[valid-type,misc]
        sampling_params = SamplingParams(max_tokens=64)
        temperature = 0.7
        stop_sequences = "END"

    planned = make_plan([TaskRequest("acme_warm")]).tasks[0]

    assert planned.task.config.sampling_params == SamplingParams(
        max_tokens=64, temperature=0.7, stop_sequences=("END",)
    )


def test_a_subclass_has_the_last_word() -> None:
    class Warm(Task):
        temperature = 0.7
        top_p = 0.9

    class Warmer(Warm):
        temperature = 0.9

    class Plain(Warm):
        sampling_params = SamplingParams(max_tokens=8)

    params = SamplingParams(temperature=0.9, top_p=0.9)
    assert Warmer.default_config("warmer").sampling_params == params
    assert Plain.default_config("plain").sampling_params == SamplingParams(max_tokens=8)


def test_variants_and_overrides_come_after(riddles: type[Task]) -> None:
    @register("acme_warm")
    class Warm(riddles):  # type: ignore[valid-type,misc]
        temperature = 0.7
        max_tokens = None

    register_variant("acme_warm", "hot", temperature=1.0)

    task = build_task("acme_warm:hot", [parse_override("top_k=4")])

    assert task.config.sampling_params == SamplingParams(None, temperature=1.0, top_k=4)


def test_a_method_of_that_name_is_a_method() -> None:
    def logprobs(self: Any) -> None: ...

    assert config_of(logprobs=logprobs).sampling_params == SamplingParams()


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"temperature": -1.0}, "task 'riddles', class attribute temperature: "),
        ({"num_fewshot": -1}, "task 'riddles', class attribute num_fewshot: "),
        ({"required_secrets": 3}, "class attribute required_secrets: expected a list, got 3"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_place(
    attributes: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        config_of(**attributes)


def test_so_is_that_of_a_variant(riddles: type[Task]) -> None:
    register_variant("acme_riddles", "few", num_fewshot=-1)

    with pytest.raises(UsageError, match=r"variant acme_riddles:few: .*num_fewshot"):
        build_task("acme_riddles:few")


# -- slips


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("formater", ChatFormatter(), "formatter"),
        ("sampling_param", SamplingParams(), "sampling_params"),
        ("sampling_parameters", SamplingParams(), "sampling_params"),
        ("num_fewshots", 3, "num_fewshot"),
        ("num_few_shot", 3, "num_fewshot"),
        ("few_shot_seed", 3, "fewshot_seed"),
        ("fewshot_splits", "train", "fewshot_split"),
        ("metric", AccuracyMetric(ExactMatchScorer), "metrics"),
        ("mertics", (), "metrics"),
        ("temprature", 0.7, "temperature"),
        ("max_token", 5, "max_tokens"),
        ("stop_sequence", ("END",), "stop_sequences"),
        ("lmit", 5, "limit"),
        ("expected_instance", 5, "expected_instances"),
    ],
)
def test_a_slip_is_refused(name: str, value: Any, meant: str) -> None:
    with pytest.raises(UsageError, match=f"task 'riddles': its class attribute {name}") as refusal:
        config_of(**{name: value})
    assert f"did you mean {meant}?" in str(refusal.value.hint)
    assert f"_{name}" in str(refusal.value.hint)


def test_a_slip_of_a_base_is_refused_too() -> None:
    class Base(Task):
        formater = ChatFormatter()

    class Derived(Base):
        pass

    with pytest.raises(UsageError, match="formater"):
        Derived.default_config("derived")


def test_what_is_the_authors_own_is_left_alone() -> None:
    own = {
        "subset": "easy", "level": 3, "prompt": "Q:", "names": ("a",), "num_examples": 500,
        "num_choices": 4, "speed": 1, "top_n": 3, "fewshot_set": "x", "split_name": "a",
        "formatters": {"zero": ChatFormatter()}, "splits": ("train", "test"), "_formater": 3,
        "metric": property(lambda self: 3), "formats": lambda self: 3,
    }  # fmt: skip

    assert config_of(**own) == Task.default_config("riddles")


def test_slips_are_told_from_words() -> None:
    assert misspelt("fromatter", SETTINGS) == "formatter"
    assert misspelt("formatter", SETTINGS) is None
    assert misspelt("speed", SETTINGS) is None and misspelt("top_n", SETTINGS) is None


# -- examples that nobody shows


class OwnShots(Task):
    """Builds its prompt itself, with as many examples as it is asked for."""

    formatter = GenerationFormatter()

    def format_request(self, instance: Instance) -> LMRequest:
        shots = "".join(f"{n}. Q: A\n" for n in range(self.config.num_fewshot))
        return LMRequest(RequestType.COMPLETION, prompt=shots + instance.question)


class NoShots(OwnShots):
    def format_request(self, instance: Instance) -> LMRequest:
        return LMRequest(RequestType.COMPLETION, prompt=instance.question)


class FirstShot(Formatter):
    """Cannot do without an example."""

    def format(self, instance: Instance, fewshot: Any = ()) -> LMRequest:
        return LMRequest(RequestType.COMPLETION, prompt=fewshot[0].question + instance.question)


def first_request(*bases: type[Task], **attributes: Any) -> LMRequest:
    made = type("Made", bases, {"num_fewshot": 2, **attributes})
    return check_task(made(made.default_config("made")), "made")[1]


@pytest.mark.parametrize(
    ("bases", "attributes", "why"),
    [
        ((), {"formatter": RollingFormatter()}, "RollingFormatter does not show them"),
        ((NoShots,), {}, "Made.format_request does not show them"),
    ],
)
def test_examples_that_are_not_shown_are_refused(
    riddles: type[Task], bases: tuple[type[Task], ...], attributes: dict[str, Any], why: str
) -> None:
    with pytest.raises(UsageError, match="asks for 2 few-shot examples, but its requests") as said:
        first_request(*bases, riddles, **attributes)
    assert why in str(said.value.hint) and "num_fewshot=0" in str(said.value.hint)


def test_without_a_formatter_there_are_none(riddles: type[Task]) -> None:
    overrides = [parse_override(text) for text in ("formatter=null", "num_fewshot=2")]

    with pytest.raises(UsageError, match="few-shot examples") as refusal:
        check_task(build_task("acme_riddles", overrides), "acme_riddles")
    assert "without a formatter" in str(refusal.value.hint)


def test_examples_that_are_shown_in_whatever_way_are_not(riddles: type[Task]) -> None:
    assert first_request(riddles).prompt.startswith("Riddle")
    assert first_request(OwnShots, riddles).prompt.startswith("0. Q: A\n1. Q: A\n")
    assert first_request(riddles, formatter=FirstShot()).prompt.endswith("Riddle 0?")
