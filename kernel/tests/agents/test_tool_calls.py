"""Calling a tool in an episode: its time, its result, what it remembers, how it ends the work."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Annotated, Any

import anyio
import anyio.lowlevel
import pytest

from olmo_eval.agents import (
    Episode,
    Scaffold,
    Submitted,
    Tool,
    ToolError,
    Toolset,
    ToolUnavailableError,
    tool,
)
from olmo_eval.agents.selection import find_tools, tool_identity
from olmo_eval.common.text import shorten
from olmo_eval.common.types import (
    Instance,
    LMOutput,
    LMRequest,
    RequestType,
    SamplingParams,
    ToolCall,
    ToolResult,
    ToolSchema,
)
from olmo_eval.errors import ProviderError, UsageError
from olmo_eval.harness import Capability, HarnessConfig, ProviderConfig
from olmo_eval.harness.runtime import Harness
from olmo_eval.plugins import PluginManager, fresh_manager
from olmo_eval.providers.mock import MockProvider
from olmo_eval.registry import Owner
from olmo_eval.runner.lock import harness_lock

MOCK = ProviderConfig(kind="mock", model="mock")
ASKED = LMRequest(RequestType.CHAT, messages=({"role": "user", "content": "?"},))


@pytest.fixture(autouse=True, scope="module")
def manager() -> Iterator[PluginManager]:
    with fresh_manager(["olmo_eval.builtins"]) as made:
        made.registry("scaffolds").add("loop", Loop, Owner("test"))
        made.registry("tools").add("shelf", Shelf, Owner("test"))
        made.registry("tools").add("forecast", forecast, Owner("test"))
        yield made


async def call_all(
    tools: Sequence[Any], calls: Sequence[ToolCall], episodes: int = 1
) -> list[list[ToolResult]]:
    """The results of ``calls`` in each of several episodes of one harness."""
    config = HarnessConfig(provider=MOCK, tools=tuple(tools))
    found = []
    async with Harness(config, provider=MockProvider(MOCK)) as harness:
        for _ in range(episodes):
            episode = harness.new_episode(Instance("?"), harness.sandboxes.binding((), None))
            try:
                found.append([await episode.call_tool(call) for call in calls])
            finally:
                await episode.close()
    return found


def results(tools: Sequence[Any], *calls: ToolCall, episodes: int = 1) -> list[list[ToolResult]]:
    return anyio.run(call_all, tools, calls, episodes)


def call(name: str, **arguments: Any) -> ToolCall:
    return ToolCall("call_0", name, json.dumps(arguments))


# -- what the model is told


class Unit(Enum):
    KELVIN = "K"
    CELSIUS = "C"


@tool
def forecast(
    city: str,
    days: int = 3,
    unit: Unit = Unit.CELSIUS,
    near: Annotated[str | None, "A place nearby."] = None,
) -> str:
    """Tell the weather of a city.

    The forecast is by the hour.

    Args:
        city: The name of the city,
            as its inhabitants write it.
        days (int): How many days: at most 7.
        near: Is told elsewhere.

    Returns:
        One line a day.

    Raises:
        ValueError: There is not such a city.
    """
    return f"{city} {days} {unit.value} {near}"


def test_the_docstring_describes_the_tool_and_its_arguments() -> None:
    said, more, returned = forecast.description.split("\n\n")
    assert said == "Tell the weather of a city." and more == "The forecast is by the hour."
    assert returned == "Returns:\n    One line a day."
    assert forecast.parameters["properties"] == {
        "city": {
            "type": "string",
            "description": "The name of the city, as its inhabitants write it.",
        },
        "days": {"type": "integer", "description": "How many days: at most 7.", "default": 3},
        "unit": {"type": "string", "enum": ["K", "C"], "default": "C"},
        "near": {
            "anyOf": [{"type": "string"}, {"type": "null"}],
            "description": "A place nearby.",
            "default": None,
        },
    }
    assert forecast.parameters["required"] == ["city"]


def test_services_that_insist_on_a_schema_are_told_no_defaults() -> None:
    strict = tool(strict=True)(forecast.function)
    assert all("default" not in one for one in strict.parameters["properties"].values())


def test_defaults_that_json_has_not_are_not_told() -> None:
    marker = object()

    @tool
    def search(query: str = "all", weight: float = float("inf"), more: Any = marker) -> str:
        return query

    told = {n: one.get("default") for n, one in search.parameters["properties"].items()}
    assert told == {"query": "all", "weight": None, "more": None}


def test_a_hint_that_names_nothing_is_refused() -> None:
    class Hidden:
        pass

    def seek(one: Hidden) -> str:
        return str(one)

    with pytest.raises(UsageError, match="tool seek: a hint names 'Hidden'"):
        tool(seek)


# -- time and size


@tool(timeout=0.1)
async def slow() -> str:
    """Takes its time."""
    await anyio.sleep(30)
    return "done"


@tool(timeout=0.1)
def blocking() -> str:
    """Takes its time in a thread."""
    time.sleep(0.5)
    return "done"


@pytest.mark.parametrize("one", [slow, blocking], ids=lambda t: t.name)
def test_a_call_that_takes_too_long_is_stopped_and_told(one: Tool) -> None:
    ((result,),) = results([one], call(one.name))
    assert result.error
    assert result.content == f"{one.name} took longer than 0.1 s and was stopped."


def test_a_timeout_of_the_tools_own_is_its_failure() -> None:
    @tool(timeout=20)
    async def ask() -> str:
        """Asks."""
        raise TimeoutError("nobody answered")

    ((result,),) = results([ask], call("ask"))
    assert result.content == "ask failed: nobody answered"


@tool(output_limit=200)
def read(fail: bool = False) -> str:
    """Reads much."""
    if fail:
        raise ToolError("e" * 1000)
    return "a" * 500 + "b" * 500


@pytest.mark.parametrize("fail", [False, True])
def test_a_long_result_loses_its_middle_visibly(fail: bool) -> None:
    ((result,),) = results([read], call("read", fail=fail))
    assert len(result.content) == 200 and result.error is fail
    assert "[... 1000 characters, the middle is left out ...]" in result.content
    if not fail:
        assert result.content.startswith("aaa") and result.content.endswith("bbb")


def test_a_limit_includes_what_is_said_of_it() -> None:
    for limit in (100, 101, 150, 999):
        assert len(shorten("x" * 1000, limit)) == limit
    assert shorten("x" * 1000, 1000) == "x" * 1000


@pytest.mark.parametrize("setting", [{"timeout": 0}, {"output_limit": 10}, {"timeout": "1"}])
def test_limits_that_mean_nothing_are_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        tool(**setting)(read.function)


def test_a_tool_may_say_what_is_wrong_in_its_own_words() -> None:
    @tool
    def book(seat: str) -> str:
        """Books a seat."""
        raise ToolError(f"Seat {seat} is taken.")

    ((result,),) = results([book], call("book", seat="4A"))
    assert (result.content, result.error) == ("Seat 4A is taken.", True)


# -- what a tool remembers


class Counter:
    """Counts, and says where it ended."""

    ended: list[int] = []

    def __init__(self) -> None:
        self.count = 0

    async def close(self) -> None:
        await anyio.lowlevel.checkpoint()
        Counter.ended.append(self.count)


class Stubborn:
    """Does not end."""

    def close(self) -> None:
        raise OSError("will not")


@tool(state=Counter)
def count(counter: Counter, by: int = 1, state: str = "any") -> int:
    """Counts on."""
    counter.count += by
    return counter.count


@tool(state=Counter)
async def total(counter: Counter) -> int:
    """Tells the count."""
    return counter.count


def test_tools_share_a_state_in_an_episode_and_none_beyond_it() -> None:
    Counter.ended = []
    calls = [call("count", by=2), call("count", state="its own argument"), call("total")]

    found = results([count, total], *calls, episodes=2)

    assert [[one.content for one in each] for each in found] == [["2", "3", "3"]] * 2
    assert Counter.ended == [3, 3]
    assert "counter" not in count.parameters["properties"]
    assert "state" in count.parameters["properties"]


def test_a_state_that_is_never_used_is_never_made() -> None:
    Counter.ended = []
    results([count, forecast], call("forecast", city="Lima"))
    assert Counter.ended == []


def test_a_state_that_cannot_end_is_reported_and_nothing_else(caplog: Any) -> None:
    @tool(state=Stubborn)
    def push(thing: Stubborn) -> str:
        """Pushes."""
        return "pushed"

    Counter.ended = []
    ((_, pushed),) = results([count, push], call("count"), call("push"))
    assert pushed.content == "pushed" and Counter.ended == [1]
    assert "closing Stubborn of a tool failed: will not" in caplog.text


# -- how an episode ends


class Loop(Scaffold):
    """Calls the tools that its model calls, one answer after another."""

    async def run(self, request: LMRequest, params: SamplingParams, episode: Episode) -> LMOutput:
        while True:
            (output,) = await episode.generate(request, params)
            if not output.tool_calls:
                return output
            for one in output.tool_calls:
                await episode.call_tool(one)


def play(tools: Sequence[Tool], *replies: Any) -> LMOutput:
    provider = ProviderConfig(kind="mock", model="mock", kwargs={"replies": list(replies)})
    config = HarnessConfig(provider=provider, scaffold="loop", tools=tuple(tools))

    async def main() -> LMOutput:
        async with Harness(config) as harness:
            (output,) = await harness.execute(ASKED, SamplingParams())
        return output

    return anyio.run(main)


@tool
def submit(answer: str = "") -> str:
    """Ends the work."""
    raise Submitted(answer or None)


@pytest.mark.parametrize(("arguments", "text"), [({"answer": "42"}, "42"), ({}, "It is 41.")])
def test_a_submitted_answer_ends_the_episode(arguments: dict[str, Any], text: str) -> None:
    reply = {"text": "It is 41.", "tool_calls": [{"name": "submit", "arguments": arguments}]}

    output = play([submit], reply, "never said")

    assert (output.text, output.finish_reason) == (text, "stop")
    assert output.trajectory is not None and output.trajectory.stop_reason == "answer"
    (turn,) = output.trajectory.turns
    assert [result.content for result in turn.tool_results] == ["the answer was submitted"]


def test_a_service_that_is_gone_is_no_answer() -> None:
    @tool
    def look_up(word: str) -> str:
        """Looks a word up."""
        raise ToolUnavailableError("the dictionary is gone", hint="wait")

    with pytest.raises(ProviderError, match="tool: the dictionary is gone"):
        play([look_up], {"tool_calls": [{"name": "look_up", "arguments": {"word": "a"}}]})


def test_a_run_without_the_secrets_of_a_tool_is_refused(monkeypatch: Any) -> None:
    @tool(secrets="DICTIONARY_KEY")
    def look_up(word: str) -> str:
        """Looks a word up."""
        return word

    config = HarnessConfig(provider=MOCK, tools=(look_up,))
    said = "tool 'look_up': the environment lacks DICTIONARY_KEY: export them before the run"
    assert said in Harness.refusals(config, {Capability.CHAT})
    monkeypatch.setenv("DICTIONARY_KEY", "1")
    assert Harness.refusals(config, {Capability.CHAT}) == []


# -- tools with settings


class Shelf(Toolset):
    """Books of a shelf."""

    argument = "topic"

    def __init__(self, topic: str, limit: int = 2) -> None:
        if limit < 1:
            raise ValueError("limit must be at least 1")
        self.topic, self.limit = topic, limit

    def tools(self) -> list[Tool]:
        @tool
        def browse() -> str:
            """Browses."""
            return f"{self.limit} books of {self.topic}"

        @tool
        def borrow(book: str) -> str:
            """Borrows."""
            return book

        return [browse, borrow]

    def identity(self, settings: Any) -> Any:
        return {**settings, "edition": 7}


@pytest.mark.parametrize(
    ("item", "content"),
    [
        ("shelf:poems", "2 books of poems"),
        ("shelf:C:/poems, and more", "2 books of C:/poems, and more"),
        ("test:shelf:poems", "2 books of poems"),
        ({"name": "shelf", "topic": "poems", "limit": 9}, "9 books of poems"),
    ],
    ids=str,
)
def test_a_toolset_is_named_with_its_settings(item: Any, content: str) -> None:
    assert list(find_tools([item])) == ["browse", "borrow"]
    ((result,),) = results([item], call("browse"))
    assert result.content == content


def test_limits_are_settings_of_every_tool() -> None:
    written = {"name": "forecast", "timeout": 9, "output_limit": 500}
    (one,) = find_tools([written]).values()
    assert (one.timeout, one.output_limit, one.schema) == (9, 500, forecast.schema)
    assert forecast.timeout is None
    both = find_tools([{"name": "shelf", "topic": "poems", "timeout": 9}]).values()
    assert [one.timeout for one in both] == [9, 9]


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("shelv:poems", "unknown tool 'shelv'"),
        ("forecast:Lima", "tool 'forecast' takes nothing after its name"),
        ("shelf", "tools 'shelf' lack the setting 'topic'"),
        ({"name": "shelf:x"}, "unknown tool 'shelf:x'"),
        ({"name": "forecast", "days": 3}, "tool 'forecast' has no setting 'days'"),
        ({"name": "shelf", "topik": "x"}, "tool 'shelf' has no setting 'topik'"),
        ({"name": "shelf", "topic": "x", "limit": 0}, "tools 'shelf': limit must be at least 1"),
        ({"name": "forecast", "timeout": -1}, "tool 'forecast': timeout must be"),
        ({"tool": "forecast"}, "is not a tool"),
        (7, "7 is not a tool"),
    ],
    ids=str,
)
def test_what_is_named_wrongly_is_refused(item: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        find_tools([item])


def test_what_is_missing_is_told_with_the_way_to_write_it() -> None:
    with pytest.raises(UsageError) as refusal:
        find_tools(["shelf"])
    assert refusal.value.hint == "name them with it: -o 'tools=[shelf:TOPIC]'"


def test_a_lock_knows_the_settings_of_tools() -> None:
    assert tool_identity("forecast") == tool_identity(forecast) == "forecast"
    told = {"name": "shelf", "topic": "poems", "edition": 7}
    assert tool_identity("shelf:poems") == told
    assert tool_identity({"name": "shelf", "topic": "poems", "timeout": 1}) == told | {"timeout": 1}
    locked = harness_lock(HarnessConfig(provider=MOCK, tools=({"name": "forecast", "timeout": 5},)))
    assert locked["tools"] == [{"name": "forecast", "timeout": 5}]


def test_a_schema_written_by_hand_may_name_any_argument() -> None:
    schema = ToolSchema(
        "issues",
        "Lists issues.",
        {"type": "object", "properties": {n: {} for n in ("counter", "state", "episode")}},
    )

    async def issues(counter: Counter, /, **arguments: Any) -> Any:
        return arguments

    made = Tool(schema, issues, state=Counter)
    ((result,),) = results([made], call("issues", counter=1, state="open", episode=2))
    assert json.loads(result.content) == {"counter": 1, "state": "open", "episode": 2}
