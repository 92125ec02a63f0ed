"""A task that asks several turns: in one chat, under any harness, found again by all its turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
import pytest
from attrs import evolve

from olmo_eval.agents.episode import Episode
from olmo_eval.agents.scaffold import Scaffold
from olmo_eval.common.formatters import ChatFormatter, CompletionFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import Instance, LMOutput, LMRequest, SamplingParams
from olmo_eval.errors import UsageError
from olmo_eval.evals.tasks.common import Task, TaskConfig
from olmo_eval.harness import Capability, HarnessConfig, Provider, ProviderConfig
from olmo_eval.harness.runtime import Harness
from olmo_eval.plugins import fresh_manager
from olmo_eval.registry import Owner
from olmo_eval.runner.surroundings import Surroundings


class Counting(Provider):
    """Answers with how many messages it was shown and what was said last."""

    capabilities = frozenset({Capability.GENERATE, Capability.CHAT})

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        said = request.messages
        last = str(said[-1].get("content")) if said else request.prompt
        reason = "length" if "long" in last else "stop"
        return [LMOutput(f"{len(said)} {last}", finish_reason=reason)] * params.num_samples

    async def loglikelihood(self, request: LMRequest) -> list[LMOutput]:
        raise NotImplementedError


class Twice(Task):
    """A question and what is asked after its answer."""

    formatter: Any = ChatFormatter()
    metrics = (AccuracyMetric(scorer=ExactMatchScorer()),)

    def next_message(self, instance: Instance, answers: Sequence[str]) -> str | None:
        later: list[str] = instance.metadata["later"]
        return later[len(answers) - 1] if len(answers) <= len(later) else None


class Shouter(Scaffold):
    """An agent that asks in its own way."""

    name = "shouter"

    async def run(self, request: LMRequest, params: SamplingParams, episode: Episode) -> LMOutput:
        output = (await episode.generate(request, params))[0]
        return evolve(output, text=output.text.upper())


def task(cls: type[Task] = Twice) -> Task:
    return cls(cls.default_config("twice"))


def instance(*later: str) -> Instance:
    return Instance("first", metadata={"later": list(later)})


def answered(
    asked: Instance, of: Task, scaffold: str | None = None, samples: int = 1
) -> tuple[LMOutput, ...]:
    async def run() -> tuple[LMOutput, ...]:
        config = HarnessConfig(provider=ProviderConfig(kind="counting"), scaffold=scaffold)
        async with Harness(config) as harness:
            params = SamplingParams(num_samples=samples)
            found = await harness.answer(of.request_for(asked), params, asked, of)
            await found.close()
            return found.outputs

    with fresh_manager() as manager:
        me = Owner("tests", "")
        manager.registry("providers").add("counting", Counting, me)
        manager.registry("scaffolds").add("shouter", Shouter, me)
        return anyio.run(run)


def test_every_turn_sees_the_turns_before() -> None:
    (output,) = answered(instance("second", "third"), task())

    assert output.text == "5 third"
    assert output.metadata["answers"] == ["1 first", "3 second", "5 third"]
    assert output.trajectory is not None
    assert [turn.text for turn in output.trajectory.turns] == output.metadata["answers"]


def test_a_scaffold_answers_each_turn() -> None:
    (output,) = answered(instance("second"), task(), scaffold="shouter")

    assert output.metadata["answers"] == ["1 FIRST", "3 SECOND"]


def test_every_sample_is_a_conversation_of_its_own() -> None:
    outputs = answered(instance("second"), task(), samples=2)

    assert [o.metadata["answers"] for o in outputs] == [["1 first", "3 second"]] * 2


def test_an_answer_that_was_cut_in_an_earlier_turn_shows() -> None:
    (output,) = answered(instance("a long one", "short"), task())

    assert (output.text, output.finish_reason) == ("5 short", "length")


def test_a_completion_cannot_be_continued_as_a_conversation() -> None:
    class Completed(Twice):
        formatter = CompletionFormatter()

    with pytest.raises(UsageError, match="needs a chat request"):
        answered(instance("second"), task(Completed))


def test_an_answer_is_found_by_all_its_turns() -> None:
    with fresh_manager() as manager:
        manager.registry("providers").add("counting", Counting, Owner("tests", ""))
        harness = Harness(HarnessConfig(provider=ProviderConfig(kind="counting")))
        one, same, other = (
            Surroundings(harness, task()).digest(instance(text)) for text in ("a", "a", "b")
        )

    class Once(Task):
        metrics = Twice.metrics

    assert one == same != other
    assert Surroundings(harness, Once(TaskConfig(name="once"))).digest(instance("a")) is None
