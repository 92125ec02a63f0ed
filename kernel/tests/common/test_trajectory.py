"""Events, the turns that are seen in them, and what an instance says of its environment."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import evolve

from olmo_eval.common.convert import structure, to_json
from olmo_eval.common.types import (
    CommandEvent,
    EnvironmentSpec,
    ErrorEvent,
    Event,
    Instance,
    LimitEvent,
    LMOutput,
    MessageEvent,
    NoteEvent,
    ReasoningEvent,
    ToolCall,
    ToolCallEvent,
    ToolResult,
    ToolResultEvent,
    ToolSchema,
    Trajectory,
    Turn,
    Usage,
)
from olmo_eval.errors import UsageError
from olmo_eval.results.record import output_row, row_outputs

USAGE = Usage(10, 5, 2, 0.01)
EVENTS: tuple[Event, ...] = (
    MessageEvent("user", "6*7 and 1+1?", start=0.0),
    ReasoningEvent("two sums", 0.1, 0.2),
    MessageEvent("assistant", "Let me see.", USAGE, 0.1, 0.2),
    ToolCallEvent(ToolCall("a", "sum", '{"of": 1}'), 0.3),
    ToolCallEvent(ToolCall("b", "sum", "{}"), 0.3),
    CommandEvent(("python3", "-"), 0, "42\n", start=0.4, seconds=0.5),
    ToolResultEvent(ToolResult("b", "2"), 0.3, 0.7),
    NoteEvent("half way", 1.0),
    MessageEvent("assistant", "Once more.", None, 1.0, 0.1),
    ToolCallEvent(ToolCall("c", "sum"), 1.1),
    ToolResultEvent(ToolResult("a", "late", error=True), 0.3, 1.2),
    ToolResultEvent(ToolResult("c", "3"), 1.1, 0.2),
    ErrorEvent("the provider is gone", 1.5),
    LimitEvent("timeout", 1.6),
)
TRAJECTORY = Trajectory(EVENTS, "timeout")


def kept(trajectory: Trajectory) -> Trajectory | None:
    """What comes back of a trajectory from the row in which it is kept."""
    row = output_row(LMOutput("x", trajectory=trajectory), continuation=False)
    (output,) = row_outputs({"request": None, "outputs": [row]})
    return output.trajectory


def test_every_event_survives_the_record() -> None:
    assert kept(TRAJECTORY) == TRAJECTORY


def test_results_belong_to_the_turn_that_called_whenever_they_came() -> None:
    first, second = TRAJECTORY.turns
    assert (first.text, first.usage, second.text, second.usage) == (
        "Let me see.", USAGE, "Once more.", None,
    )  # fmt: skip
    assert [call.id for call in first.tool_calls] == ["a", "b"]
    assert [result.content for result in first.tool_results] == ["2", "late"]
    assert [result.content for result in second.tool_results] == ["3"]


def test_an_id_that_is_used_again_means_the_latest_call() -> None:
    turn = (MessageEvent("assistant", ""), ToolCallEvent(ToolCall("call_0", "f")))
    events = (*turn, ToolResultEvent(ToolResult("call_0", "1")))
    more = (*turn, ToolResultEvent(ToolResult("call_0", "2")))
    contents = [t.tool_results[0].content for t in Trajectory((*events, *more)).turns]
    assert contents == ["1", "2"]


def test_records_of_version_1_are_read() -> None:
    turn = Turn("hm", (ToolCall("a", "f"),), (ToolResult("a", "1"),), USAGE)
    last = Turn("It is 1.")
    old = {"turns": [to_json(turn), to_json(last)], "stop_reason": "max_turns"}
    row = output_row(LMOutput("x"), continuation=False) | {"trajectory": json.dumps(old)}

    (output,) = row_outputs({"request": None, "outputs": [row]})

    assert output.trajectory is not None
    assert output.trajectory.turns == (turn, last)
    assert output.trajectory.stop_reason == "max_turns"
    assert all(event.start is event.seconds is None for event in output.trajectory.events)


SPEC = EnvironmentSpec(
    image="python:3.12",
    files={"in/data.txt": "text", "in/data.bin": b"\xff\x00"},
    setup="make ready",  # type: ignore[arg-type]
    packages=("numpy",),
    capabilities=("bash",),
)


def test_an_environment_survives_json() -> None:
    written = json.dumps(to_json(SPEC))
    assert structure(json.loads(written), EnvironmentSpec, where="environment") == SPEC
    assert SPEC.setup == ("make ready",)


def test_the_digest_of_an_environment_is_that_of_its_content() -> None:
    again = structure(to_json(SPEC), EnvironmentSpec, where="environment")
    assert again.digest == SPEC.digest
    changes: list[dict[str, Any]] = [
        {"image": None},
        {"files": {**SPEC.files, "in/data.bin": b"\xff\x01"}},
        {"setup": ()},
        {"packages": ("numpy<3",)},
        {"capabilities": ()},
    ]
    assert len({evolve(SPEC, **change).digest for change in changes} | {SPEC.digest}) == 6


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"imgae": "x"}, "environment: unknown key 'imgae'"),
        ({"files": {"a": 1}}, r"environment.files\['a'\]: expected a text or"),
        ({"files": {"a": {"base64": "?"}}}, r"environment.files\['a'\]: is not valid base64"),
        ({"setup": [1]}, r"environment.setup\[0\]: expected str, got 1"),
    ],
)
def test_what_is_wrong_with_an_environment_is_said_with_its_place(data: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        structure(data, EnvironmentSpec, where="environment")


@pytest.mark.parametrize("files", [{"a": 1}, {"": "x"}, ["a"]])
def test_files_are_texts_or_bytes_by_path(files: Any) -> None:
    with pytest.raises(TypeError):
        Instance("?", environment=EnvironmentSpec(files=files))


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_schema_in_openais_shape_is_read(wrapped: bool) -> None:
    schema = ToolSchema("search", "Searches.", {"type": "object", "properties": {"q": {}}})
    data = schema.to_openai()
    assert ToolSchema.from_openai(data if wrapped else data["function"]) == schema
    with pytest.raises(ValueError, match="OpenAI's shape"):
        ToolSchema.from_openai({"description": "nameless"})
