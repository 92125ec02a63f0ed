"""Values to JSON and back: strict about keys and types, exact about places."""

from __future__ import annotations

import json
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any

import attrs
import pytest

from olmo_eval.common.convert import structure, to_json
from olmo_eval.common.formatters import ClozeFormatter
from olmo_eval.common.metrics import PassAtKMetric
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import LMRequest, RequestType, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.errors import UsageError
from olmo_eval.harness import HarnessConfig, ProviderConfig, SandboxConfig
from olmo_eval.judges import JudgeConfig


@attrs.frozen
class Leaf:
    size: int = 1
    ratio: float = 0.5
    name: str = ""


@attrs.frozen
class Tree:
    leaves: tuple[Leaf, ...] = ()
    extra: dict[str, Any] = attrs.field(factory=dict)


def test_json_becomes_values() -> None:
    tree = structure({"leaves": [{"size": 3, "ratio": 1}], "extra": {"a": [1]}}, Tree, where="t")

    assert tree == Tree((Leaf(3, 1.0),), {"a": [1]})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"leaves": [{}, {"size": "4"}]}, r"config\.leaves\[1\]\.size: expected int, got '4'"),
        ({"leaves": [{"size": True}]}, r"config\.leaves\[0\]\.size: expected int"),
        ({"leaves": [{"name": 3}]}, r"config\.leaves\[0\]\.name: expected str"),
        ({"leafs": []}, "config: unknown key 'leafs'"),
        ({"leaves": [{"sizes": 1}]}, r"config\.leaves\[0\]: unknown key 'sizes'"),
    ],
)
def test_a_wrong_value_is_named_with_its_path(value: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        structure(value, Tree, where="config")


def test_an_unknown_key_is_answered_with_the_closest() -> None:
    with pytest.raises(UsageError) as refusal:
        structure({"leafs": []}, Tree, where="config")

    assert "leaves" in str(refusal.value.hint)


def test_values_that_are_no_plain_data_say_their_class() -> None:
    metric = to_json(PassAtKMetric(ExactMatchScorer, k=4))

    assert metric["class"] == "olmo_eval.common.metrics.samples:PassAtKMetric"
    assert metric["k"] == 4
    assert metric["scorer"]["class"].endswith(":ExactMatchScorer")


def test_json_is_stable() -> None:
    formatter = ClozeFormatter()
    before = json.dumps(to_json(formatter))
    formatter._rendered[:] = [(), "a rendered prefix"]

    assert json.dumps(to_json(formatter)) == before
    assert to_json({"b", "a"}) == ["a", "b"]
    assert to_json(len) == "builtins:len"
    assert to_json(Path("a/b")) == "a/b"


def test_requests_and_sampling_are_plain_data() -> None:
    request = to_json(LMRequest(RequestType.CHAT, messages=({"role": "user", "content": "hi"},)))
    sampling = to_json(SamplingParams(stop_sequences=("a",)))

    assert request["request_type"] == "chat"
    assert request["messages"] == [{"role": "user", "content": "hi"}]
    assert sampling["stop_sequences"] == ["a"]
    assert structure(sampling, SamplingParams, where="s") == SamplingParams(stop_sequences=("a",))


def test_a_harness_that_was_written_is_read_back() -> None:
    harness = HarnessConfig(
        provider=ProviderConfig(model="m"),
        sandboxes=(SandboxConfig(mode="local"),),
        judges={"judge": JudgeConfig()},
    )
    source = DataSource("s3://bucket/rows.jsonl")

    assert structure(to_json(harness), HarnessConfig, where="harness") == harness
    assert structure(to_json(source), DataSource, where="source") == source


def test_members_of_enumerations_are_their_values() -> None:
    class Colour(Enum):
        RED = "red"

    class Size(IntEnum):
        LARGE = 3

    assert to_json({"colour": Colour.RED, "size": Size.LARGE}) == {"colour": "red", "size": 3}
