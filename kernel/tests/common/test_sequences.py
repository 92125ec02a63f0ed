"""Where a list is expected one text is a list of one; it is never taken for its letters."""

from __future__ import annotations

import importlib
import pkgutil
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import olmo_eval
from olmo_eval.common.convert import structure
from olmo_eval.common.overrides import apply_overrides, field_types, parse_override
from olmo_eval.common.sequences import items, texts
from olmo_eval.common.types import Instance, LMRequest, RequestType, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.errors import UsageError
from olmo_eval.evals.external import ExternalEval
from olmo_eval.evals.suites import Suite
from olmo_eval.evals.tasks.common import TaskConfig
from olmo_eval.harness import HarnessConfig, ProviderConfig
from olmo_eval.providers.mock import MockSettings
from olmo_eval.sandbox.config import SandboxConfig

WORDS = st.text(min_size=2).filter(lambda text: len(set(text)) > 1)


def sequence_fields() -> Iterator[tuple[type[Any], Any, Any]]:
    """(class, field, type) of every field of the kernel's classes that holds a sequence."""
    for module in pkgutil.walk_packages(olmo_eval.__path__, "olmo_eval."):
        if module.name.endswith("__main__"):
            continue
        for cls in vars(importlib.import_module(module.name)).values():
            if not (isinstance(cls, type) and attrs.has(cls) and cls.__module__ == module.name):
                continue
            for field in attrs.fields(cls):
                kind = field_types(cls).get(field.name)
                for member in (kind, *typing.get_args(kind)):
                    if typing.get_origin(member) in (tuple, list, set, frozenset):
                        yield cls, field, member


FIELDS = list(sequence_fields())


def test_the_fields_are_found() -> None:
    names = {f"{cls.__name__}.{field.name}" for cls, field, _ in FIELDS}

    assert {"SamplingParams.stop_sequences", "HarnessConfig.tools", "Suite.tasks"} <= names


@given(WORDS)
def test_no_field_takes_a_text_for_its_letters(text: str) -> None:
    for cls, field, _ in FIELDS:
        if field.converter is None:
            continue
        try:
            made = field.converter(text)
        except (TypeError, ValueError, UsageError):
            continue  # a text is no message, no choice, no scorer: refused, not taken apart
        assert list(made) != list(text), f"{cls.__name__}.{field.name}"


@given(WORDS)
def test_no_file_takes_a_text_for_its_letters(text: str) -> None:
    for cls, field, kind in FIELDS:
        try:
            made = structure(text, kind, where=field.name)
        except UsageError:
            continue
        assert list(made) != list(text), f"{cls.__name__}.{field.name}"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (SamplingParams(stop_sequences="END"), "stop_sequences"),
        (LMRequest(RequestType.LOGLIKELIHOOD, continuations="END"), "continuations"),
        (Instance("?", tools="END"), "tools"),
        (HarnessConfig(tools="END"), "tools"),
        (HarnessConfig(required_secrets="END"), "required_secrets"),
        (HarnessConfig.from_dict({"tools": "END"}), "tools"),
        (HarnessConfig.from_dict({"tool_names": "END"}), "tools"),
        (HarnessConfig.from_dict({"required_secrets": "END"}), "required_secrets"),
        (SandboxConfig(capabilities="END"), "capabilities"),
        (ProviderConfig(devices="END"), "devices"),
        (ProviderConfig(required_secrets="END"), "required_secrets"),
        (TaskConfig("t", required_secrets="END"), "required_secrets"),
        (Suite("s", tasks="END"), "tasks"),
        (MockSettings(replies="END"), "replies"),
        (MockSettings(capabilities="END"), "capabilities"),
        (DataSource("d", data_files="END"), "data_files"),
    ],
    ids=lambda v: v if isinstance(v, str) else type(v).__name__,
)
def test_a_text_is_a_list_of_one(value: Any, name: str) -> None:
    assert getattr(value, name) == ("END",)


def test_a_class_attribute_may_be_one_text() -> None:
    class Keyed(ExternalEval):
        required_secrets = "ACME_KEY"  # type: ignore[assignment]

    assert Keyed.required_secrets == ("ACME_KEY",)


def test_what_is_no_list_is_refused() -> None:
    assert items(None) == () and items(Path("a")) == (Path("a"),)
    for value in (3, {"a": 1}, True):
        with pytest.raises(TypeError, match="expected a list, got"):
            items(value)
    with pytest.raises(TypeError, match="expected a list of texts, got 3 in it"):
        texts(["a", 3])
    with pytest.raises(TypeError, match="expected a list of messages, got the text 'hello'"):
        LMRequest(RequestType.CHAT, messages="hello")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("END", ("END",)),
        ('"END"', ("END",)),
        ("10", ("10",)),
        ("'10'", ("10",)),
        ("1.0", ("1.0",)),
        ("true", ("true",)),
        ("[10, 20]", ("10", "20")),
        ("[1.0, 2e5]", ("1.0", "2e5")),
        ('["10"]', ("10",)),
        ("[a, 10, 'b,c']", ("a", "10", "b,c")),
        ('["a\\"b", 10]', ('a"b', "10")),
        ("[]", ()),
        ("null", None),
    ],
)
def test_texts_of_an_override_stay_as_written(written: str, read: Any) -> None:
    override = parse_override(f"stop_sequences={written}")

    changed = apply_overrides(SamplingParams(stop_sequences=("x",)), [override], where="sampling")

    assert changed.stop_sequences == read


@pytest.mark.parametrize("written", ['{"a": 1}', '[["a"]]', '[{"a": 1}]'])
def test_an_override_of_another_kind_is_refused_with_its_place(written: str) -> None:
    override = parse_override(f"stop_sequences={written}")

    with pytest.raises(UsageError, match=r"override 'stop_sequences=.*: expected (a list|str)"):
        apply_overrides(SamplingParams(), [override], where="sampling")
