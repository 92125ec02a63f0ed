"""Task specs: names, variants and overrides, from left to right."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from olmo_eval import plugins
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.overrides import parse_override
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.errors import UnknownNameError, UsageError
from olmo_eval.evals.tasks.common import (
    Task,
    TaskSpec,
    build_task,
    parse_spec,
    register,
    register_variant,
)
from olmo_eval.evals.tasks.common.spec import is_task_setting, task_config


class Plain(Task):
    """A task of no data."""


def test_the_longest_registered_name_wins() -> None:
    register("acme_a")(Plain)
    register("acme_a:rc")(type("Other", (Plain,), {}))

    assert parse_spec("acme_a") == TaskSpec("acme_a")
    assert parse_spec("acme_a:rc") == TaskSpec("acme_a:rc")
    assert parse_spec("acme_a:rc:bpb") == TaskSpec("acme_a:rc", ("bpb",))
    assert parse_spec("acme_a:mc:rc") == TaskSpec("acme_a", ("mc", "rc"))


name = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(name, min_size=1, max_size=3), st.lists(name, max_size=3))
def test_a_spec_reads_as_it_is_written(parts: list[str], variants: list[str]) -> None:
    registered = ":".join(["acme", *parts])
    register(registered)(Plain)

    spec = parse_spec(":".join([registered, *variants]))

    assert str(spec) == ":".join([registered, *variants])
    assert parse_spec(str(spec)) == spec


@pytest.mark.parametrize("text", ["", ":", "acme_riddles:", "acme_riddles::2shot", ":2shot"])
def test_an_empty_part_is_refused(text: str, riddles: type[Task]) -> None:
    with pytest.raises(UsageError, match="empty"):
        parse_spec(text)


def test_unknown_names_are_answered_with_the_closest(riddles: type[Task]) -> None:
    with pytest.raises(UnknownNameError, match="acme_ridles") as unknown_task:
        parse_spec("acme_ridles:2shot")
    with pytest.raises(UnknownNameError, match="no variant '3shot'") as unknown_variant:
        build_task("acme_riddles:3shot")

    assert "acme_riddles" in str(unknown_task.value.hint)
    assert "2shot" in str(unknown_variant.value.hint)
    assert "fresh" in str(unknown_variant.value.hint)


def test_variants_apply_from_left_to_right(riddles: type[Task]) -> None:
    config = task_config(parse_spec("acme_riddles:2shot:warm"))

    assert (config.num_fewshot, config.fewshot_seed) == (2, 1234)
    assert (config.sampling_params.temperature, config.sampling_params.num_samples) == (0.8, 4)


def test_a_sampling_setting_changes_that_setting_alone(riddles: type[Task]) -> None:
    after = task_config(parse_spec("acme_riddles:fresh:warm")).sampling_params
    before = task_config(parse_spec("acme_riddles:warm:fresh")).sampling_params

    assert (after.max_tokens, after.top_p, after.temperature) == (9, 0.5, 0.8)
    assert (before.max_tokens, before.top_p, before.temperature) == (9, 0.5, 0.0)


def test_new_metrics_bring_their_own_primary_metric(riddles: type[Task]) -> None:
    register_variant("acme_riddles", "plain", metrics=(AccuracyMetric(scorer=ExactMatchScorer),))

    assert task_config(parse_spec("acme_riddles:pass")).primary().metric_name == "pass_at_4"
    assert task_config(parse_spec("acme_riddles:pass:plain")).primary().metric_name == "accuracy"


def test_a_variant_of_unknown_settings_is_refused(riddles: type[Task]) -> None:
    with pytest.raises(UsageError, match="num_fewshots") as refusal:
        register_variant("acme_riddles", "odd", num_fewshots=3)
    with pytest.raises(UsageError, match="bad variant name"):
        register_variant("acme_riddles", "a:b")

    assert "num_fewshot" in str(refusal.value.hint)


def test_overrides_come_after_variants(riddles: type[Task]) -> None:
    overrides = map(
        parse_override,
        [
            "num_fewshot=1",
            "temperature=0.2",
            "sampling_params.top_k=5",
            "formatter.template=Riddle me: {question}",
            "primary_metric=pass_at_1",
        ],
    )

    config = build_task("acme_riddles:2shot:warm:pass", overrides).config

    assert config.num_fewshot == 1
    assert (config.sampling_params.temperature, config.sampling_params.top_k) == (0.2, 5)
    assert config.sampling_params.num_samples == 4
    assert config.primary().metric_name == "pass_at_1"
    assert "Riddle me" in repr(config.formatter)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("num_fewshots=3", "no setting 'num_fewshots'"),
        ("num_fewshot=-1", "num_fewshot"),
        ("limit=0", "limit"),
        ("output_score_aggregation=median", "output_score_aggregation"),
        ("formatter.templat=x", "templat"),
    ],
)
def test_bad_overrides_are_refused(text: str, message: str, riddles: type[Task]) -> None:
    with pytest.raises(UsageError, match=message):
        build_task("acme_riddles", [parse_override(text)])


@pytest.mark.parametrize(
    ("key", "known"),
    [("limit", True), ("temperature", True), ("data_source", True), ("tools", False), ("x", False)],
)
def test_which_settings_are_a_tasks(key: str, known: bool) -> None:
    assert is_task_setting(key) is known


def test_an_unknown_primary_metric_is_said(riddles: type[Task]) -> None:
    task = build_task("acme_riddles", [parse_override("primary_metric=acuracy")])

    with pytest.raises(UsageError, match="no metric 'acuracy'") as refusal:
        task.config.primary()
    assert "accuracy" in str(refusal.value.hint)


def test_a_task_without_metrics_is_said() -> None:
    register("acme_a")(Plain)

    with pytest.raises(UsageError, match="no metrics"):
        build_task("acme_a").config.primary()


def test_a_module_imported_before_supplies_its_tasks_to_a_new_manager(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "acme_lazy_index.py").write_text(
        "import olmo_eval\n"
        "@olmo_eval.hookimpl\n"
        "def register_tasks(register):\n"
        "    register('acme_lazy', 'acme_lazy_task')\n"
    )
    (tmp_path / "acme_lazy_task.py").write_text(
        "from olmo_eval.evals.tasks.common import Task, register\n"
        "@register('acme_lazy')\n"
        "class Lazy(Task): pass\n"
    )

    for _ in range(2):
        with plugins.fresh_manager(["acme_lazy_index"]):
            assert type(build_task("acme_lazy")).__name__ == "Lazy"
