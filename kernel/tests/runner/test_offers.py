"""Tools that a task itself offers: they reach the model, identify the request, and need a provider
that can call them."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from olmo_eval import evaluate
from olmo_eval.agents.tools import Tool
from olmo_eval.common.formatters import ChatFormatter, Formatter, GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import Scorer
from olmo_eval.common.types import (
    Capability,
    Instance,
    LMOutput,
    LMRequest,
    RequestType,
    SamplingParams,
    ToolSchema,
)
from olmo_eval.errors import UsageError
from olmo_eval.evals.tasks.common import Task, register
from olmo_eval.harness import HarnessConfig, ProviderConfig, tool
from olmo_eval.harness.runtime import Harness
from olmo_eval.plugins import fresh_manager
from olmo_eval.results.record import request_hash, request_row
from olmo_eval.runner.plan import make_plan
from olmo_eval.runner.spec import TaskRequest

WEATHER = ToolSchema("weather", "Tells the weather.", {"type": "object", "properties": {}})


@tool
def look_up(word: str) -> str:
    """Looks a word up."""
    return word


class CallScorer(Scorer):
    """1 where the model called the tool that the question is about."""

    name = "call"
    reads = "text"

    def score(self, instance: Instance, output: LMOutput) -> float:
        return float([call.name for call in output.tool_calls] == [instance.gold_answer])


class Calls(Task):
    formatter: Formatter = ChatFormatter()
    metrics = (AccuracyMetric(scorer=CallScorer()),)
    offered: tuple[Any, ...] = (WEATHER, {"name": "time", "description": "Tells it."}, look_up)
    choice = "auto"

    @property
    def instances(self) -> Any:
        yield Instance("Is it raining?", "weather", metadata={"id": "1"}, tools=self.offered)

    def format_request(self, instance: Instance) -> LMRequest:
        return evolve(super().format_request(instance), tool_choice=self.choice)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    monkeypatch.chdir(tmp_path)
    with fresh_manager(["olmo_eval.builtins"]):
        register("calls")(Calls)
        yield


def asked(**changes: Any) -> LMRequest:
    task = type("Changed", (Calls,), changes)(Calls.default_config("calls"))
    return task.request_for(next(iter(task.instances)))


def test_what_an_instance_offers_reaches_the_model() -> None:
    assert [schema.name for schema in asked().tools] == ["weather", "time", "look_up"]
    assert asked().tools[0] is WEATHER
    assert asked().tools[2].description == "Looks a word up."


def test_the_tools_of_the_request_come_first_and_count_once() -> None:
    def own(self: Task, instance: Instance) -> LMRequest:
        return evolve(Task.format_request(self, instance), tools=(WEATHER,))

    request = asked(format_request=own, offered=(look_up, WEATHER))
    assert [schema.name for schema in request.tools] == ["weather", "look_up"]


@pytest.mark.parametrize("item", ["look_up", 3, {"description": "nameless"}])
def test_what_is_not_a_tool_is_refused(item: Any) -> None:
    with pytest.raises(UsageError, match=r"task 'calls': .*tools of an instance"):
        asked(offered=(item,))


def test_a_tool_of_an_instance_whose_schema_is_not_valid_is_refused_before_the_run() -> None:
    broken = Tool(ToolSchema("broken", "", {"type": "objekt"}), print)
    register("broken")(type("Broken", (Calls,), {"offered": (broken,)}))
    with pytest.raises(UsageError, match=r"'broken': parameters\.type is not valid JSON Schema"):
        evaluate("mock", "broken")


def test_only_a_chat_can_offer_tools() -> None:
    class Continued(Calls):
        formatter = GenerationFormatter()

        def format_request(self, instance: Instance) -> LMRequest:
            return Task.format_request(self, instance)

    register("continued")(Continued)
    with pytest.raises(UsageError, match="task 'continued' offers tools, and its request is not"):
        evaluate("mock", "continued")


def test_the_run_needs_a_provider_that_calls_tools() -> None:
    plan = make_plan([TaskRequest("calls")])
    assert plan.needs() == {Capability.CHAT: "calls", Capability.TOOLS: "calls"}
    able = {"provider": {"kwargs": {"capabilities": ["chat"]}}}
    with pytest.raises(UsageError, match="provider 'mock' cannot call tools"):
        evaluate("mock", "calls", harness=able)


def test_a_benchmark_of_tool_calls_runs_in_one_turn() -> None:
    reply = {"tool_calls": [{"name": "weather", "arguments": {}}]}
    run = evaluate("mock", "calls", harness={"provider": {"kwargs": {"replies": [reply]}}})
    (row,) = run.instances("calls").to_pylist()
    assert row["scores"] == {"call": [1.0]} and '"weather"' in row["request"]["tools"]


def digest(request: LMRequest) -> str:
    return request_hash(request_row(request), SamplingParams())


def test_tools_and_their_choice_are_part_of_what_is_asked() -> None:
    requests = [asked(), asked(choice="required"), asked(offered=(WEATHER,))]
    assert len({digest(request) for request in requests}) == 3
    chat = LMRequest(RequestType.CHAT, messages=({"role": "user", "content": "?"},))
    row, params = request_row(chat), SamplingParams()
    assert len({request_hash(row, params, e) for e in (None, "a", "b")}) == 3


@pytest.mark.parametrize(
    ("harness", "choice"),
    [
        ({"system_prompt": "Be brief."}, "required"),
        ({"tools": (look_up,)}, "required"),
        ({"tools": (look_up,), "tool_choice": "none"}, "required"),
        ({"system_prompt": "Be brief.", "tool_choice": "required"}, "auto"),
        ({"tools": (look_up,), "tool_choice": "required"}, "auto"),
    ],
)
def test_the_tasks_choice_holds_unless_the_harness_insists(harness: Any, choice: str) -> None:
    mock = ProviderConfig(kind="mock")
    prepared = Harness(HarnessConfig(provider=mock, **harness)).prepare(asked(choice=choice))
    insists = harness.get("tool_choice") == "required" and "tools" in harness
    assert prepared.tool_choice == ("required" if insists else choice)
