"""Every scaffold, held against the kit with a real HTTP server between it and the model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import anyio
import pytest

from olmo_eval.common.types import (
    LMOutput,
    LMRequest,
    RequestType,
    SamplingParams,
    ToolCall,
    ToolSchema,
)
from olmo_eval.harness import Provider, ProviderConfig, SandboxConfig
from olmo_eval.providers.models import make_provider
from olmo_eval.testing.doubler import USAGE, Doubler
from olmo_eval.testing.scaffold import scaffold_contract
from olmo_eval.testing.server import ScriptedServer
from olmo_eval_scaffolds.mini_swe_agent.scaffold import MiniSWEAgentScaffold
from olmo_eval_scaffolds.openai_agents import OpenAIAgentsScaffold
from olmo_eval_scaffolds.tool_loop import ToolLoop

pytestmark = pytest.mark.engine

pytest.importorskip("litellm", reason="needs olmo-eval-providers[litellm]")
pytest.importorskip("agents", reason="needs olmo-eval-scaffolds[agents]")
pytest.importorskip("minisweagent.config", reason="needs olmo-eval-scaffolds[mini-swe-agent]")

PLUGINS = ["olmo_eval_providers.plugin"]
#: what each answer of the kit's model uses, and costs: a cent
USED = {
    "prompt_tokens": USAGE.prompt_tokens,
    "completion_tokens": USAGE.completion_tokens,
    "total_tokens": USAGE.prompt_tokens + USAGE.completion_tokens,
}
PRICES = {"input_cost_per_token": 0.01 / USAGE.prompt_tokens, "output_cost_per_token": 0.0}


def asked(body: Mapping[str, Any]) -> tuple[LMRequest, SamplingParams]:
    """What the body of a chat completion asks."""
    request = LMRequest(
        RequestType.CHAT,
        messages=tuple(body["messages"]),
        tools=tuple(map(ToolSchema.from_openai, body.get("tools") or ())),
        tool_choice=body.get("tool_choice", "auto"),
    )
    params = SamplingParams(
        max_tokens=body["max_tokens"],
        temperature=body["temperature"],
        stop_sequences=tuple(body["stop"]),
        seed=body["seed"],
    )
    return request, params


@contextmanager
def served(model: Doubler) -> Iterator[Provider]:
    """A provider that asks ``model`` through a server on loopback."""

    def reply(body: Mapping[str, Any]) -> dict[str, Any]:
        (output, *_) = anyio.run(model.generate, *asked(body))
        calls = [{"id": c.id, "name": c.name, "arguments": c.arguments} for c in output.tool_calls]
        return {"text": output.text, "tool_calls": calls, "usage": USED}

    with ScriptedServer(reply) as server:
        yield make_provider(
            ProviderConfig(
                kind="litellm",
                model="openai/doubler",
                base_url=server.base_url,
                max_retries=1,
                kwargs={"api_key": "none", **PRICES},
            )
        )


class Coder(Doubler):
    """A doubler that knows nothing but bash."""

    def call(self, name: str, number: int) -> LMOutput:
        return self.run(f"echo {name} {number}")

    def answer(self, number: int) -> LMOutput:
        return self.run(f"echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT; echo It is {number}.")

    def run(self, command: str) -> LMOutput:
        call = ToolCall("call_0", "bash", json.dumps({"command": command}))
        return LMOutput("Let me see.", tool_calls=(call,), finish_reason="tool_calls")


test_tool_loop = scaffold_contract(ToolLoop, through=served, plugins=PLUGINS)
test_openai_agents = scaffold_contract(
    OpenAIAgentsScaffold, through=served, loops=False, plugins=PLUGINS
)
test_mini_swe_agent = scaffold_contract(
    MiniSWEAgentScaffold,
    model=Coder,
    through=served,
    tools=False,
    plugins=[*PLUGINS, "olmo_eval_sandboxes.plugin"],
    sandboxes=(
        SandboxConfig(mode="local", capabilities=("bash",), unsafe_local=True, instances=4),
    ),
)
