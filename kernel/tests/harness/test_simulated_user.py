"""A user played by another model: heard, limited, asked for beforehand, part of what was run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from attrs import evolve

from olmo_eval.agents import Episode, Scaffold, SimulatedUser, tool
from olmo_eval.common.formatters import ChatFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import TrajectoryStateScorer
from olmo_eval.common.types import (
    Instance,
    LimitEvent,
    LMOutput,
    LMRequest,
    MessageEvent,
    Outcome,
    SamplingParams,
    ToolCall,
)
from olmo_eval.errors import PluginError, ProviderError, UsageError
from olmo_eval.evals.tasks.common import Task
from olmo_eval.harness import Capability, HarnessConfig, Provider, ProviderConfig
from olmo_eval.harness.runtime import Harness, natural_outcome
from olmo_eval.plugins import PluginManager, fresh_manager
from olmo_eval.registry import Owner
from olmo_eval.runner.surroundings import Surroundings


class Says(Provider):
    """Says the lines of its configuration in turn, told from how often the other side spoke."""

    capabilities = frozenset({Capability.GENERATE, Capability.CHAT, Capability.TOOLS})
    asked: list[LMRequest] = []  # by anybody

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        self.asked.append(request)
        await anyio.lowlevel.checkpoint()
        lines = self.config.kwargs["lines"]
        turn = sum(message["role"] == "user" for message in request.messages)
        turn -= self.config.kwargs.get("greeted", 0)
        line = str(lines[min(turn, len(lines)) - 1])
        if line.startswith("call ") and request.messages[-1]["role"] != "tool":
            call = ToolCall(f"call-{turn}", "light", f'{{"on": {line.split()[1]}}}')
            return [LMOutput("", tool_calls=(call,), finish_reason="tool_calls")]
        return [LMOutput(line, finish_reason="stop")] * params.num_samples


@tool
def light(on: bool, episode: Episode) -> str:
    """Switches the light."""
    episode.state["room"]["light"] = on
    return "done"


class Room(Task):
    """Somebody wants light."""

    formatter = ChatFormatter()
    metrics = (AccuracyMetric(scorer=TrajectoryStateScorer),)
    requires = frozenset({"model:user"})

    @property
    def instances(self) -> Any:
        for name in ("a", "b"):
            yield Instance(
                f"It is dark in {name}.",
                metadata={"id": name, "errand": f"You sit in {name} and want light."},
                tools=(light,),
                expected_final_state={"light": True},
            )

    async def setup(self, episode: Episode) -> None:
        episode.state["room"] = {"light": False}
        episode.record("final_state", episode.state["room"])
        episode.state["user"] = SimulatedUser(episode, episode.instance.metadata["errand"])

    async def user_message(self, episode: Episode, answers: Sequence[str]) -> str | None:
        return await episode.state["user"].reply(answers[-1])  # type: ignore[no-any-return]


class ToolLoop(Scaffold):
    """The smallest loop over tools."""

    async def run(self, request: LMRequest, params: SamplingParams, episode: Episode) -> LMOutput:
        while True:
            (output,) = await episode.generate(request, params)
            if not output.tool_calls:
                return output
            said: list[Any] = [{"role": "assistant", "content": None}]
            for call in output.tool_calls:
                said.append((await episode.call_tool(call)).to_openai())
            request = evolve(request, messages=(*request.messages, *said))


def says(*lines: str, **more: Any) -> ProviderConfig:
    return ProviderConfig(kind="says", kwargs={"lines": lines, **more}, max_retries=0)


def user(*lines: str) -> dict[str, ProviderConfig]:
    return {"user": says(*lines, greeted=1)}


def task(cls: type[Task] = Room) -> Task:
    return cls(cls.default_config("room"))


def talk(
    clerk: Sequence[str],
    customer: Sequence[str],
    of: type[Task] = Room,
    samples: int = 1,
    **settings: Any,
) -> tuple[LMOutput, ...]:
    """The outputs of the first instance."""
    made = task(of)
    asked = next(iter(made.instances))

    async def main() -> tuple[LMOutput, ...]:
        config = HarnessConfig(
            provider=says(*clerk), auxiliary_providers=user(*customer), **settings
        )
        async with Harness(config) as harness:
            params = SamplingParams(num_samples=samples)
            answered = await harness.answer(made.request_for(asked), params, asked, made)
            await answered.close()
            return answered.outputs

    with fresh_manager() as manager:
        register(manager)
        return anyio.run(main)


def register(manager: PluginManager) -> None:
    manager.registry("providers").add("says", Says, Owner("tests", ""))
    manager.registry("scaffolds").add("loop", ToolLoop, Owner("tests", ""))


@pytest.fixture(autouse=True)
def nothing_asked() -> None:
    Says.asked.clear()


def spoken(output: LMOutput) -> list[tuple[str, str]]:
    assert output.trajectory is not None
    events = output.trajectory.events
    return [(e.role, e.text) for e in events if isinstance(e, MessageEvent)]


def test_a_conversation_ends_when_the_user_is_done() -> None:
    (output,) = talk(
        ["Which one?", "call true"], ["The big one.", "Thanks. ###STOP###"], scaffold="loop"
    )

    assert spoken(output) == [
        ("assistant", "Which one?"),
        ("user", "The big one."),
        ("assistant", ""),
        ("assistant", "call true"),
        ("user", "Thanks. ###STOP###"),
    ]
    assert output.metadata["answers"] == ["Which one?", "call true"]
    assert output.metadata["final_state"] == {"light": True}
    assert natural_outcome(output) is None
    instance = next(iter(task().instances))
    assert TrajectoryStateScorer().score(instance, output) == 1.0


def test_the_user_sees_the_conversation_from_its_own_side() -> None:
    talk(["Which one?", "Here you are."], ["The big one.", "###STOP###"])

    shown = [r for r in Says.asked if r.system_prompt == "You sit in a and want light."]
    assert [(m["role"], m["content"]) for m in shown[-1].messages] == [
        ("user", "Hello! What can I do for you?"),
        ("assistant", "It is dark in a."),
        ("user", "Which one?"),
        ("assistant", "The big one."),
        ("user", "Here you are."),
    ]
    asked = [r for r in Says.asked if r.system_prompt is None]
    assert [m["content"] for m in asked[-1].messages] == [
        "It is dark in a.",
        "Which one?",
        "The big one.",
    ]


def test_every_sample_has_a_user_and_a_world_of_its_own() -> None:
    outputs = talk(["call true"], ["Again.", "###STOP###"], samples=3, scaffold="loop")

    assert [len(spoken(output)) for output in outputs] == [6, 6, 6]
    states = [output.metadata["final_state"] for output in outputs]
    assert states == [{"light": True}] * 3 and len({id(state) for state in states}) == 3


@pytest.mark.parametrize(("most", "answers"), [(1, 1), (3, 3), (None, 100)])
def test_a_user_who_never_stops_is_limited(most: int | None, answers: int) -> None:
    (output,) = talk(["Well."], ["More."], max_user_turns=most, max_turns=500)

    assert output.finish_reason == "max_user_turns" and output.trajectory is not None
    assert natural_outcome(output) is Outcome.LIMIT_REACHED
    assert [e.reason for e in output.trajectory.events if isinstance(e, LimitEvent)] == [
        "max_user_turns"
    ]
    assert output.metadata["answers"] == ["Well."] * answers and output.text == "Well."


def test_a_user_who_stops_at_the_limit_has_stopped() -> None:
    (output,) = talk(["Well."], ["More.", "###STOP###"], max_user_turns=2)
    assert output.finish_reason == "stop"


def test_a_limit_of_the_model_leaves_the_answers_so_far() -> None:
    (output,) = talk(["Well."], ["More."], max_turns=2)
    assert output.finish_reason == "max_turns"
    assert output.metadata["answers"] == ["Well.", "Well."]


def test_what_a_task_itself_says_is_recorded_once() -> None:
    class Scripted(Room):
        def next_message(self, instance: Instance, answers: Sequence[str]) -> str | None:
            return "And the small one?" if len(answers) == 1 else None

        user_message = Task.user_message
        requires = frozenset()

    (output,) = talk(["Well."], [], of=Scripted)
    assert spoken(output) == [
        ("assistant", "Well."),
        ("user", "And the small one?"),
        ("assistant", "Well."),
    ]


def test_a_user_who_says_nothing_is_a_failure_of_its_model() -> None:
    with pytest.raises(ProviderError, match="the simulated user said nothing"):
        talk(["Well."], [" "])


def test_what_a_task_raises_is_the_tasks() -> None:
    class Wrong(Room):
        async def user_message(self, episode: Episode, answers: Sequence[str]) -> str | None:
            return answers[7]

    with pytest.raises(PluginError, match=r"user_message of task 'room', instance 'a', failed"):
        talk(["Well."], [], of=Wrong)


def test_a_task_that_cannot_wait_is_refused() -> None:
    class Blocking(Room):
        def user_message(self, episode: Episode, answers: Sequence[str]) -> None:  # type: ignore[override]
            return None

    with pytest.raises(UsageError, match="an episode cannot wait for its user_message"):
        _ = task(Blocking).converses


def test_another_user_is_another_conversation() -> None:
    asked = next(iter(task().instances))

    def digest(of: type[Task] = Room, **auxiliary: ProviderConfig) -> str | None:
        harness = Harness(HarnessConfig(provider=says("x"), auxiliary_providers=auxiliary))
        return Surroundings(harness, task(of)).digest(asked)

    class Alone(Room):
        requires = frozenset()

    with fresh_manager() as manager:
        register(manager)
        one = digest(user=says("a"))
        assert one == digest(user=says("a"), judge=says("b"))
        assert one == digest(user=ProviderConfig(kind="says", kwargs={"lines": ("a",)}))
        assert one != digest(user=says("b"))
        assert digest(Alone, user=says("a")) == digest(Alone, user=says("b"))
