"""mini-swe-agent, for real, over our providers and sandboxes."""

from __future__ import annotations

import json
import os
import time
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import anyio
import pytest

from olmo_eval.common.types import (
    Capability,
    LMOutput,
    LMRequest,
    NoteEvent,
    RequestType,
    SamplingParams,
    ToolCall,
    ToolResultEvent,
)
from olmo_eval.errors import MissingDependencyError, UsageError
from olmo_eval.harness import Harness, HarnessConfig, SandboxConfig
from olmo_eval.plugins import fresh_manager
from olmo_eval.testing.doubler import USAGE, Doubler
from olmo_eval.testing.scaffold import scaffold_contract
from olmo_eval_scaffolds.mini_swe_agent import package
from olmo_eval_scaffolds.mini_swe_agent.scaffold import MiniSWEAgentScaffold

pytestmark = pytest.mark.engine

pytest.importorskip("minisweagent.config", reason="needs olmo-eval-scaffolds[mini-swe-agent]")

PLUGINS = ["olmo_eval_sandboxes.plugin"]
LOCAL = SandboxConfig(mode="local", capabilities=("bash",), unsafe_local=True, instances=4)
SUBMIT = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"


class Coder(Doubler):
    """A doubler that knows nothing but bash."""

    def run(self, command: str) -> LMOutput:
        call = ToolCall("call_0", "bash", json.dumps({"command": command}))
        return LMOutput("Let me see.", tool_calls=(call,), finish_reason="tool_calls", usage=USAGE)

    def call(self, name: str, number: int) -> LMOutput:
        return self.run(f"echo {name} {number}")

    def answer(self, number: int) -> LMOutput:
        return self.run(f"{SUBMIT}; echo It is {number}.")


