"""The agent loop, end to end, with a scripted model, real tools and real sandboxes."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from attrs import evolve

from olmo_eval.common.types import LMOutput, LMRequest, RequestType, SamplingParams
from olmo_eval.harness import Capability, HarnessConfig, ProviderConfig, get_harness_preset
from olmo_eval.harness.runtime import Harness
from olmo_eval.plugins import fresh_manager
from olmo_eval.providers.mock import MockProvider
from olmo_eval.testing.scaffold import scaffold_contract
from olmo_eval_scaffolds.tool_loop import ToolLoop

PLUGINS = ["olmo_eval.builtins", "olmo_eval_scaffolds.plugin"]
SANDBOXED = [*PLUGINS, "olmo_eval_sandboxes.plugin"]
CHAT = LMRequest(
    RequestType.CHAT,
    messages=(
        {"role": "user", "content": "1+1?"},
        {"role": "assistant", "content": "2"},
        {"role": "user", "content": "6*7?"},
    ),
    system_prompt="Be brief.",
)
DEFAULT = SamplingParams()


class Recorder(MockProvider):
    """The mock, remembering what it was asked."""

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config)
        self.asked: list[tuple[LMRequest, SamplingParams]] = []

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        self.asked.append((request, params))
        return await super().generate(request, params)


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"tool_calls": [{"name": name, "arguments": arguments}]}


def execute(
    config: HarnessConfig,
    replies: list[Any],
    *,
    params: SamplingParams = DEFAULT,
    request: LMRequest = CHAT,
    plugins: list[str] = PLUGINS,
    **kwargs: Any,
) -> tuple[list[LMOutput], Recorder]:
    async def main() -> tuple[list[LMOutput], Recorder]:
        provider = Recorder(ProviderConfig(kind="mock", kwargs={"replies": replies, **kwargs}))
        async with Harness(config, provider=provider) as harness:
            return await harness.execute(request, params), provider

    with fresh_manager(plugins):
        return anyio.run(main)


def agent(**changes: Any) -> HarnessConfig:
    return HarnessConfig(scaffold="tool_loop", tools=("calculator",), **changes)


def test_a_tool_is_called_and_its_result_comes_back() -> None:
    (output,), provider = execute(agent(), [call("calculator", expression="6*7"), "It is 42."])
    assert output.text == "It is 42." and output.trajectory is not None
    first, second = output.trajectory.turns
    assert first.tool_results[0].content == "42" and not second.tool_calls
    assert output.trajectory.stop_reason == "answer"
    assert provider.asked[1][0].messages[-1]["content"] == "42"


def test_everything_of_the_task_reaches_the_model_on_every_turn() -> None:
    params = SamplingParams(max_tokens=7, temperature=0.5, top_p=0.9, stop_sequences=("X",), seed=3)
    config = agent(system_prompt="Use tools.")
    _, provider = execute(config, [call("calculator", expression="1"), "1"], params=params)
    for request, asked in provider.asked:
        assert asked == params
        assert request.messages[:3] == CHAT.messages
        assert request.system_prompt == "Use tools.\n\nBe brief."
        assert [t.name for t in request.tools] == ["calculator"]


def test_a_completion_becomes_a_chat() -> None:
    request = LMRequest(RequestType.COMPLETION, prompt="6*7=")
    _, provider = execute(agent(), ["42"], request=request)
    assert provider.asked[0][0].messages == ({"role": "user", "content": "6*7="},)


def test_a_tool_has_to_be_called_on_the_first_turn_only() -> None:
    replies = [call("calculator", expression="1"), "1"]
    _, provider = execute(agent(tool_choice="required"), replies)
    assert [r.tool_choice for r, _ in provider.asked] == ["required", "auto"]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (
            call("calculater", expression="1"),
            "There is not a tool 'calculater'; tools: calculator.",
        ),
        ({"tool_calls": [{"name": "calculator", "arguments": "{'a'"}]}, "not valid JSON"),
        ({"tool_calls": [{"name": "calculator", "arguments": "[1]"}]}, "must be a JSON object"),
        (call("calculator"), "lacks expression"),
        (call("calculator", expression="1", x=2), "has no x"),
        (call("calculator", expression=7), "must be of type string"),
        (call("calculator", expression="1/0"), "calculator failed: division by zero"),
    ],
)
def test_mistakes_come_back_as_text(reply: Any, said: str) -> None:
    (output,), _ = execute(agent(), [reply, "sorry"])
    assert output.trajectory is not None and output.text == "sorry"
    result = output.trajectory.turns[0].tool_results[0]
    assert said in result.content and result.error


def test_several_calls_of_one_turn_are_answered_in_order() -> None:
    calls = [{"name": "calculator", "arguments": {"expression": e}} for e in ("1+1", "2+2", "3+")]
    (output,), provider = execute(agent(), [{"tool_calls": calls}, "done"])
    assert output.trajectory is not None
    contents = [r.content for r in output.trajectory.turns[0].tool_results]
    assert contents[:2] == ["2", "4"] and "not an arithmetic" in contents[2]
    ids = [m["tool_call_id"] for m in provider.asked[1][0].messages[-3:]]
    assert len(set(ids)) == 3


FOREVER = [{"text": "thinking", **call("calculator", expression="1+1")}]


@pytest.mark.parametrize("turns", [1, 3])
def test_the_limit_of_turns_keeps_the_turns(turns: int) -> None:
    (output,), provider = execute(agent(max_turns=turns), FOREVER)
    assert output.trajectory is not None
    assert output.trajectory.stop_reason == output.finish_reason == "max_turns"
    assert len(output.trajectory.turns) == len(provider.asked) == turns
    assert output.text == "thinking"


def test_a_loop_without_limits_ends_too() -> None:
    (output,), _ = execute(agent(), FOREVER)
    assert output.finish_reason == "max_turns"


def test_the_limit_of_tokens_ends_the_instance() -> None:
    (output,), _ = execute(agent(max_total_tokens=60), FOREVER)
    assert output.finish_reason == "max_tokens" and output.usage is not None


def test_the_limit_of_time_keeps_the_turns() -> None:
    (output,), _ = execute(agent(timeout=0.5), FOREVER, latency=0.2)
    assert output.trajectory is not None
    assert output.trajectory.stop_reason == output.finish_reason == "timeout"
    assert 1 <= len(output.trajectory.turns) <= 2


def test_every_sample_runs_by_itself_with_its_own_seed() -> None:
    params = SamplingParams(temperature=1.0, num_samples=4, seed=1)
    outputs, provider = execute(agent(), [call("calculator", expression="1"), "1"], params=params)
    assert len(outputs) == 4
    assert all(o.trajectory is not None and len(o.trajectory.turns) == 2 for o in outputs)
    seeds = {p.seed for _, p in provider.asked}
    assert len(seeds) == 4 and all(p.num_samples == 1 for _, p in provider.asked)


def test_usage_is_summed_over_the_turns() -> None:
    (output,), _ = execute(agent(), [call("calculator", expression="1"), "1"])
    assert output.trajectory is not None and output.usage is not None
    turns = [t.usage.prompt_tokens for t in output.trajectory.turns if t.usage]
    assert output.usage.prompt_tokens == sum(turns) > max(turns)


def accepted(name: str, unsafe_local: bool = True, **kwargs: str) -> HarnessConfig:
    """A preset whose local sandbox is accepted."""
    preset = get_harness_preset(name)
    changed = (
        evolve(known, unsafe_local=unsafe_local, kwargs=kwargs) for known in preset.sandboxes
    )
    return evolve(preset, sandboxes=tuple(changed))


def test_one_instance_keeps_one_sandbox_and_no_other_sees_it() -> None:
    with fresh_manager(SANDBOXED):
        config = accepted("bash_agent")
    replies = [
        call("bash", command="ls; echo 42 > answer.txt"),
        call("python", code="print(int(open('answer.txt').read()) + 1)"),
        "43",
    ]
    params = SamplingParams(temperature=1.0, num_samples=3)
    outputs, _ = execute(config, replies, params=params, plugins=SANDBOXED)
    for output in outputs:
        assert output.trajectory is not None
        results = [t.tool_results[0].content for t in output.trajectory.turns[:2]]
        assert results == ["[no output]", "43"]


def test_presets_that_run_code_without_namespaces_are_refused_until_accepted() -> None:
    with fresh_manager(SANDBOXED):
        mock = ProviderConfig(kind="mock")
        for name in ("tools", "bash_agent"):
            bare = accepted(name, unsafe_local=False, namespaces="off").with_provider(mock)
            refused = Harness.refusals(bare, {Capability.CHAT})
            assert any("sandboxes.0.unsafe_local=true" in reason for reason in refused)
            allowed = accepted(name).with_provider(mock)
            assert Harness.refusals(allowed, {Capability.CHAT}) == []
        config = get_harness_preset("calculator_agent").with_provider(mock)
        assert Harness.refusals(config, {Capability.CHAT}) == []


test_contract = scaffold_contract(ToolLoop)
