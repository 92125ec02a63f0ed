"""Tools of an MCP server, a real one: each episode has its own, and none outlives it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from olmo_eval.agents.selection import find_tools, tool_identity
from olmo_eval.agents.tools import ToolUnavailableError
from olmo_eval.common.types import LMOutput, LMRequest, RequestType, SamplingParams
from olmo_eval.errors import OlmoEvalError, UsageError
from olmo_eval.harness import Capability, HarnessConfig, ProviderConfig
from olmo_eval.harness.runtime import Harness
from olmo_eval.plugins import fresh_manager

pytestmark = pytest.mark.engine
pytest.importorskip("mcp", reason="MCP servers need olmo-eval-scaffolds[mcp]")

SERVER = Path(__file__).parent / "weather_server.py"
COMMAND = f"{sys.executable} {SERVER}"


@pytest.fixture(autouse=True)
def plugins() -> Iterator[None]:
    with fresh_manager(["olmo_eval.builtins", "olmo_eval_scaffolds.plugin"]):
        yield


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"tool_calls": [{"name": name, "arguments": arguments}]}


def play(tools: Any, *replies: Any, samples: int = 1) -> list[list[str]]:
    """What each of an agent's calls returned, for each of its samples."""
    provider = ProviderConfig(kind="mock", model="mock", kwargs={"replies": [*replies, "done"]})
    config = HarnessConfig(provider=provider, scaffold="tool_loop", tools=tools)
    request = LMRequest(RequestType.CHAT, messages=({"role": "user", "content": "?"},))

    async def main() -> list[LMOutput]:
        async with Harness(config) as harness:
            return await harness.execute(request, SamplingParams(num_samples=samples))

    found = []
    for output in anyio.run(main):
        assert output.trajectory is not None
        turns = output.trajectory.turns
        found.append([r.content for turn in turns for r in turn.tool_results])
    return found


def running() -> list[int]:
    """The servers that live, by process id."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if str(SERVER).encode() in words and int(parent) == os.getpid():
            found.append(int(folder.name))
    return found


def test_a_servers_tools_are_listed_with_their_schemas() -> None:
    found = find_tools([f"mcp:{COMMAND}"])
    assert list(found) == ["weather", "check_key", "picture", "fail", "crash", "sleep"]
    schema = found["weather"].schema
    assert schema.description == "The weather of a city."
    assert schema.parameters["required"] == ["city"]
    assert schema.parameters["properties"]["state"]["default"] == "any"
    assert running() == []


def test_an_agent_calls_them_in_an_episode_of_its_own() -> None:
    replies = [
        call("weather", city="Lima", state="hot"),
        call("weather", city=3),
        call("weather", city="Oslo"),
        call("picture", city="Rome"),
        call("fail"),
    ]
    first, second = play((f"mcp:{COMMAND}",), *replies, samples=2)
    assert first == second
    hot, wrong, oslo, data, failed = first
    assert hot == "Lima (hot): sunny, asked 1 times"
    assert wrong == "The argument city of weather must be of type string, got 3."
    assert oslo == "Oslo (any): sunny, asked 2 times"
    assert '"city": "Rome"' in data
    assert "fail" in failed
    assert running() == []


def test_a_server_that_dies_is_told_and_started_anew() -> None:
    replies = [call("weather", city="Lima"), call("crash"), call("weather", city="Lima")]
    ((before, crashed, after),) = play((f"mcp:{COMMAND}",), *replies)
    assert before == after == "Lima (any): sunny, asked 1 times"
    assert crashed == (
        "crash failed: its server ended. The next call starts it anew, without what it remembered."
    )
    assert running() == []


def test_the_time_of_a_call_is_limited_and_that_of_starting_is_not_in_it() -> None:
    tools = ({"name": "mcp", "command": COMMAND, "timeout": 0.5},)
    ((weather, slept),) = play(tools, call("weather", city="Oslo"), call("sleep", seconds=1.0))
    assert weather == "Oslo (any): sunny, asked 1 times"
    assert slept == "sleep took longer than 0.5 s and was stopped."
    assert running() == []


def test_some_tools_under_other_names_with_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    written = {"name": "mcp", "command": COMMAND, "only": ["check.key"], "prefix": "w_"}
    monkeypatch.setenv("WEATHER_KEY", "secret-of-weather")
    assert play((written,), call("w_check_key")) == [["none"]]
    with_key = {**written, "env": ["WEATHER_KEY"]}
    assert play((with_key,), call("w_check_key")) == [["secret-of-weather"]]
    assert "secret-of-weather" not in str(tool_identity(with_key))
    monkeypatch.delenv("WEATHER_KEY")
    with pytest.raises(UsageError, match="WEATHER_KEY, which the environment lacks"):
        find_tools([with_key])


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (f"mcp:{COMMAND} --broken", "does not start: .*it said: there is no weather today"),
        ("mcp:no-such-command", "does not start: .*no-such-command"),
        ({"name": "mcp", "command": f"{COMMAND} --silent", "startup_timeout": 1},
         "no answer within 1 s"),
        ({"name": "mcp", "command": COMMAND, "only": ["storm"]}, "has no tool 'storm'"),
        ({"name": "mcp", "command": ""}, "command is empty"),
    ],
    ids=["broken", "missing", "silent", "unknown", "empty"],
)  # fmt: skip
def test_a_server_that_cannot_be_used_refuses_the_run(written: Any, said: str) -> None:
    with pytest.raises(OlmoEvalError, match=said):
        find_tools([written])
    config = HarnessConfig(provider=ProviderConfig(kind="mock", model="mock"), tools=(written,))
    (reason,) = Harness.refusals(config, {Capability.CHAT})
    assert "MCP" in reason or "command is empty" in reason
    assert running() == []


def test_a_server_that_does_not_start_any_more_is_no_answer(tmp_path: Path) -> None:
    copied = tmp_path / "server.py"
    copied.write_text(SERVER.read_text())
    found = find_tools([f"mcp:{sys.executable} {copied}"])
    copied.write_text("raise SystemExit('gone')")

    async def main() -> None:
        weather = found["weather"]
        assert weather.state is not None
        server = weather.state()
        try:
            await weather.function(server, city="Lima")
        finally:
            await server.close()

    with pytest.raises(ToolUnavailableError, match="it said: gone"):
        anyio.run(main)


def test_the_program_of_a_server_is_part_of_what_it_answers(tmp_path: Path) -> None:
    program = tmp_path / "server.py"
    program.write_text("1")
    before = tool_identity(f"mcp:python {program}")
    program.write_text("2")
    assert tool_identity(f"mcp:python {program}") != before
    assert before["command"] == f"python {program}"
