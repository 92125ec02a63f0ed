"""Code counts: an edit of anything that decides scores makes them anew, asking no model."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from olmo_eval.errors import UsageError
from olmo_eval.results.store import Store
from olmo_eval.runner.code import CodeReader

PLUGIN = """
import json
from pathlib import Path
from attrs import frozen
from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import Scorer
from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Task, register
import desk_helper

GOLD = {"s1": "2"}

def right(answer):
    return answer == "2"

@frozen
class Graded(Scorer):
    name = "graded"
    def score(self, instance, output):
        gold = json.loads((Path(__file__).parent / "gold.json").read_text())
        return float(desk_helper.clean(output.text) in gold and right("2"))

class Halved(AccuracyMetric):
    name = "halved"
    def value(self, response):
        return super().value(response) / 2

@register("graded")
class GradedSums(Task):
    data_source = DataSource(path="./sums", split="test")
    formatter = GenerationFormatter(template="Q: {question}")
    metrics = (Halved(scorer=Graded),)
    def process_doc(self, doc):
        return Instance(doc["question"], doc["answer"], metadata={"id": doc["id"]})
"""


@pytest.fixture
def plugin(bench: Any) -> Path:
    """A plugin file with a second module and a table of answers beside it."""
    folder = bench.folder / "plugin"
    folder.mkdir()
    (folder / "desk_grader.py").write_text(PLUGIN)
    (folder / "desk_helper.py").write_text("def clean(text):\n    return text.strip()\n")
    (folder / "gold.json").write_text('["The answer is 42."]')
    (folder / "unrelated.py").write_text("x = 1\n")
    return folder / "desk_grader.py"


def run(bench: Any, plugin: Path, *more: str) -> Any:
    done = bench.command("run", "--plugin", plugin, "-m", "mock", "-t", "graded", "--json", *more)
    assert done.code == 0, done.err
    return done.json[0]


def in_file(name: str, before: str, after: str) -> Callable[[Path], None]:
    def edit(plugin: Path) -> None:
        path = plugin.parent / name
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))

    return edit


EDITS = {
    "a helper": (in_file("desk_grader.py", 'answer == "2"', 'answer == "3"'), 0.0),
    "a second file": (in_file("desk_helper.py", "text.strip()", '""'), 0.0),
    "a table of answers": (in_file("gold.json", "42", "43"), 0.0),
    "a metric": (in_file("desk_grader.py", "/ 2", "/ 4"), 0.25),
}


@pytest.mark.parametrize(("edit", "score"), EDITS.values(), ids=EDITS)
def test_an_edit_is_scored_anew_without_asking(
    bench: Any, plugin: Path, edit: Callable[[Path], None], score: float
) -> None:
    before = run(bench, plugin)
    assert before["metrics"][0]["value"] == 0.5
    edit(plugin)
    after = run(bench, plugin)

    assert after["run_id"] != before["run_id"]
    assert after["metrics"][0]["value"] == score
    newest = Store("results").find(after["run_id"])
    assert newest.record["tasks"][0]["reused_from"] == {before["run_id"]: 40}
    refused = bench.command("compare", before["run_id"], after["run_id"])
    assert refused.code == 2
    assert "graded: source code differ: desk_" in refused.err
    assert "`olmo-eval rescore`" in refused.err
    assert bench.command("compare", before["run_id"], after["run_id"],
                         "--allow-different", "code").code == 0  # fmt: skip


def test_what_no_task_reaches_does_not_count(bench: Any, plugin: Path) -> None:
    before = run(bench, plugin)
    in_file("unrelated.py", "x = 1", "x = 2")(plugin)

    assert run(bench, plugin)["run_id"] == before["run_id"]


def test_rescoring_makes_an_older_run_comparable(bench: Any, plugin: Path) -> None:
    before = run(bench, plugin)
    EDITS["a helper"][0](plugin)
    after = run(bench, plugin)
    rescored = bench.command("rescore", "--plugin", plugin, before["run_id"], "--json")
    assert rescored.code == 0, rescored.err
    compared = bench.command("compare", rescored.json[0]["run_id"], after["run_id"], "--json")

    assert compared.code == 0, compared.err
    assert json.loads(compared.out)["tasks"][0]["score_a"] == 0.0


def test_a_tools_code_decides_answers(bench: Any) -> None:
    tool = """
from olmo_eval.agents.tools import registered_tool

@registered_tool(name="desk_adder")
def desk_adder(a: int) -> str:
    "adds"
    return str(a + 1)
"""
    plugin = bench.write("tools/none.jsonl", []).parent / "desk_tools.py"
    plugin.write_text(tool)
    arguments = ["run", "--plugin", plugin, "-m", "mock", "-t", "sums", "--json",
                 "-o", "tools=[desk_adder]", "-o", "scaffold=tool_loop"]  # fmt: skip
    first = bench.command(*arguments)
    assert first.code == 0, first.err
    plugin.write_text(tool.replace("a + 1", "a + 2"))
    (second,) = bench.command(*arguments).json

    found = Store("results").find(second["run_id"])
    assert found.record["tasks"][0]["reused"] == 0


# -- what code is reached


def modules(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_a_package_passes_names_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a package's ``__init__`` imports besides is not part of the name that is used."""
    modules(
        tmp_path,
        deskpack__task="from deskpack import used, late\nclass T:\n    pass\n",
        deskpack__inner="def used(): ...\n",
        deskpack__other="x = 1\n",
        deskpack__late="def f():\n    import deskpack.deep\n",
        deskpack__deep="",
    )
    (tmp_path / "deskpack/__init__.py").write_text(
        "from deskpack.inner import used\nfrom deskpack.other import x\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from deskpack.task import T  # type: ignore[import-not-found]

    found = set(CodeReader().read(T).modules)

    assert found == {"deskpack.task", "deskpack.inner", "deskpack.late", "deskpack.deep"}


def test_a_file_that_changed_in_this_process_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modules(tmp_path, desk_stale="def f():\n    return 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    import importlib

    import desk_stale  # type: ignore[import-not-found]

    before = CodeReader().read(desk_stale.f)
    (tmp_path / "desk_stale.py").write_text("def f():\n    return 22\n")
    with pytest.raises(UsageError, match=r"desk_stale.py has changed since this process"):
        CodeReader().read(desk_stale.f)
    importlib.reload(desk_stale)
    assert CodeReader().read(desk_stale.f).digest != before.digest


def test_code_without_a_file_counts_by_its_own_source() -> None:
    namespace: dict[str, Any] = {"__name__": "__nowhere__"}
    exec("class A: pass", namespace)
    assert set(CodeReader().read(namespace["A"]).modules) == {"__nowhere__:A"}
    assert not CodeReader().read(json.loads, sys.exit).modules
