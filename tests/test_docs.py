"""The documentation is true to the code: columns, commands, dependencies, links."""

from __future__ import annotations

import inspect
import re
import runpy
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pyarrow as pa
import pytest
from attrs import fields

from olmo_eval.common.types import Outcome
from olmo_eval.results import schema

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
_ROW = re.compile(r"^\| `([^`]+)`(?:, `[^`]+`)* \| ([^|]+) \|", re.MULTILINE)


def section(page: str, title: str) -> str:
    """The text of docs/``page`` below the heading ``title``, up to the next heading."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    start = re.search(rf"^#+ {re.escape(title)}$", text, re.MULTILINE)
    assert start, f"{page} has no heading {title!r}"
    following = re.compile(r"^#+ ", re.MULTILINE).search(text, start.end())
    return text[start.end() : following.start() if following else len(text)]


def documented(title: str) -> list[str]:
    return [match.group(1) for match in _ROW.finditer(section("schema.md", title))]


def documented_types(title: str) -> dict[str, str]:
    rows = _ROW.finditer(section("schema.md", title))
    return {match.group(1): match.group(2).strip().replace("\\", "") for match in rows}


def shown(kind: pa.DataType) -> str:
    """A type as the page writes it: lists by their items, structs just so."""
    if pa.types.is_list(kind):
        return f"list<{shown(kind.value_type)}>"
    return "struct" if pa.types.is_struct(kind) else str(kind)


def test_every_column_of_the_metrics_table_is_documented() -> None:
    assert documented_types("metrics.parquet") == {f.name: shown(f.type) for f in schema.METRICS}


def test_every_column_of_the_instance_tables_is_documented() -> None:
    arrow = schema.instance_schema(["exact_match"], ["accuracy:exact_match"])

    found = documented_types("instances/TASK.parquet")
    assert found == {f.name: shown(f.type).replace("float32", "float") for f in arrow}
    answers = documented_types("answers/TASK.parquet")
    assert answers == {f.name: shown(f.type) for f in schema.ANSWERS}
    turns = documented_types("turns/TASK.parquet")
    assert turns == {f.name: shown(f.type) for f in schema.TURNS}
    request = schema.ANSWERS.field("request").type
    assert documented_types("request") == {f.name: shown(f.type) for f in request}
    output = schema.ANSWERS.field("outputs").type.value_type
    assert documented_types("outputs") == {f.name: shown(f.type) for f in output}


def test_every_outcome_is_documented() -> None:
    assert set(documented("Outcomes")) == {outcome.value for outcome in Outcome}


def test_the_page_of_commands_is_what_help_prints() -> None:
    command = [sys.executable, str(ROOT / "tools/cli_reference.py"), "--print"]
    page = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert page == (ROOT / "docs/cli.md").read_text(encoding="utf-8"), "make docs writes it anew"


def test_the_reference_says_what_every_room_exports() -> None:
    pages = runpy.run_path(str(ROOT / "tools/api_reference.py"))["pages"]()

    assert set(pages) == set(ROOT.glob("docs/reference/*.md"))
    for path, page in pages.items():
        assert path.read_text(encoding="utf-8") == page, f"{path.name}: make docs writes it anew"


ROOMS = [
    "agents",
    "harness",
    "inference",
    "interchange",
    "judges",
    "providers",
    "results",
    "sandbox",
    "testing",
]


def test_the_reference_has_a_section_for_every_name() -> None:
    """Signature and docstring, read here without the tool."""
    for room in ROOMS:
        page = (ROOT / f"docs/reference/{room}.md").read_text(encoding="utf-8")
        module = import_module(f"olmo_eval.{room}")
        headings = re.findall(r"^## (\w+)$", page, re.MULTILINE)
        assert sorted(headings) == sorted(module.__all__)
        for name in module.__all__:
            value = getattr(module, name)
            begin = inspect.cleandoc(value.__doc__).splitlines()[0].replace("``", "`")
            assert begin.rstrip(":") in page, f"{room}.{name}"
            head = rf"(class|def|async def) {name}\(" if callable(value) else f"{name}: "
            assert re.search(f"^{head}", page, re.MULTILINE)


def test_the_page_for_authors_explains_every_field() -> None:
    """Each in a list of its class: what it is called, and what it means."""
    from olmo_eval.common.types import Instance, SamplingParams
    from olmo_eval.evals.external import ExternalContext
    from olmo_eval.evals.suites import AggregationStrategy, Suite
    from olmo_eval.evals.tasks.common import Card, Task, TaskConfig
    from olmo_eval.sandbox import SandboxConfig

    page = (ROOT / "docs/reference/authors.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^#|\Z)", page, re.MULTILINE | re.DOTALL))
    for kind in (TaskConfig, SamplingParams, Card, Suite, SandboxConfig):
        for one in fields(kind):
            assert re.search(rf"^- `{one.name}`: \w", sections[kind.__name__], re.MULTILINE), one
    for one in AggregationStrategy:
        assert f"- `{one.name}`: " in sections["AggregationStrategy"]
    for name in ("provider", "arguments", "folder", "generate(", "loglikelihood(", "base_url"):
        assert re.search(rf"^- `(async )?{re.escape(name)}", sections["ExternalContext"], re.M), (
            name
        )
    assert ExternalContext.__doc__
    for name in ("all_answers", "gold_idx", "cluster", "id"):
        assert f"- `{name}`: " in sections[Instance.__name__]
    for name in ("extract_answer(", "extracted(", "oracle(", "process_doc(", "setup("):
        assert re.search(rf"^- `(async )?{re.escape(name)}", sections[Task.__name__], re.M), name
    for name in ("time_limit", "reads", "bounds", "unit", "requires", "cpu_bound", "version"):
        assert f"- `{name} = " in sections["Scorer"]
    assert "a `timeout` (seconds) ends everything it started" in sections["Sandbox"]


def test_every_dependency_of_the_kernel_is_justified() -> None:
    project = tomllib.loads((ROOT / "kernel/pyproject.toml").read_text())["project"]
    needed = {re.split(r"[<>=!~ ]", line)[0].lower() for line in project["dependencies"]}
    rows = re.findall(
        r"^\| (\w+) \| \S", section("architecture.md", "The kernel's dependencies"), re.MULTILINE
    )

    assert {row.lower() for row in rows} - {"dependency"} == needed


def test_the_rooms_on_the_map_are_the_rooms_of_the_house() -> None:
    kernel = ROOT / "kernel/src/olmo_eval"
    names = {
        path.name + ("/" if path.is_dir() else "")
        for path in kernel.iterdir()
        if path.name not in ("__init__.py", "py.typed", "__pycache__")
    }
    drawn = set(
        re.findall(r"^  ([\w.]+/?) ", section("architecture.md", "The rooms"), re.MULTILINE)
    )

    assert names <= drawn
    plugins = {path.parent.name + "/" for path in ROOT.glob("plugins/*/pyproject.toml")}
    assert plugins <= drawn


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(linked), f"{page.name}: {target}"


def anchors(page: Path) -> set[str]:
    """The anchors that the headings of a page make, as code hosts make them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


def test_settings_named_in_the_docs_exist() -> None:
    from olmo_eval.common.types import SamplingParams
    from olmo_eval.evals.tasks.common import TaskConfig
    from olmo_eval.harness import HarnessConfig

    known = {f.name for kind in (TaskConfig, SamplingParams, HarnessConfig) for f in fields(kind)}
    text = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    for key in set(re.findall(r"`-o (\w+)[.\w]*=", text)) - {"key"}:
        assert key in known, key
