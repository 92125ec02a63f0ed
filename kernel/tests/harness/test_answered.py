"""An answer and its episodes: who sees what an agent left, for how long, and who waits for whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import anyio
import anyio.lowlevel
import pytest
from attrs import evolve

from olmo_eval.agents.episode import Episode
from olmo_eval.agents.scaffold import Scaffold
from olmo_eval.common.formatters import ChatFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import AsyncScorer, ExactMatchScorer
from olmo_eval.common.types import (
    EnvironmentSpec,
    Instance,
    LMOutput,
    LMRequest,
    RequestType,
    SamplingParams,
)
from olmo_eval.errors import PluginError, ProviderError, UsageError
from olmo_eval.evals.tasks.common import Task, TaskConfig
from olmo_eval.harness import Capability, HarnessConfig, ProviderConfig
from olmo_eval.harness.answered import Answered
from olmo_eval.harness.refusals import EpisodeNeeds
from olmo_eval.harness.runtime import Harness
from olmo_eval.plugins import PluginManager, fresh_manager
from olmo_eval.registry import Owner
from olmo_eval.runner.plan import check_task
from olmo_eval.sandbox import ExecResult, Sandbox, SandboxBackend, SandboxConfig, SandboxError

ASKED = LMRequest(RequestType.CHAT, messages=({"role": "user", "content": "?"},))
INSTANCE = Instance("?", environment=EnvironmentSpec(files={"given.txt": "given"}))
LOG: list[str] = []


class Box(Sandbox):
    """Files in memory."""

    made: ClassVar[int] = 0

    def __init__(self) -> None:
        Box.made += 1
        self.name = f"box {Box.made}"
        self.files: dict[str, bytes] = {}

    async def exec(self, argv: Sequence[str], **_: Any) -> ExecResult:
        return ExecResult(0, " ".join(sorted(self.files)), "")

    async def write(self, path: str, data: bytes) -> None:
        self.files[path] = data

    async def read(self, path: str) -> bytes:
        return self.files[path]

    async def close(self) -> None:
        await anyio.lowlevel.checkpoint()
        LOG.append(f"close {self.name}")


class Backend(SandboxBackend):
    async def create(self, run_id: str, spec: EnvironmentSpec | None = None) -> Box:
        await anyio.lowlevel.checkpoint()
        return Box()


class Writer(Scaffold):
    """An agent that leaves a file, after a look at what is there."""

    name = "writer"
    requires = frozenset({"bash"})

    async def run(self, request: LMRequest, params: SamplingParams, episode: Episode) -> LMOutput:
        box = await episode.sandbox("bash")
        seen = (await box.exec(["ls"])).stdout
        await box.write("left.txt", f"by {params.seed}".encode())
        LOG.append("answered")
        return LMOutput(seen)


class Inspector(AsyncScorer):
    name = "inspector"
    requires = frozenset({"bash"})
    inspects_environment = True

    async def score_async(self, instance: Instance, output: LMOutput, episode: Episode) -> float:
        box = await episode.sandbox("bash")
        return float((await box.read("left.txt")).startswith(b"by "))


class Separate(AsyncScorer):
    name = "separate"
    requires = frozenset({"bash"})

    async def score_async(self, instance: Instance, output: LMOutput, episode: Episode) -> float:
        listed = (await (await episode.sandbox("bash")).exec(["ls"])).stdout
        LOG.append(f"separate sees {listed}")
        return float("left.txt" not in listed)


class Workshop(Task):
    """A task whose scorers a test sets, with a file of its own in every episode."""

    scored_by: tuple[AsyncScorer, ...] = ()

    @property
    def scorers_once(self) -> tuple[AsyncScorer, ...]:  # type: ignore[override]
        return self.scored_by

    async def setup(self, episode: Episode) -> None:
        LOG.append("setup")
        await (await episode.sandbox("bash")).write("prepared.txt", b"")


def workshop(*scorers: AsyncScorer) -> Workshop:
    task = Workshop(TaskConfig(name="workshop"))
    task.scored_by = scorers
    return task


@pytest.fixture(autouse=True)
def manager() -> Iterator[PluginManager]:
    LOG.clear()
    Box.made = 0
    with fresh_manager(["olmo_eval.builtins"]) as made:
        made.registry("sandboxes").add("made", Backend, Owner("test"))
        made.registry("scaffolds").add("writer", Writer, Owner("test"))
        yield made


def agent(instances: int = 4, **changes: Any) -> HarnessConfig:
    boxes = SandboxConfig(mode="made", instances=instances)
    settings = {"scaffold": "writer", "sandboxes": (boxes,), **changes}
    return HarnessConfig(provider=ProviderConfig(kind="mock"), **settings)


def within(config: HarnessConfig, body: Callable[[Harness], Any]) -> Any:
    async def main() -> Any:
        async with Harness(config) as harness:
            with anyio.fail_after(20):
                return await body(harness)

    return anyio.run(main)


async def scores(answered: Answered, *scorers: AsyncScorer) -> list[float]:
    found = []
    for scorer in scorers:
        for index, output in enumerate(answered.outputs):
            async with answered.episode(index, scorer) as episode:
                found.append(await scorer.score_async(INSTANCE, output, episode))
    return found


def test_an_inspector_sees_the_very_environment_that_the_agent_left() -> None:
    task = workshop(Inspector())

    async def body(harness: Harness) -> None:
        answered = await harness.answer(ASKED, SamplingParams(seed=1), INSTANCE, task)
        assert answered.outputs[0].text == "given.txt prepared.txt"
        assert LOG == ["setup", "answered"]  # and nothing is closed
        async with answered.episode(0, Inspector()) as episode:
            box = await episode.sandbox("bash")
            assert await box.read("left.txt") == b"by 1"
            await box.write("test_hidden.py", b"assert True")
        assert await scores(answered, Inspector()) == [1.0]
        assert harness.sandboxes.created == 1
        await answered.close()
        await answered.close()
        assert LOG == ["setup", "answered", "close box 1"]

    within(agent(), body)


def test_other_scorers_get_a_fresh_environment_each() -> None:
    task = workshop(Separate())

    async def body(harness: Harness) -> None:
        answered = await harness.answer(ASKED, SamplingParams(seed=1), INSTANCE, task)
        assert LOG == ["setup", "answered", "close box 1"]  # nobody will look at it
        LOG.clear()
        assert await scores(answered, Separate(), Separate()) == [1.0, 1.0]
        fresh = ["setup", "separate sees given.txt prepared.txt", "close box {}"]
        assert [line.format(n) for n in (2, 3) for line in fresh] == LOG
        await answered.close()

    within(agent(), body)


def test_an_answer_that_was_kept_is_scored_in_a_fresh_environment() -> None:
    async def body(harness: Harness) -> None:
        answered = harness.answered((LMOutput("x"), LMOutput("y")), INSTANCE, workshop(Separate()))
        assert await scores(answered, Separate()) == [1.0, 1.0]
        await answered.close()
        assert harness.sandboxes.created == 2

    within(agent(), body)


def test_one_turn_needs_no_environment_before_its_scorer_does() -> None:
    async def body(harness: Harness) -> None:
        task = workshop(Inspector(), Separate())
        answered = await harness.answer(ASKED, SamplingParams(num_samples=3), INSTANCE, task)
        assert LOG == [] and len(answered.outputs) == 3
        assert await scores(answered, Separate()) == [1.0] * 3
        assert harness.sandboxes.created == 3

    within(agent(instances=1, scaffold=None), body)


def test_an_episode_ends_in_another_task_than_the_one_that_asked() -> None:
    async def body(harness: Harness) -> None:
        send, receive = anyio.create_memory_object_stream[Answered](1)

        async def ask() -> None:
            async with send:
                for _ in range(6):
                    params = SamplingParams(num_samples=2, seed=1)
                    task = workshop(Inspector(), Separate())
                    await send.send(await harness.answer(ASKED, params, INSTANCE, task))

        async def score() -> None:
            async with receive:
                async for answered in receive:
                    found.append(await scores(answered, Separate(), Inspector()))
                    await answered.close()

        found: list[list[float]] = []
        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            group.start_soon(score)
        assert found == [[1.0] * 4] * 6

    within(agent(instances=3), body)


@pytest.mark.parametrize("instances", [4, 5, 7])
def test_instances_that_keep_environments_never_wait_for_each_other(instances: int) -> None:
    """Three samples and a fresh environment each: only whole instances get their places."""

    async def body(harness: Harness) -> None:
        async def one() -> None:
            params = SamplingParams(num_samples=3, seed=1)
            task = workshop(Separate(), Inspector())
            answered = await harness.answer(ASKED, params, INSTANCE, task)
            await anyio.lowlevel.checkpoint()
            found.append(await scores(answered, Separate(), Inspector()))
            await answered.close()

        async def plain() -> None:
            await harness.execute(ASKED, SamplingParams(num_samples=3), INSTANCE)

        found: list[list[float]] = []
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(one)
                group.start_soon(plain)
        assert found == [[1.0] * 6] * 5
        assert closed() == harness.sandboxes.created

    within(agent(instances=instances), body)


def test_more_environments_than_there_may_be_are_refused() -> None:
    async def body(harness: Harness) -> None:
        params = SamplingParams(num_samples=4, seed=1)
        with pytest.raises(ProviderError, match="needs 5 sandboxes of 'made' at once") as caught:
            await harness.answer(ASKED, params, INSTANCE, workshop(Inspector(), Separate()))
        assert "set instances to at least 5" in str(caught.value.hint)

    within(agent(instances=4), body)
    needs = EpisodeNeeds("workshop", frozenset(), None, kept=5)
    (reason,) = Harness.refusals(agent(instances=4), {Capability.CHAT}, episodes=[needs])
    assert "keeps 5 sandboxes of one instance" in reason
    assert "-o sandboxes.0.instances=5" in reason
    assert Harness.refusals(agent(instances=5), {Capability.CHAT}, episodes=[needs]) == []


def test_a_mistake_in_setup_is_told_as_the_tasks() -> None:
    class Mistaken(Workshop):
        async def setup(self, episode: Episode) -> None:
            raise KeyError("page")

    async def body(harness: Harness) -> None:
        task = Mistaken(TaskConfig(name="mistaken"))
        with pytest.raises(PluginError, match=r"setup of task 'mistaken', instance .*'page'"):
            await harness.answer(ASKED, SamplingParams(), INSTANCE, task)
        assert closed() == Box.made

    within(agent(), body)


def test_a_setup_that_cannot_be_awaited_is_refused() -> None:
    class Synchronous(Task):
        formatter = ChatFormatter()
        metrics = (AccuracyMetric(scorer=ExactMatchScorer),)

        @property
        def instances(self) -> Any:
            yield INSTANCE

        def setup(self) -> None:  # type: ignore[override]
            return

    with pytest.raises(UsageError, match="an episode cannot wait for its setup"):
        check_task(Synchronous(Synchronous.default_config("synchronous")), "synchronous")


class Failing(Writer):
    async def run(self, request: LMRequest, params: SamplingParams, episode: Episode) -> LMOutput:
        await super().run(request, params, episode)
        if params.seed != 1:
            raise SandboxError("the container is gone")
        await anyio.sleep(60)
        return LMOutput("")


def closed() -> int:
    return len([line for line in LOG if line.startswith("close")])


def test_what_fails_leaves_nothing_behind(manager: PluginManager) -> None:
    manager.registry("scaffolds").add("failing", Failing, Owner("test"))

    async def body(harness: Harness) -> None:
        params = SamplingParams(num_samples=2, seed=1)
        with pytest.raises(ProviderError, match="sandbox: the container is gone"):
            await harness.answer(ASKED, params, INSTANCE, workshop(Inspector()))
        assert closed() == Box.made >= 1
        with anyio.move_on_after(0.1):
            await harness.answer(ASKED, SamplingParams(seed=1), INSTANCE, workshop(Inspector()))
        assert closed() == Box.made >= 2

    within(agent(instances=2, scaffold="failing"), body)


def test_a_pretender_is_told_the_instance_inside_an_episode(manager: PluginManager) -> None:
    class Asker(Scaffold):
        async def run(
            self, request: LMRequest, params: SamplingParams, episode: Episode
        ) -> LMOutput:
            return (await episode.generate(request, params))[0]

    manager.registry("scaffolds").add("asker", Asker, Owner("test"))
    config = HarnessConfig(
        scaffold="asker", provider=ProviderConfig(kind="mock", kwargs={"skill": 1.0})
    )
    instance = Instance("2+2?", gold_answer="4")

    async def body(harness: Harness) -> tuple[str, str]:
        answered = await harness.answer(ASKED, SamplingParams(), instance)
        (output,) = await harness.execute(ASKED, SamplingParams(), instance)
        return answered.outputs[0].text, output.text

    assert within(config, body) == ("4", "4")


def test_what_a_sandbox_must_be_allowed_is_refused_with_the_setting() -> None:
    """Root and more memory are the harness's to give; an agent, too."""
    spec = EnvironmentSpec(root=True, memory="2g")
    needs = EpisodeNeeds("chores", frozenset({"bash", "agent"}), spec)
    config = evolve(agent(), scaffold=None)

    reasons = Harness.refusals(config, {Capability.CHAT}, episodes=[needs])

    lacking = [reason for reason in reasons if "sandboxes.0." in reason]
    assert [reason.rpartition("-o ")[2] for reason in lacking] == [
        "sandboxes.0.root=true",
        "sandboxes.0.memory=2g",
    ]
    assert any("needs an agent and the harness has no scaffold" in reason for reason in reasons)
    allowed = evolve(config.sandboxes[0], root=True, memory="2g")
    given = Harness.refusals(
        evolve(agent(), sandboxes=(allowed,)), {Capability.CHAT}, episodes=[needs]
    )
    assert not any("sandboxes.0." in reason or "agent" in reason for reason in given)
