"""Tools: hints become a schema, calls are checked against it, the model is told what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Literal, NewType, NotRequired, TypedDict, TypeVar

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from olmo_eval.agents.arguments import parse_arguments
from olmo_eval.agents.schema import json_schema
from olmo_eval.agents.selection import find_tools
from olmo_eval.agents.tools import Tool
from olmo_eval.common.types import ToolSchema
from olmo_eval.errors import UsageError
from olmo_eval.harness import tool

TEXT, NUMBER, NULL = {"type": "string"}, {"type": "number"}, {"type": "null"}
Title = NewType("Title", str)


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Span(TypedDict):
    start: int
    note: NotRequired[str]


@attrs.frozen
class Point:
    x: float
    color: Color = Color.RED


@dataclass
class Page:
    number: int
    tags: list[str] = field(default_factory=list)


@attrs.frozen
class Tree:
    below: list[Tree]


@attrs.frozen
class Loose:
    value: list[int] | str


def closed(required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


COLOR = {"type": "string", "enum": ["red", "blue"]}


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (str, TEXT),
        (int, {"type": "integer"}),
        (bool, {"type": "boolean"}),
        (None, NULL),
        (Any, {}),
        (Title, TEXT),
        (Annotated[str, "what it is"], {**TEXT, "description": "what it is"}),
        (str | None, {"anyOf": [TEXT, NULL]}),
        (int | str, {"anyOf": [{"type": "integer"}, TEXT]}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Literal["a", 1, None], {"enum": ["a", 1, None]}),
        (Color, COLOR),
        (list, {"type": "array", "items": {}}),
        (list[str | None], {"type": "array", "items": {"anyOf": [TEXT, NULL]}}),
        (tuple[float, ...], {"type": "array", "items": NUMBER}),
        (set[str], {"type": "array", "items": TEXT, "uniqueItems": True}),
        (dict, {"type": "object"}),
        (dict[str, Any], {"type": "object"}),
        (Mapping[str, list[float]],
         {"type": "object", "additionalProperties": {"type": "array", "items": NUMBER}}),
        (tuple[str, float],
         {"type": "array", "prefixItems": [TEXT, NUMBER], "minItems": 2, "maxItems": 2}),
        (Span, closed(["start"], start={"type": "integer"}, note=TEXT)),
        (Point, closed(["x"], x=NUMBER, color=COLOR)),
        (Page, closed(["number"], number={"type": "integer"},
                      tags={"type": "array", "items": TEXT})),
    ],
    ids=str,
)  # fmt: skip
def test_a_hint_becomes_a_schema(hint: Any, schema: dict[str, Any]) -> None:
    assert json_schema(hint) == schema
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        (bytes, "the type bytes means nothing in JSON"),
        (Callable[[], int], "means nothing in JSON"),
        (list[complex], "the type complex"),
        (TypeVar("T"), "the type T"),
        (dict[int, str], "keys of a JSON object are text, not int"),
        (Literal[b"a"], "b'a' is not a JSON value"),
        (Tree, "the type Tree contains itself"),
        (Point | Page, "which of Point, Page"),
        (Loose, "which of list, str"),
    ],
    ids=str,
)
def test_a_hint_that_no_schema_expresses_is_refused(hint: Any, said: str) -> None:
    def search(query: Any) -> str:
        return str(query)

    search.__annotations__["query"] = hint
    with pytest.raises(UsageError, match=f"tool search, argument query: .*{said}") as refusal:
        tool(search)
    assert refusal.value.hint


def test_arguments_without_a_name_are_refused() -> None:
    def search(*words: str) -> str:
        return " ".join(words)

    with pytest.raises(UsageError, match=r"tool search: \*words: .* has no schema"):
        tool(search)


@tool
def plot(
    points: list[Point],
    title: str | None = None,
    unit: Literal["cm", "in", 1] = "cm",
    size: tuple[int, int] = (1, 1),
    span: Span | None = None,
    color: Color | None = None,
    scale: int | float = 1,
) -> str:
    """Plot."""
    return ""


def called(**arguments: Any) -> tuple[dict[str, Any], str]:
    return parse_arguments(plot, json.dumps({"points": [], **arguments}))


def test_arguments_arrive_as_their_types() -> None:
    arguments, problem = called(
        points=[{"x": 1, "color": "blue"}], title=None, size=[3, 4], color="red", span={"start": 1}
    )

    assert problem == ""
    assert arguments == {
        "points": [Point(1.0, Color.BLUE)],
        "title": None,
        "size": (3, 4),
        "color": Color.RED,
        "span": {"start": 1},
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"title": 3}, "The argument title of plot must be of type string or of type null, got 3."),
        ({"unit": "km"}, 'The argument unit of plot must be one of "cm", "in", 1, got "km".'),
        ({"unit": True}, 'must be one of "cm", "in", 1, got true.'),
        ({"color": "green"}, 'argument color of plot must be one of "red", "blue", got "green".'),
        ({"scale": "x"}, 'must be of type integer or of type number, got "x".'),
        ({"size": [1.0, 2]}, "The argument size[0] of plot must be of type integer, got 1.0."),
        ({"size": [1]}, "The argument size of plot is wrong: [1] is too short."),
        ({"points": [{"x": 1}, {"x": "1"}]},
         'The argument points[1].x of plot must be of type number, got "1".'),
        ({"points": [{"y": 1}]}, "The argument points[0] of plot is wrong: "),
        ({"points": {}}, "The argument points of plot must be of type array, got {}."),
        ({"span": {"start": 1, "end": 2}}, "'end' was unexpected"),
        ({"colour": "red"}, "The call of plot has no colour; its arguments are: points, title, "),
    ],
    ids=str,
)  # fmt: skip
def test_the_model_is_told_what_is_wrong(arguments: dict[str, Any], said: str) -> None:
    found, problem = called(**arguments)

    assert found == {} and said in problem


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "The arguments of plot are not valid JSON: "),
        ('{"points": NaN}', "are not valid JSON: NaN is not a JSON number"),
        ("[" * 10_000, "are not valid JSON"),
        ("[]", "The arguments of plot must be a JSON object."),
        ("", "The call of plot lacks points; its arguments are: points, "),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_object_is_told(text: str, said: str) -> None:
    found, problem = parse_arguments(plot, text)

    assert found == {} and said in problem


def test_a_rule_of_a_class_is_told() -> None:
    @attrs.frozen
    class Dose:
        grams: float = attrs.field(validator=attrs.validators.gt(0))

    def give(dose: Any) -> str:
        return str(dose)

    give.__annotations__["dose"] = Dose

    found, problem = parse_arguments(tool(give), '{"dose": {"grams": -1}}')

    assert found == {} and "The call of give is wrong: dose" in problem and "grams" in problem


def by_hand(parameters: dict[str, Any]) -> Tool:
    async def search(**arguments: Any) -> str:
        return json.dumps(arguments)

    return Tool(ToolSchema("search", "Search.", parameters), search)


def test_a_schema_written_by_hand_is_honoured() -> None:
    nullable = by_hand(
        {
            "type": "object",
            "properties": {"query": {"type": ["string", "null"]}, "n": {"$ref": "#/$defs/count"}},
            "$defs": {"count": {"type": "integer", "minimum": 1}},
        }
    )

    assert find_tools([nullable]) == {"search": nullable}
    assert parse_arguments(nullable, '{"query": null}') == ({"query": None}, "")
    assert "of type string or null, got 3" in parse_arguments(nullable, '{"query": 3}')[1]
    assert "0 is less than the minimum of 1" in parse_arguments(nullable, '{"n": 0}')[1]
    assert "has no page" in parse_arguments(nullable, '{"page": 1}')[1]


def test_more_arguments_may_be_allowed() -> None:
    anything = by_hand({"type": "object", "additionalProperties": True})

    assert parse_arguments(anything, '{"page": 1}') == ({"page": 1}, "")


def test_arguments_may_be_described_by_patterns() -> None:
    schema = {"patternProperties": {"^x_": {"type": "integer"}}}
    closed = by_hand({**schema, "type": "object", "additionalProperties": False})

    assert parse_arguments(closed, '{"x_a": 1}') == ({"x_a": 1}, "")
    assert (
        "argument x_a of search must be of type integer"
        in parse_arguments(closed, '{"x_a": "b"}')[1]
    )
    assert (
        "'y' does not match any of the regexes: '^x_'"
        in parse_arguments(closed, '{"x_a": 1, "y": 1}')[1]
    )
    assert parse_arguments(by_hand({**schema, "type": "object"}), '{"y": 1}') == ({"y": 1}, "")


def test_arguments_may_be_required_by_a_part_of_the_schema() -> None:
    either = by_hand({"properties": {"q": {}, "r": {}}, "allOf": [{"required": ["q"]}]})

    assert "'q' is a required property" in parse_arguments(either, '{"r": 1}')[1]


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "objct"}, r"tool 'search': parameters\.type is not valid JSON Schema: 'objct'"),
        ({"properties": {"q": {"pattern": "["}}}, r"parameters\.properties\.q\.pattern"),
        ({"properties": {"q": {"$ref": "#/$defs/q"}}}, r"refers to '#/\$defs/q', which is not in"),
        ({"properties": {"q": {"$ref": "http://127.0.0.1:9/q"}}}, "refers to 'http"),
    ],
    ids=str,
)
def test_a_schema_that_cannot_be_checked_is_refused(schema: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        find_tools([by_hand(schema)])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda s: st.lists(s, max_size=3) | st.dictionaries(st.text(max_size=5), s),
    )
)
def test_no_call_is_more_than_refused(value: Any) -> None:
    for name in ("points", "title", "unit", "size", "span", "color", "scale"):
        arguments, problem = called(**{name: value})
        assert bool(problem) != bool(arguments)
