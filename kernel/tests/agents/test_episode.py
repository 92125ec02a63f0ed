"""An episode: limits hold, results find their calls, everything that happens is timed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any, ClassVar

import anyio
import pytest

from olmo_eval.agents.episode import Episode
from olmo_eval.agents.limits import LimitReached
from olmo_eval.agents.scaffold import Scaffold
from olmo_eval.agents.tools import Tool
from olmo_eval.common.types import (
    CommandEvent,
    ErrorEvent,
    Instance,
    LimitEvent,
    LMOutput,
    LMRequest,
    MessageEvent,
    NoteEvent,
    ReasoningEvent,
    RequestType,
    SamplingParams,
    ToolCall,
    ToolCallEvent,
    ToolResultEvent,
    Usage,
)
from olmo_eval.errors import ProviderError, TransientError, UsageError
from olmo_eval.harness import Capability, HarnessConfig, ProviderConfig, tool
from olmo_eval.harness.runtime import Harness
from olmo_eval.plugins import PluginManager, fresh_manager
from olmo_eval.providers.provider import Provider
from olmo_eval.registry import Owner
from olmo_eval.sandbox import (
    EnvironmentSpec,
    ExecResult,
    Sandbox,
    SandboxBackend,
    SandboxConfig,
    SandboxError,
)

ASKED = LMRequest(RequestType.CHAT, messages=({"role": "user", "content": "6*7?"},))
GREEDY = SamplingParams()
Run = Callable[[LMRequest, SamplingParams, Episode], Any]


class Model(Provider):
    """Answers with ``outputs`` in turn, the last for ever, each after ``seconds``."""

    capabilities = frozenset({Capability.CHAT, Capability.TOOLS})

    def __init__(self, *outputs: LMOutput, seconds: float = 0.0) -> None:
        super().__init__(ProviderConfig(kind="mock", max_retries=0))
        self.outputs, self.seconds = outputs or (LMOutput("42"),), seconds
        self.asked: list[SamplingParams] = []

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        self.asked.append(params)
        await anyio.sleep(self.seconds)
        return [self.outputs[min(len(self.asked), len(self.outputs)) - 1]]


class Box(Sandbox):
    async def exec(self, argv: Sequence[str], **_: Any) -> ExecResult:
        await anyio.sleep(0.02)
        if argv[0] == "crash":
            raise SandboxError("the container is gone")
        return ExecResult(1, "o" * 5000, "no such file", timed_out=argv[0] == "sleep")

    async def close(self) -> None:
        return


class Backend(SandboxBackend):
    """Takes ``kwargs.seconds`` to make an environment."""

    async def create(self, run_id: str, spec: EnvironmentSpec | None = None) -> Box:
        await anyio.sleep(self.config.kwargs.get("seconds", 0.0))
        return Box()


@pytest.fixture(autouse=True)
def manager() -> Iterator[PluginManager]:
    with fresh_manager(["olmo_eval.builtins"]) as made:
        made.registry("sandboxes").add("made", Backend, Owner("test"))
        yield made


@pytest.fixture
def play(manager: PluginManager) -> Callable[..., LMOutput]:
    """The output of an episode that runs what it is given, and whatever that keeps of it."""

    numbers = count()

    def run(body: Run, model: Provider | None = None, **settings: Any) -> LMOutput:
        instance = settings.pop("instance", Instance("6*7?"))
        requires = settings.pop("requires", frozenset())

        class Played(Scaffold):
            async def run(
                self, request: LMRequest, params: SamplingParams, episode: Episode
            ) -> LMOutput:
                done = await body(request, params, episode)
                return done if isinstance(done, LMOutput) else LMOutput(str(done))

        Played.requires = requires
        name = f"played-{next(numbers)}"
        manager.registry("scaffolds").add(name, Played, Owner("test"))
        config = HarnessConfig(scaffold=name, **settings)

        async def main() -> LMOutput:
            async with Harness(config, provider=model or Model()) as harness:
                with anyio.fail_after(20):
                    (output,) = await harness.execute(ASKED, GREEDY, instance)
            return output

        return anyio.run(main)

    return run


def events(output: LMOutput, kind: type[Any]) -> list[Any]:
    assert output.trajectory is not None
    return [event for event in output.trajectory.events if isinstance(event, kind)]


def calls(*arguments: int) -> tuple[ToolCall, ...]:
    return tuple(ToolCall(f"id-{n}", "wait", json.dumps({"tenths": n})) for n in arguments)


@tool
async def wait(tenths: int) -> str:
    """Waits."""
    await anyio.sleep(tenths / 10)
    return f"waited {tenths}"


def test_calls_at_the_same_time_are_answered_by_their_ids(play: Any) -> None:
    first = LMOutput("", tool_calls=calls(3, 1, 2), finish_reason="tool_calls")

    async def body(request: LMRequest, params: SamplingParams, episode: Episode) -> str:
        (asked,) = await episode.generate(request, params)
        async with anyio.create_task_group() as group:
            for call in asked.tool_calls:
                group.start_soon(episode.call_tool, call)
            await anyio.sleep(0.15)
            await episode.generate(request, params)  # the next turn begins before they are done
        return "done"

    output = play(body, Model(first, LMOutput("thinking on")), tools=(wait,))

    results = events(output, ToolResultEvent)
    assert [event.result.call_id for event in results] == ["id-1", "id-2", "id-3"]
    assert [event.result.content for event in results] == ["waited 1", "waited 2", "waited 3"]
    one, two = output.trajectory.turns
    assert [call.id for call in one.tool_calls] == ["id-3", "id-1", "id-2"]
    assert [result.call_id for result in one.tool_results] == ["id-1", "id-2", "id-3"]
    assert (two.text, two.tool_results) == ("thinking on", ())
    for event, seconds in zip(results, (0.1, 0.2, 0.3), strict=True):
        assert seconds <= event.seconds < 5 and event.start >= 0


def test_what_happens_is_timed_and_counted(play: Any) -> None:
    usage = Usage(100, 7, cost_usd=0.5)
    answer = LMOutput("42", usage=usage, reasoning="six sevens")

    async def body(request: LMRequest, params: SamplingParams, episode: Episode) -> LMOutput:
        await anyio.sleep(0.05)
        (output,) = await episode.generate(request, params)
        episode.record(NoteEvent("seen"))
        assert isinstance(episode.trajectory.events[-1], NoteEvent)  # so far
        episode.record("checked", {"by": "hand"})
        return output

    output = play(body, Model(answer, seconds=0.1))

    thought, said, note = output.trajectory.events
    assert thought == ReasoningEvent("six sevens", thought.start, thought.seconds)
    assert said == MessageEvent("assistant", "42", usage, said.start, said.seconds)
    assert 0.05 <= said.start < 5 and 0.1 <= said.seconds < 5
    assert note.start >= said.start + 0.1
    assert output.usage == usage and output.trajectory.stop_reason == "answer"
    assert (output.reasoning, output.metadata) == ("six sevens", {"checked": {"by": "hand"}})


def test_commands_of_a_sandbox_are_recorded(play: Any) -> None:
    async def body(_request: LMRequest, _params: SamplingParams, episode: Episode) -> str:
        box = await episode.sandbox()
        assert box is await episode.sandbox("bash") and box is await episode.sandbox("python")
        await box.exec(["ls", "-l"])
        await box.exec(["sleep", "x" * 9000])
        await box.close()  # is the episode's to do
        with pytest.raises(SandboxError):
            await box.exec(["crash"])
        return "done"

    output = play(
        body, requires=frozenset({"bash", "python"}), sandboxes=(SandboxConfig(mode="made"),)
    )

    listed, slept = events(output, CommandEvent)
    assert (listed.argv, listed.exit_code, listed.timed_out) == (("ls", "-l"), 1, False)
    assert listed.output == "o" * 2000 + "no such file" and listed.truncated
    assert 0.02 <= listed.seconds < 5
    assert slept.timed_out and len(slept.argv[1]) == 2000
    assert [event.message for event in events(output, ErrorEvent)] == ["the container is gone"]


def test_a_simulated_user_is_recorded_under_its_name(play: Any) -> None:
    mock = {"user": ProviderConfig(kind="mock", kwargs={"text": "And 1+1?"})}

    async def body(request: LMRequest, params: SamplingParams, episode: Episode) -> str:
        await episode.generate(request, params)
        user = episode.model("user")
        assert Capability.CHAT in user.capabilities
        (reply,) = await user.generate(request, params)
        await episode.generate(request, params)
        with pytest.raises(UsageError, match="no auxiliary provider 'referee'"):
            episode.model("referee")
        return reply.text

    model = Model(LMOutput("42", usage=Usage(5, 1)), LMOutput("2", usage=Usage(9, 1)))
    output = play(body, model, auxiliary_providers=mock)

    said = [(event.role, event.text) for event in events(output, MessageEvent)]
    assert said == [("assistant", "42"), ("user", "And 1+1?"), ("assistant", "2")]
    assert output.text == "And 1+1?"
    assert output.usage == Usage(14, 2)  # the evaluated model's alone
    assert [turn.text for turn in output.trajectory.turns] == ["42", "2"]


@pytest.mark.parametrize("at_once", [False, True])
def test_the_limit_of_turns_holds(play: Any, at_once: bool) -> None:
    async def body(request: LMRequest, params: SamplingParams, episode: Episode) -> None:
        if not at_once:
            while True:
                await episode.generate(request, params)
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(episode.generate, request, params)

    model = Model(LMOutput("hm"), seconds=0.01)
    output = play(body, model, max_turns=3)
    assert output.finish_reason == output.trajectory.stop_reason == "max_turns"
    assert [event.reason for event in events(output, LimitEvent)] == ["max_turns"]
    assert len(model.asked) == 3
    if not at_once:
        assert output.text == "hm"


def test_a_failure_among_several_things_at_once_is_told_as_it_is(play: Any) -> None:
    async def body(_request: LMRequest, _params: SamplingParams, _episode: Episode) -> None:
        gone = ExceptionGroup("a subagent", [SandboxError("the container is gone")])
        raise ExceptionGroup("both", [LimitReached("max_turns"), gone])

    with pytest.raises(ProviderError, match="sandbox: the container is gone"):
        play(body)


def test_the_limit_of_tokens_counts_the_evaluated_model_alone(play: Any) -> None:
    mock = {"user": ProviderConfig(kind="mock", kwargs={"text": "word " * 100})}

    async def body(request: LMRequest, params: SamplingParams, episode: Episode) -> None:
        while True:
            await episode.model("user").generate(request, params)
            await episode.generate(request, params)

    model = Model(LMOutput("hm", usage=Usage(10, 5)))
    output = play(body, model, max_total_tokens=40, auxiliary_providers=mock)
    assert [params.max_tokens for params in model.asked] == [40, 25, 10]
    assert output.finish_reason == output.trajectory.stop_reason == "max_tokens"


def test_the_limit_of_time_does_not_count_waiting_for_a_sandbox(play: Any) -> None:
    async def body(request: LMRequest, params: SamplingParams, episode: Episode) -> str:
        async with anyio.create_task_group() as group:
            for _ in range(2):
                group.start_soon(episode.sandbox)
        await anyio.sleep(episode.instance.metadata["works"])
        return "done"

    slow = SandboxConfig(mode="made", kwargs={"seconds": 1.0})
    settings = {"sandboxes": (slow,), "timeout": 0.5}
    quick = play(body, instance=Instance("?", metadata={"works": 0.0}), **settings)
    assert quick.text == "done" and quick.trajectory.stop_reason == "answer"
    output = play(body, instance=Instance("?", metadata={"works": 60.0}), **settings)
    assert output.finish_reason == "timeout"
    (limit,) = events(output, LimitEvent)
    assert limit.reason == "timeout" and 1.5 <= limit.start < 10


def test_a_failure_of_the_provider_is_an_event_and_no_answer(play: Any) -> None:
    seen: list[Episode] = []

    class Gone(Model):
        async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
            raise TransientError("nobody there")

    async def body(request: LMRequest, params: SamplingParams, episode: Episode) -> None:
        seen.append(episode)
        await episode.generate(request, params)

    with pytest.raises(ProviderError, match="nobody there"):
        play(body, Gone())
    (error,) = seen[0].trajectory.events
    assert isinstance(error, ErrorEvent) and "nobody there" in error.message


def test_tools_of_the_instance_run_and_may_see_the_episode(play: Any) -> None:
    @tool
    def book(seat: str, episode: Episode) -> dict[str, int]:
        """Books a seat."""
        episode.state.setdefault("booked", []).append(seat)
        return {"seats": len(episode.state["booked"])}

    assert list(book.schema.parameters["properties"]) == ["seat"]

    async def body(_request: LMRequest, _params: SamplingParams, episode: Episode) -> list[str]:
        for seat in ("1A", "2B"):
            call = ToolCall(f"own-{seat}", "book", json.dumps({"seat": seat}))
            result = await episode.call_tool(call)
        assert result.content == '{"seats": 2}'
        return episode.state["booked"]  # type: ignore[no-any-return]

    output = play(body, instance=Instance("?", tools=(book,)))
    assert output.text == "['1A', '2B']"
    assert [e.call.id for e in events(output, ToolCallEvent)] == ["own-1A", "own-2B"]


def test_a_podcast_has_episodes_too() -> None:
    @tool
    def download(episode: int) -> str:
        """Downloads an episode of a podcast."""
        return str(episode)

    assert list(download.schema.parameters["properties"]) == ["episode"]
    assert not download.takes_episode and isinstance(download, Tool)


def test_only_what_was_announced_can_be_asked_for(play: Any) -> None:
    async def body(_request: LMRequest, _params: SamplingParams, episode: Episode) -> str:
        with pytest.raises(SandboxError, match="no sandbox of this episode offers 'gpu'") as caught:
            await episode.sandbox("gpu")
        return str(caught.value.hint)

    big = SandboxConfig(mode="made", capabilities=("gpu",))
    both = (SandboxConfig(mode="made"), big)
    assert "name it in the requires" in play(body, sandboxes=both).text
    assert play(body).text == "the harness has no sandboxes"


@pytest.mark.parametrize("what", [3, None, {"type": "note"}])
def test_only_events_and_keys_are_recorded(play: Any, what: Any) -> None:
    async def body(_request: LMRequest, _params: SamplingParams, episode: Episode) -> str:
        with pytest.raises(TypeError, match="expected an event or a key"):
            episode.record(what)
        return "done"

    assert play(body).text == "done"


class Stubborn(Scaffold):
    name: ClassVar[str] = "stubborn"
    requires = frozenset({"bash", "model:user", "judge"})


def test_what_a_scaffold_requires_is_refused_before_the_run(manager: PluginManager) -> None:
    manager.registry("scaffolds").add("stubborn", Stubborn, Owner("test"))
    harness = HarnessConfig(scaffold="stubborn", provider=ProviderConfig(kind="mock"))
    reasons = "\n".join(Harness.refusals(harness, {Capability.CHAT}))
    assert "scaffold 'stubborn' needs a sandbox with 'bash'" in reasons
    assert "scaffold 'stubborn' needs the model 'user' and the harness has none" in reasons
    assert "auxiliary_providers.user.model=MODEL" in reasons
    assert "scaffold 'stubborn' needs a judge" in reasons


def test_the_limit_of_tool_calls_holds_for_calls_at_once(play: Any) -> None:
    async def body(_request: LMRequest, _params: SamplingParams, episode: Episode) -> None:
        async with anyio.create_task_group() as group:
            for call in calls(0, 1, 2):
                group.start_soon(episode.call_tool, call)

    output = play(body, tools=(wait,), max_tool_calls=2)
    assert output.finish_reason == output.trajectory.stop_reason == "max_tool_calls"
    called = [event.call.id for event in events(output, ToolCallEvent)]
    assert called == ["id-0", "id-1", "id-2"]
    assert [event.result.call_id for event in events(output, ToolResultEvent)] == ["id-0"]


def test_the_limit_of_cost_holds_for_the_answers_after_it(play: Any) -> None:
    async def body(request: LMRequest, params: SamplingParams, episode: Episode) -> None:
        while True:
            await episode.generate(request, params)

    model = Model(LMOutput("hm", usage=Usage(10, 5, cost_usd=0.4)))
    output = play(body, model, max_episode_cost=1.0)
    assert output.finish_reason == output.trajectory.stop_reason == "max_cost"
    assert output.text == "hm" and output.usage.cost_usd == pytest.approx(1.2)


@pytest.mark.parametrize("usage", [None, Usage(10, 5)])
def test_a_cost_that_nobody_knows_is_no_limit(play: Any, usage: Usage | None) -> None:
    async def body(request: LMRequest, params: SamplingParams, episode: Episode) -> LMOutput:
        return (await episode.generate(request, params))[0]

    with pytest.raises(UsageError, match="the provider does not say what an answer costs"):
        play(body, Model(LMOutput("hm", usage=usage)), max_episode_cost=1.0)


@pytest.mark.parametrize(
    ("limits", "turns"),
    [({}, 100), ({"max_turns": 120}, 120), ({"max_total_tokens": 150 * 15}, 150)],
)
def test_an_episode_without_any_limit_ends_too(play: Any, limits: Any, turns: int) -> None:
    async def body(request: LMRequest, params: SamplingParams, episode: Episode) -> None:
        while True:
            await episode.generate(request, params)

    model = Model(LMOutput("hm", usage=Usage(10, 5)))
    play(body, model, **limits)
    assert len(model.asked) == turns


def test_a_scaffold_has_tools_of_its_own(play: Any) -> None:
    @tool
    def mine(word: str) -> str:
        """Says a word."""
        return word

    async def body(_request: LMRequest, _params: SamplingParams, episode: Episode) -> str:
        assert Capability.TOOLS in episode.capabilities
        hidden = await episode.call_tool(ToolCall("a", "mine", '{"word": "x"}'))
        assert hidden.error and "There is not a tool 'mine'; tools: wait." in hidden.content
        return (await episode.call_tool(ToolCall("b", "mine", '{"word": "x"}'), mine)).content

    output = play(body, tools=(wait,))
    assert output.text == "x"
    assert [event.result.call_id for event in events(output, ToolResultEvent)] == ["a", "b"]
