"""What is registered can be listed, and whoever mistypes a name is told by which command."""

from __future__ import annotations

import re
from typing import Any

import pytest

from olmo_eval import plugins
from olmo_eval.errors import UnknownNameError


@pytest.mark.parametrize("kind", plugins.KINDS)
def test_the_command_that_a_hint_names_exists(bench: Any, kind: str) -> None:
    with pytest.raises(UnknownNameError) as unknown:
        plugins.manager().registry(kind).get("zzzzzzzz")
    (command,) = re.findall(r"`olmo-eval ([^`]+)` lists them all", str(unknown.value.hint))

    listed = bench.cli(*command.split())

    assert (listed.code, listed.err) == (0, "")


def test_executors_are_listed(bench: Any) -> None:
    assert re.search(r"^local +olmo-eval ", bench.cli("executors").out, re.MULTILINE)


def test_mistakes_and_contested_variants_are_listed_with_their_plugins(bench: Any) -> None:
    (bench.folder / "more.py").write_text(
        "from olmo_eval.evals.tasks.common import register_variant\n"
        "register_variant('sums', '2shot', num_fewshot=3)\n"
    )

    listed = bench.cli("plugins", "--plugin", "more.py")

    assert "claimed twice: variant sums:2shot, by sums.py and more.py" in listed.out


PARTS = '''
"""Never imported: there is no such engine."""
import not_installed_anywhere

class Median:
    """The middle score (Tukey et al. 1977). Half of them
    lie below."""

def loud(text): return text
'''


def test_descriptions_are_read_without_importing_anything(
    bench: Any, install: Any, site: Any
) -> None:
    (site / "acme_parts").mkdir()
    (site / "acme_parts/__init__.py").write_text("raise RuntimeError('imported')\n")
    (site / "acme_parts/metrics.py").write_text(PARTS)
    install(
        "acme-evals",
        "acme_evals",
        "import olmo_eval\n"
        "@olmo_eval.hookimpl\n"
        "def register_metrics(register):\n"
        "    register('acme_median', 'acme_parts.metrics:Median')\n"
        "    register('acme_loud', 'acme_parts.metrics:loud')\n"
        "    register('acme_gone', 'acme_gone:Gone')\n",
    )

    with plugins.fresh_manager():
        listed = bench.cli("metrics", "-f", "acme", "--json").json

    assert {row["name"]: (row["description"], row["distribution"]) for row in listed} == {
        "acme_gone": ("", "acme-evals"),
        "acme_loud": ("", "acme-evals"),
        "acme_median": ("The middle score (Tukey et al. 1977).", "acme-evals"),
    }


@pytest.mark.parametrize(
    ("command", "row"),
    [
        ("metrics", "accuracy olmo-eval 0.1.0 Mean of a scorer over instances."),
        ("formatters", "generation olmo-eval 0.1.0 Free generation: the model"),
        ("scorers", "exact_match olmo-eval 0.1.0 1 where the extracted answer"),
        ("executors", "local olmo-eval 0.1.0 "),
    ],
)
def test_listings_say_what_each_thing_is(bench: Any, command: str, row: str) -> None:
    assert row in " ".join(bench.cli(command).out.split())


def test_variants_are_listed_with_their_owner_and_what_they_set(bench: Any) -> None:
    (bench.folder / "more.py").write_text(
        "import olmo_eval\n"
        "@olmo_eval.hookimpl\n"
        "def register_variants(register):\n"
        "    register('sums:4shot', {'num_fewshot': 4, 'formatter': 'chat'})\n"
        "    register('sums:wrong', {'num_fewshott': 4})\n"
    )

    listed = bench.cli("variants", "sums", "--plugin", "more.py", "--json")
    shown = bench.cli("variants", "sums", "--plugin", "more.py").out
    everything = bench.cli("variants", "-f", "2shot", "--plugin", "more.py").out

    rows = {row["variant"]: row for row in listed.json}
    assert list(rows) == ["2shot", "4shot", "few", "warm"]
    assert rows["4shot"]["distribution"] == "more.py"
    assert rows["4shot"]["sets"]["num_fewshot"] == 4
    assert rows["2shot"]["sets"] == {"num_fewshot": 2, "fewshot_seed": 7}
    assert "note: variant sums:wrong of more.py" in listed.err
    assert re.search(
        r"^sums:4shot +more.py \w+ +num_fewshot=4, formatter=ChatFormatter$", shown, re.MULTILINE
    )
    assert re.search(r"^sums:2shot +sums.py \w+ +num_fewshot=2", everything, re.MULTILINE)


def test_a_task_that_is_not_there_has_no_variants(bench: Any) -> None:
    refused = bench.cli("variants", "summs")

    assert refused.code == 2
    assert "unknown task 'summs'" in refused.err and "did you mean sums" in refused.err


def test_a_tool_is_described_by_its_function(bench: Any) -> None:
    (bench.folder / "dice.py").write_text(
        "import olmo_eval\n"
        "from attrs import frozen\n"
        "from olmo_eval.agents import tool\n"
        "from olmo_eval.common.formatters import GenerationFormatter\n"
        "@tool\n"
        "def add(numbers: list[int]) -> int:\n"
        "    '''Add numbers up. Slowly.'''\n"
        "@frozen\n"
        "class Plain(GenerationFormatter): '''Nothing but the question.'''\n"
        "@frozen\n"
        "class Silent(GenerationFormatter): pass\n"
        "@olmo_eval.hookimpl\n"
        "def register_tools(register): register('add', add)\n"
        "@olmo_eval.hookimpl\n"
        "def register_formatters(register):\n"
        "    register('plain', Plain)\n"
        "    register('silent', Silent)\n"
    )

    def description(kind: str, name: str) -> str:
        (row,) = bench.cli(kind, "--plugin", "dice.py", "-f", name, "--json").json
        return str(row["description"])

    assert description("tools", "add") == "Add numbers up."
    assert description("formatters", "plain") == "Nothing but the question."
    assert description("formatters", "silent") == ""


def test_gated_data_is_marked_without_importing_the_benchmark(
    bench: Any, install: Any, site: Any
) -> None:
    install(
        "acme-evals",
        "acme_evals",
        "import olmo_eval\n"
        "@olmo_eval.hookimpl\n"
        "def register_tasks(register):\n"
        "    register('acme_open', 'acme_gone.open')\n"
        "    register('acme_exam', 'acme_gone.exam', access='gated')\n",
    )

    with plugins.fresh_manager():
        shown = bench.cli("tasks", "-f", "acme").out
        everybodys = bench.cli("tasks", "-f", "acme_open").out
        listed = bench.cli("tasks", "-f", "acme", "--json").json

    assert re.search(r"^acme_exam +acme-evals 1.0 +gated", shown, re.MULTILINE)
    assert "access" not in everybodys
    assert {row["name"]: row["access"] for row in listed} == {"acme_exam": "gated", "acme_open": ""}
