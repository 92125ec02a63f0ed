"""A harness at work on the mock: what is sent, what limits do, what starts when."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import anyio
import pytest

from olmo_eval.agents.scaffold import Scaffold
from olmo_eval.common.types import (
    Capability,
    Instance,
    LMOutput,
    LMRequest,
    Outcome,
    RequestType,
    SamplingParams,
)
from olmo_eval.errors import ProviderError, UsageError
from olmo_eval.harness import HarnessConfig, ProviderConfig, tool
from olmo_eval.harness.refusals import EpisodeNeeds
from olmo_eval.harness.runtime import Harness, natural_outcome
from olmo_eval.judges.judge import JudgeConfig
from olmo_eval.plugins import fresh_manager
from olmo_eval.providers.provider import Provider
from olmo_eval.registry import Owner
from olmo_eval.sandbox.config import SandboxConfig

PROMPT = LMRequest(RequestType.COMPLETION, prompt="2+2=")
CHAT = LMRequest(
    RequestType.CHAT, messages=({"role": "user", "content": "2+2?"},), system_prompt="Task."
)
CHOICES = LMRequest(RequestType.LOGLIKELIHOOD, prompt="2+2=", continuations=(" 4", " 5"))


@pytest.fixture(autouse=True)
def kernel() -> Any:
    with fresh_manager(["olmo_eval.builtins"]) as manager:
        yield manager


def config(harness: dict[str, Any] | None = None, **mock: Any) -> HarnessConfig:
    return HarnessConfig(provider=ProviderConfig(kind="mock", kwargs=mock), **(harness or {}))


def execute(
    harness: HarnessConfig,
    request: LMRequest = PROMPT,
    params: SamplingParams | None = None,
    instance: Instance | None = None,
) -> list[LMOutput]:
    async def main() -> list[LMOutput]:
        async with Harness(harness) as running:
            return await running.execute(request, params or SamplingParams(), instance)

    return anyio.run(main)


@tool
async def search(query: str) -> str:
    """Search."""
    return query


def test_a_plain_harness_asks_the_provider_itself() -> None:
    harness = Harness(config())
    assert harness._answer == harness.provider.generate
    assert harness.prepare(PROMPT) is PROMPT
    assert execute(config(text="4"))[0].text == "4"


def test_log_likelihoods_are_measured_on_the_bare_model() -> None:
    harness = config({"system_prompt": "Harness.", "tools": (search,), "timeout": 1.0})
    assert Harness(harness).prepare(CHOICES) is CHOICES
    assert execute(harness, CHOICES) == execute(config(), CHOICES)


def test_prompts_and_tools_are_added_to_the_tasks_own() -> None:
    prepared = Harness(config({"system_prompt": "Harness.", "tools": (search,)})).prepare(CHAT)
    assert prepared.system_prompt == "Harness.\n\nTask."
    assert [t.name for t in prepared.tools] == ["search"]
    assert prepared.messages == CHAT.messages


def test_tool_choice_none_offers_no_tools() -> None:
    assert Harness(config({"tools": (search,), "tool_choice": "none"})).prepare(CHAT) == CHAT


def test_preparing_is_done_once_however_often() -> None:
    harness = Harness(config({"tools": (search,)}))
    once = harness.prepare(PROMPT)
    assert harness.prepare(once) == once


def test_a_timeout_is_an_output_for_every_sample() -> None:
    outputs = execute(config({"timeout": 0.02}, latency=5.0), params=SamplingParams(num_samples=2))
    assert [o.finish_reason for o in outputs] == ["timeout", "timeout"]
    assert outputs[0].trajectory is not None and outputs[0].trajectory.stop_reason == "timeout"
    assert natural_outcome(outputs[0]) is Outcome.LIMIT_REACHED


def test_the_token_limit_is_told_from_the_tasks_own() -> None:
    limited = execute(config({"max_total_tokens": 2}, text="one two three four"))[0]
    assert (limited.text, limited.finish_reason) == ("one two", "max_tokens")
    own = execute(
        config({"max_total_tokens": 9}, text="one two three"), params=SamplingParams(max_tokens=1)
    )[0]
    assert natural_outcome(own) is Outcome.TRUNCATED


def test_faults_are_retried_or_told() -> None:
    assert execute(config(faults={"transient": 1.0}))[0].finish_reason == "stop"
    with pytest.raises(ProviderError, match="told to fail"):
        execute(config(faults={"fail": 1.0}))


def test_a_pretender_is_told_the_instance() -> None:
    instance = Instance("2+2?", gold_answer="4")
    assert execute(config(skill=1.0), instance=instance)[0].text == "4"


def test_run_tells_how_it_went() -> None:
    async def main() -> Any:
        async with Harness(config(text="4")) as running:
            return await running.run(PROMPT)

    result = anyio.run(main)
    assert result.final_output == "4" and not result.max_turns_reached
    assert result.trajectory.stop_reason == "answer"


class Events(Provider):
    """Remembers its life; fails to start where the model is called ``broken``."""

    capabilities = frozenset({Capability.CHAT, Capability.GENERATE})
    log: list[str] = []

    async def start(self) -> None:
        self.log.append(f"start {self.config.model}")
        if self.config.model == "broken":
            raise ProviderError("out of memory")

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        return [LMOutput("fine")]

    async def close(self) -> None:
        self.log.append(f"close {self.config.model}")


def events(model: str = "main", **harness: Any) -> HarnessConfig:
    return HarnessConfig(provider=ProviderConfig(kind="events", model=model), **harness)


@pytest.fixture
def log(kernel: Any) -> list[str]:
    kernel.discover()
    kernel.registries["providers"].add("events", Events, Owner("test"))
    Events.log = []
    return Events.log


def test_auxiliary_providers_start_when_needed_and_once(log: list[str]) -> None:
    helper = ProviderConfig(kind="events", model="helper")
    unused = ProviderConfig(kind="events", model="unused")

    async def main() -> None:
        harness = events(auxiliary_providers={"helper": helper, "unused": unused})
        async with Harness(harness) as running:
            assert log == ["start main"]
            async with anyio.create_task_group() as group:
                for _ in range(5):
                    group.start_soon(running.auxiliary.get, "helper")
            assert log == ["start main", "start helper"]
            with pytest.raises(UsageError, match="no auxiliary provider 'judge'"):
                await running.auxiliary.get("judge")

    anyio.run(main)
    assert log == ["start main", "start helper", "close helper", "close main"]


def test_a_provider_that_does_not_start_is_closed(log: list[str]) -> None:
    async def main() -> None:
        with pytest.raises(ProviderError, match="out of memory"):
            async with Harness(events("broken")):
                pass

    anyio.run(main)
    assert log == ["start broken", "close broken"]


def test_a_broken_auxiliary_provider_is_not_tried_again(log: list[str]) -> None:
    broken = ProviderConfig(kind="events", model="broken")

    async def main() -> None:
        async with Harness(events(auxiliary_providers={"judge": broken})) as running:
            for _ in range(3):
                with pytest.raises(ProviderError, match="out of memory"):
                    await running.auxiliary.get("judge")

    anyio.run(main)
    assert log.count("start broken") == log.count("close broken") == 1


def test_cancellation_closes_everything(log: list[str]) -> None:
    helper = ProviderConfig(kind="events", model="helper")

    async def main() -> None:
        with anyio.move_on_after(0.05):
            async with Harness(events(auxiliary_providers={"helper": helper})) as running:
                await running.auxiliary.get("helper")
                await anyio.sleep(60)

    anyio.run(main)
    assert sorted(log) == ["close helper", "close main", "start helper", "start main"]


def refusals(
    harness: HarnessConfig, *needs: Capability, scoring: frozenset[str] = frozenset()
) -> str:
    return "\n".join(Harness.refusals(harness, set(needs), scoring))


def test_a_possible_run_is_not_refused() -> None:
    assert refusals(config(), *Capability) == ""


CHATS = {"capabilities": ["chat"]}


@pytest.mark.parametrize(
    ("harness", "needs", "scoring", "message"),
    [
        (config(**CHATS), ["loglikelihood"], [], "'mock' cannot measure log-likelihoods"),
        (config({"tools": (search,)}, **CHATS), ["chat"], [], "'mock' cannot call tools"),
        (config({"system_prompt": "x"}, capabilities=["generate"]), ["generate"], [],
         "'mock' cannot chat"),
        (HarnessConfig(provider=ProviderConfig(kind="mok")), [], [], "did you mean mock"),
        (config({"tools": ("serach",)}), [], [], "unknown tool 'serach'"),
        (config({"scaffold": "tool_lop"}), [], [], "unknown scaffold 'tool_lop'"),
        (config(skil=1), [], [], "unknown key 'skil'"),
        (config({"required_secrets": ("ACME_KEY",)}), [], [], "lacks ACME_KEY"),
        (config(), [], ["python"], "a scorer needs a sandbox with 'python'"),
        (config(), [], ["judge"], "auxiliary_providers.judge.model=MODEL"),
        (config({"judges": {"a": JudgeConfig()}}), [], ["judge:b"], "needs the judge 'b'"),
        (config({"sandboxes": (SandboxConfig(mode="dokcer"),)}), [], ["python"],
         "unknown sandbox backend 'dokcer'"),
    ],
)  # fmt: skip
def test_an_impossible_run_is_refused_with_the_way_out(
    harness: HarnessConfig, needs: list[str], scoring: list[str], message: str
) -> None:
    reasons = refusals(harness, *map(Capability, needs), scoring=frozenset(scoring))
    assert message in reasons


@pytest.mark.parametrize(
    ("harness", "message"),
    [
        ({}, "needs the tool 'find' or 'search' and the harness does not offer it"),
        ({"tools": (search,), "tool_choice": "none"}, "does not offer it"),
        ({"tools": (search,)}, "has no scaffold to call it"),
        ({"tools": (search,), "scaffold": "ask_again"}, ""),
    ],
)
def test_a_task_counts_on_a_tool(harness: dict[str, Any], message: str, kernel: Any) -> None:
    kernel.discover()
    kernel.registries["scaffolds"].add("ask_again", Scaffold, Owner("test"))
    needs = EpisodeNeeds("lookups", frozenset({"tool:find|search"}))

    reasons = Harness.refusals(config(harness), {Capability.CHAT}, episodes=[needs])

    assert message in "".join(reasons)
    assert bool(message) == bool(reasons)


def test_a_judge_needs_its_secrets_before_the_run(kernel: Any) -> None:
    kernel.discover()
    kernel.registries["judges"].add("strict", "unused:Judge", Owner("test"))
    asked = ProviderConfig(kind="mock", required_secrets=("NO_SUCH_JUDGE_KEY",))
    judges = {"judge": JudgeConfig(kind="strict")}
    harness = config({"judges": judges, "auxiliary_providers": {"judge": asked}})

    reasons = refusals(harness, scoring=frozenset({"judge"}))
    assert reasons.startswith("judge 'judge': the environment lacks NO_SUCH_JUDGE_KEY")
    assert refusals(harness) == ""


class Warm(Provider):
    """A model that only takes a temperature of 1."""

    capabilities = frozenset({Capability.GENERATE})

    @classmethod
    def refusals(cls, config: ProviderConfig, sampling: Collection[SamplingParams]) -> list[str]:
        return [f"no temperature {p.temperature}" for p in sampling if p.temperature != 1]


def test_a_provider_says_what_sampling_it_cannot_do(kernel: Any) -> None:
    kernel.discover()
    kernel.registries["providers"].add("warm", Warm, Owner("test"))
    harness = HarnessConfig(provider=ProviderConfig(kind="warm"))
    sampling = [SamplingParams(temperature=1), SamplingParams(temperature=0.7)]

    reasons = Harness.refusals(harness, {Capability.GENERATE}, sampling=sampling)
    assert reasons == ["no temperature 0.7"]


def test_what_is_not_asked_for_is_not_refused() -> None:
    harness = config({"sandboxes": (SandboxConfig(mode="no_such"),)})
    assert refusals(harness, Capability.GENERATE) == ""


class Greedy(Scaffold):
    """Asks for ever and records nothing itself."""

    name = "greedy"

    async def run(self, request: LMRequest, params: SamplingParams, context: Any) -> LMOutput:
        while True:
            await context.generate(request, params)


def test_limits_hold_for_any_scaffold(kernel: Any) -> None:
    kernel.discover()
    kernel.registries["scaffolds"].add("greedy", Greedy, Owner("test"))
    output = execute(config({"scaffold": "greedy", "max_turns": 3}, text="hm"))[0]
    assert output.trajectory is not None and len(output.trajectory.turns) == 3
    assert (output.text, output.finish_reason) == ("hm", "max_turns")
