"""Agents on the tiny tasks, from the command to the transcript: a script, real containers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from olmo_eval import plugins
from olmo_eval.cli.main import main
from olmo_eval.testing.server import ScriptedServer

pytestmark = pytest.mark.engine

#: what a model types that knows the answer, by a word of the question
TYPED = {
    "sort-photos": "cd photos && for f in [0-9]*_*; do d=${f:0:4}/${f:5:2}; mkdir -p $d && "
    'mv "$f" "$d/${f:11}"; done',
    "wrap-width": "sed -i 's/if len(line) + len(word) > width/"
    "if line and len(line) + 1 + len(word) > width/; "
    "s/^    lines.append(line)$/    lines += [line] if line else []/' layout.py",
}
WORDS = {"pictures whose names": "sort-photos", "one character too long": "wrap-width"}


def reply(body: Mapping[str, Any]) -> str | dict[str, Any]:
    asked = next(m["content"] for m in body["messages"] if m["role"] == "user")
    known = next((name for word, name in WORDS.items() if word in asked), None)
    if known is None or body["messages"][-1]["role"] == "tool":
        return "That is all."
    return {"tool_calls": [{"name": "bash", "arguments": {"command": TYPED[known]}}]}


def command(*words: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    assert ended.value.code == 0


@pytest.mark.parametrize(
    ("task", "solved", "said"),
    [
        ("terminal_tiny", "sort-photos", "reward 1"),
        ("swe_tiny", "wrap-width", "resolved 1"),
    ],
)
def test_an_agent_that_solves_one_of_them(
    task: str,
    solved: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("litellm")
    pytest.importorskip("docker")
    for name in ("olmo_eval_providers", "olmo_eval_sandboxes", "olmo_eval_scaffolds"):
        plugins.manager().load(f"{name}.plugin")
    monkeypatch.chdir(tmp_path)

    with ScriptedServer(reply) as server:
        provider = [f"provider.base_url={server.base_url}", "provider.kwargs.api_key=none"]
        options = [word for text in provider for word in ("-o", text)]
        some = ("-o", "limit=2") if task == "terminal_tiny" else ()
        settings = ["run", "-m", "openai/scripted", "--provider", "litellm", *options]
        command(*settings, "-t", task, *some, "--harness", "code_agent", "--sandbox", "docker")
    capsys.readouterr()
    command("results", "transcript", "latest", solved)
    transcript = capsys.readouterr().out

    assert "-> bash" in transcript and "1 tool call" in transcript
    assert said in transcript
    others = ["count-errors", "ledger"]
    other = next(name for name in others if (name == "ledger") == (task == "swe_tiny"))
    command("results", "transcript", "latest", other)
    assert said.replace(" 1", " 0") in capsys.readouterr().out
