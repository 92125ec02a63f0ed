"""Two trajectories of agents, aligned to where they first differ."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from olmo_eval import evaluate, plugins


def _call(arguments: dict[str, Any]) -> dict[str, Any]:
    call = {"name": "calculator", "arguments": arguments}
    return {"text": "Let me see.", "tool_calls": [call]}


@pytest.fixture(scope="module")
def agents(tmp_path_factory: pytest.TempPathFactory, viewing: Any, write: Any) -> Iterator[Any]:
    """Two runs of an agent that begin alike; the first fails at its second call."""
    pytest.importorskip("olmo_eval_scaffolds", reason="its agent loop and calculator")
    folder = tmp_path_factory.mktemp("agents")
    write(folder)
    first = _call({"expression": "1 + 1"})
    replies = [
        [first, _call({"expression": "1 +"}), "3"],
        [first, _call({"expression": "2 + 2"}), "2"],
    ]
    pack = str(Path(__file__).parent / "packs/viewed.py")
    with pytest.MonkeyPatch().context() as within, plugins.fresh_manager([pack]):
        within.chdir(folder)
        for step, said in enumerate(replies, 1):
            harness = {
                "scaffold": "tool_loop",
                "tools": ["calculator"],
                "provider": {"kwargs": {"replies": said}},
            }
            evaluate("mock", "sums", harness=harness, limit=3, step=step, results="results")
    with viewing(str(folder / "results")) as found:
        yield found


def test_what_is_the_same_is_told_once_and_the_first_difference_stands_open(agents: Any) -> None:
    listed = agents.get(agents.pair(format="json")).json["questions"]

    address = agents.pair("/question", task="sums", id=listed[0]["id"])
    shown = agents.get(f"{address}&format=json").json["trajectory"]

    same = [step["title"] for step in shown["same"]]
    assert same == ["assistant", "call calculator", "result", "assistant"]
    assert "1 +" in shown["a"][0]["text"] and "2 + 2" in shown["b"][0]["text"]
    assert [step["failed"] for step in shown["a"]][1] and not any(s["failed"] for s in shown["b"])
    page = agents.get(address)
    assert page.status == 200 and "The first 4 steps are the same" in page.text