class Writer(Coder):
    """One that writes its commands as text."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.GENERATE, Capability.CHAT}
    )

    def offered(self, request: LMRequest) -> bool:
        assert not request.tools
        return True

    def results(self, request: LMRequest) -> list[str]:
        return [str(m["content"]) for m in request.messages if "<returncode>" in str(m["content"])]

    def run(self, command: str) -> LMOutput:
        text = f"Let me see.\n\n```mswea_bash_command\n{command}\n```"
        return LMOutput(text, finish_reason="stop", usage=USAGE)


contract = partial(
    scaffold_contract,
    MiniSWEAgentScaffold,
    tools=False,
    plugins=PLUGINS,
    sandboxes=(LOCAL,),
)
test_contract_of_calls = contract(model=Coder, loops=True)
test_contract_of_text = contract(model=Writer)


class Scripted(Coder):
    """Says what it is given, and then submits."""

    def __init__(self, *said: LMOutput | str) -> None:
        super().__init__()
        self.said = [self.run(each) if isinstance(each, str) else each for each in said]

    async def generate(self, request: LMRequest, params: SamplingParams) -> list[LMOutput]:
        self.asked.append((request, params))
        number = len(self.asked) - 1
        return [self.said[number] if number < len(self.said) else self.run(SUBMIT)]


def run(model: Doubler, question: Any = "Fix it.", **settings: Any) -> LMOutput:
    async def main() -> LMOutput:
        config = HarnessConfig(scaffold="mini_swe_agent", **{"sandboxes": (LOCAL,), **settings})
        request = LMRequest(RequestType.CHAT, messages=({"role": "user", "content": question},))
        async with Harness(config, provider=model) as harness:
            return (await harness.execute(request, SamplingParams()))[0]

    with fresh_manager(["olmo_eval.builtins", "olmo_eval_scaffolds.plugin", *PLUGINS]):
        return anyio.run(main)


def results(output: LMOutput) -> list[dict[str, Any]]:
    assert output.trajectory is not None
    events = output.trajectory.events
    return [json.loads(e.result.content) for e in events if isinstance(e, ToolResultEvent)]


def test_commands_share_an_environment_and_are_recorded() -> None:
    model = Scripted("echo 1 > a; echo broken >&2; false", "cat a", SUBMIT)
    output = run(model)
    assert results(output)[:2] == [
        {"returncode": 1, "output": "broken\n"},
        {"returncode": 0, "output": "1\n"},
    ]
    assert output.text == "Let me see."  # nothing was submitted
    assert output.metadata["exit_status"] == "Submitted" and output.finish_reason == "stop"
    told = json.loads(str(model.asked[1][0].messages[-1]["content"]))
    assert told == {"returncode": 1, "output": "broken\n"}


def test_the_prompts_are_the_packages() -> None:
    model = Scripted()
    run(model, question="Mend {{the}} pump.")
    request, _ = model.asked[0]
    asked = str(request.messages[0]["content"])
    assert "Please solve this issue: Mend {{the}} pump." in asked and SUBMIT in asked
    assert [tool.name for tool in request.tools] == ["bash"]
    assert os.uname().release not in asked  # the same on every machine


def test_the_configuration_and_changes_to_it() -> None:
    model = Scripted("echo $COLOUR; sleep 30")
    environment = {"env": {"COLOUR": "green", "BASH_ENV": ""}, "cwd": ".", "timeout": 1}
    settings = {"agent": {"system_template": "Be quick."}, "environment": environment}
    output = run(model, scaffold_kwargs={"config": "swebench", "settings": settings})
    request, _ = model.asked[0]
    assert request.system_prompt == "Be quick."
    assert "<pr_description>" in str(request.messages[0]["content"])
    (first, _) = results(output)
    assert (first["output"], first["returncode"]) == ("green\n", -1)
    assert "ended after 1 seconds" in first["exception_info"]


def test_what_cannot_be_read_is_answered_and_noted() -> None:
    wrong = LMOutput("", tool_calls=(ToolCall("x", "python", "{}"),), usage=USAGE)
    model = Scripted(LMOutput("It is fixed."), wrong, "true")
    output = run(model)
    assert output.trajectory is not None
    notes = [e.text for e in output.trajectory.events if isinstance(e, NoteEvent)]
    assert "No tool calls found" in notes[0] and "Unknown tool 'python'" in notes[1]
    assert [m["content"] for m in model.asked[2][0].messages[-2:]] == notes


def test_an_agent_that_gives_up_has_said_what_it_said() -> None:
    output = run(Scripted(*[LMOutput("It is fixed.", finish_reason="stop")] * 3))
    assert (output.text, output.finish_reason) == ("It is fixed.", "stop")
    assert output.metadata["exit_status"] == "RepeatedFormatError"


def test_a_command_that_is_no_text_or_too_long_is_answered() -> None:
    number = LMOutput("", tool_calls=(ToolCall("x", "bash", '{"command": 7}'),), usage=USAGE)
    model = Scripted(number, f"echo {'x' * 130_000}")
    output = run(model)
    assert output.trajectory is not None
    told = [str(m["content"]) for m in model.asked[2][0].messages if m["role"] == "tool"]
    assert "must be of type string" in told[0] and "longer than 120000 bytes" in told[1]


def test_a_command_that_hangs_is_ended_with_the_episode() -> None:
    began = time.monotonic()
    output = run(Scripted("sleep 60"), timeout=1.0)
    assert time.monotonic() - began < 20
    assert (output.finish_reason, output.text) == ("timeout", "Let me see.")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tools": ("calculator",)}, "works with bash alone, and is given the tools calculator"),
        ({"scaffold_kwargs": {"config": "maxi"}}, "mini-swe-agent has no configuration 'maxi'"),
        ({"scaffold_kwargs": {"settings": {"limits": {}}}}, "expected mappings under agent"),
        ({"scaffold_kwargs": {"tool_format": "xml"}}, "must be one of auto, native, text"),
        ({"question": [{"type": "text", "text": "?"}]}, "needs a request that ends with a user"),
    ],
)
def test_what_it_cannot_do_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run(Scripted(), **settings)


def test_a_harness_without_a_sandbox_is_refused() -> None:
    with fresh_manager(["olmo_eval.builtins", "olmo_eval_scaffolds.plugin", *PLUGINS]):
        reasons = Harness.refusals(HarnessConfig(scaffold="mini_swe_agent"), {Capability.CHAT})
    assert any("'mini_swe_agent' needs a sandbox with 'bash'" in reason for reason in reasons)


def test_importing_the_package_touches_nothing_of_the_user(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "from olmo_eval_scaffolds.mini_swe_agent.package import load; load(); import os;"
        "print([n for n in os.environ if n.startswith('MSWEA')])"
    )
    env = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
    assert list(tmp_path.iterdir()) == []


def test_without_the_package_a_run_is_refused_with_the_way_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(module: str, extra: str) -> Any:
        raise MissingDependencyError(f"the module {module!r} is not installed", hint=extra)

    monkeypatch.setattr(package, "require", missing)
    package.load.cache_clear()
    with pytest.raises(MissingDependencyError, match="minisweagent"):
        MiniSWEAgentScaffold()
