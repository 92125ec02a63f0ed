"""The kit for scaffolds finds what is wrong with one, and nothing wrong with a good one."""

from __future__ import annotations

import json

import anyio
import pytest
from attrs import evolve

from olmo_eval.agents.episode import Episode
from olmo_eval.agents.limits import LimitReached
from olmo_eval.agents.scaffold import Scaffold
from olmo_eval.common.types import LMOutput, LMRequest, SamplingParams
from olmo_eval.testing.scaffold import CHECKS, check_scaffold, scaffold_contract


class Loop(Scaffold):
    """Asks until no tool is called."""

    name = "loop"

    async def run(self, request: LMRequest, params: SamplingParams, episode: Episode) -> LMOutput:
        while True:
            (output,) = await episode.generate(request, params)
            if not output.tool_calls:
                return output
            said = [call.to_openai() for call in output.tool_calls]
            messages = [*request.messages, {"role": "assistant", "tool_calls": said}]
            for call in output.tool_calls:
                result = await episode.call_tool(call)
                content = {"tool_call_id": call.id, "content": result.content}
                messages.append({"role": "tool", **content})
            request = evolve(request, messages=tuple(messages))


class ForgetsTheShots(Loop):
    async def run(self, request: LMRequest, params: SamplingParams, episode: Episode) -> LMOutput:
        return await super().run(evolve(request, messages=request.messages[-1:]), params, episode)


class SamplesItsOwnWay(Loop):
    async def run(self, request: LMRequest, params: SamplingParams, episode: Episode) -> LMOutput:
        return await super().run(request, evolve(params, temperature=0.0), episode)


class Shares(Loop):
    """Keeps what belongs to one instance where all of them see it."""

    async def run(self, request: LMRequest, params: SamplingParams, episode: Episode) -> LMOutput:
        self.request = request
        await anyio.sleep(0.001)
        return await super().run(self.request, params, episode)


class SwallowsLimits(Loop):
    async def run(self, request: LMRequest, params: SamplingParams, episode: Episode) -> LMOutput:
        try:
            return await super().run(request, params, episode)
        except LimitReached:
            return LMOutput("I give up")


class CallsNoTool(Loop):
    async def run(self, request: LMRequest, params: SamplingParams, episode: Episode) -> LMOutput:
        (output,) = await episode.generate(request, params)
        return output


class RunsToolsItself(Loop):
    """Leaves the episode out, which then knows nothing of what its tools returned."""

    async def run(self, request: LMRequest, params: SamplingParams, episode: Episode) -> LMOutput:
        (output,) = await episode.generate(request, params)
        for call in output.tool_calls:
            number = json.loads(call.arguments)["number"]
            content = str(episode.tools[call.name](number))
            said = {"role": "assistant", "tool_calls": [call.to_openai()]}
            heard = {"role": "tool", "tool_call_id": call.id, "content": content}
            request = evolve(request, messages=(*request.messages, said, heard))
            (output,) = await episode.generate(request, params)
        return output


test_a_good_one = scaffold_contract(Loop)


@pytest.mark.parametrize(
    ("scaffold", "found"),
    [
        (ForgetsTheShots, "the_whole_request_reaches_the_model"),
        (SamplesItsOwnWay, "the_whole_request_reaches_the_model"),
        (Shares, "instances_at_once_do_not_mix"),
        (SwallowsLimits, "a_model_that_is_never_done_is_ended"),
        (CallsNoTool, "tools_are_called_and_heard"),
        (CallsNoTool, "a_call_of_no_tool_is_answered"),
        (RunsToolsItself, "what_happened_is_recorded"),
    ],
)
def test_what_is_wrong_is_found(scaffold: type[Scaffold], found: str) -> None:
    assert found in CHECKS
    with pytest.raises(AssertionError):
        anyio.run(check_scaffold, scaffold, found)
