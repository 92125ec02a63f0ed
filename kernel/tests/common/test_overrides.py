"""``-o key=value``: what it parses to, where it goes, and what it refuses."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olmo_eval.common.overrides import apply_overrides, parse_override, parse_value
from olmo_eval.common.types import SamplingParams
from olmo_eval.errors import UsageError


class Mode(StrEnum):
    FAST = "fast"
    SLOW = "slow"


@attrs.frozen
class Box:
    memory: str = "1g"
    cpus: float = 1.0


@attrs.frozen
class Settings:
    limit: int | None = None
    name: str = "plain"
    ready: bool = False
    mode: Mode = Mode.SLOW
    boxes: tuple[Box, ...] = (Box(),)
    stops: tuple[str, ...] | None = None
    extra: dict[str, Any] = attrs.field(factory=dict)
    sampling: SamplingParams = attrs.field(factory=SamplingParams)
    spare: Box | None = None


def changed(*texts: str) -> Settings:
    return apply_overrides(Settings(), map(parse_override, texts), where="settings")


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("200", 200),
        ("0.7", 0.7),
        ("true", True),
        ("False", False),
        ("null", None),
        ("none", None),
        ('["a", "b"]', ["a", "b"]),
        ("[a, b]", ["a", "b"]),
        ("[a, [1, 2], 'c,d']", ["a", [1, 2], "c,d"]),
        ("[]", []),
        ('{"a": {"b": 1}}', {"a": {"b": 1}}),
        ("'200'", "200"),
        ('"null"', "null"),
        ("plain text, really", "plain text, really"),
        ("a=b", "a=b"),
        ("NaN", "NaN"),
        ("", ""),
    ],
)
def test_values_are_typed_as_written(raw: str, value: Any) -> None:
    assert parse_value(raw) == value


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_json_means_what_json_means(value: Any) -> None:
    assert parse_value(json.dumps(value)) == value


def test_values_are_converted_to_the_field() -> None:
    settings = changed(
        "limit=200",
        "name=1234",
        "ready=true",
        "mode=fast",
        'stops=["\\n\\n", Q:]',
        "sampling.temperature=1",
        "extra.depth.inner=3",
    )

    assert settings == Settings(
        limit=200,
        name="1234",
        ready=True,
        mode=Mode.FAST,
        stops=("\n\n", "Q:"),
        sampling=SamplingParams(temperature=1.0),
        extra={"depth": {"inner": 3}},
    )


def test_numbers_index_lists() -> None:
    assert changed("boxes.0.memory=2g").boxes == (Box(memory="2g"),)
    assert changed("boxes.0.cpus=2").boxes == (Box(cpus=2.0),)


def test_a_missing_value_is_made_first() -> None:
    assert changed("spare.memory=512m").spare == Box(memory="512m")


def test_later_overrides_win() -> None:
    assert changed("limit=1", "limit=null").limit is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("limit", "has no '='"),
        ("=3", "empty key"),
        ("sampling..temperature=1", "empty key"),
        ("limt=3", "no setting 'limt'"),
        ("limit=many", "expected"),
        ("limit=1.5", "int"),
        ("ready=1", "bool"),
        ("mode=medium", "expected one of fast, slow"),
        ("sampling.temperature=-1", "temperature"),
        ("boxes.3.memory=1g", "is not an index"),
        ("boxes.x.memory=1g", "is not an index"),
        ("name.first=x", "nothing below 'name'"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as refusal:
        changed(text)
    assert text in refusal.value.message or not text.strip("=")


def test_a_slip_is_answered_with_the_closest_key() -> None:
    with pytest.raises(UsageError) as refusal:
        changed("sampling.temprature=1")

    assert "temperature" in str(refusal.value.hint)


def test_where_options_of_something_else_go_is_said() -> None:
    @attrs.frozen
    class Engine:
        timeout: float = 1.0
        kwargs: dict[str, Any] = attrs.field(factory=dict)

    @attrs.frozen
    class Runtime:
        engine: Engine = attrs.field(factory=Engine)

    with pytest.raises(UsageError) as caught:
        apply_overrides(Runtime(), [parse_override("engine.slots=4")], where="runtime")
    assert caught.value.hint.endswith("goes below kwargs: engine.kwargs.slots")
    with pytest.raises(UsageError) as caught:
        apply_overrides(Runtime(), [parse_override("engine.timeou=4")], where="runtime")
    assert caught.value.hint == "did you mean timeout?"
