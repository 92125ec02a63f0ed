"""``olmo-eval task check``: a line a spec, findings below, exit code 1 where there is an error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from olmo_eval.cli.main import main

TASKS = """
from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Task, register, register_variant

@register("checked_sums")
class Sums(Task):
    data_source = DataSource(path="{data}")
    formatter = GenerationFormatter()
    metrics = (AccuracyMetric(scorer=ExactMatchScorer),)

    def process_doc(self, doc):
        return Instance(question=doc["question"], gold_answer=doc["answer"])

register_variant("checked_sums", "3shot", num_fewshot=3)
register_variant("checked_sums", "spaced", formatter=GenerationFormatter(template="{{question}} "))
register_variant("checked_sums", "away", data_source="elsewhere.jsonl")
register_variant("checked_sums", "far", data_source="http://127.0.0.1:9/rows.jsonl")

@register("checked_leak")
class Leak(Sums):
    formatter = GenerationFormatter(template="{{question}} ({{answer}}?)")
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "rows.jsonl"
    rows = ({"question": f"What is {n} + 100?", "answer": str(n + 100)} for n in range(30))
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = tmp_path / "checked_tasks.py"
    path.write_text(TASKS.format(data=data))
    return str(path)


def check(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["task", "check", *arguments])
    return int(end.value.code or 0)


def test_a_healthy_task_is_ok(plugin: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("checked_sums", "checked_sums:3shot", "--plugin", plugin) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["ok", "checked_sums", "30", "of", "30"]
    assert lines[-1] == "2 specs: 2 ok"


def test_all_checks_every_variant_and_counts_what_is_missing(
    plugin: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check("--all", "-f", "checked_", "-n", "20", "--plugin", plugin) == 1

    out = capsys.readouterr().out
    assert "20 of 30" in out
    assert "data missing  checked_sums:away" in out
    assert "data missing  checked_sums:far" in out
    assert "error leak: the prompt contains the right answer in 20 of 20 instances (100%)" in out
    assert "warning requests: the prompt ends with a space in 20 of 20 instances" in out
    assert "6 specs: 2 ok, 1 with warnings, 1 with errors, 2 data missing" in out


def test_all_leaves_out_what_another_task_stands_for(
    plugin: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("longer.py").write_text(
        "from checked_tasks import Sums\n"
        "from olmo_eval.evals.tasks.common import register\n"
        "@register('checked_longer_sums')\n"
        "class Longer(Sums):\n"
        "    checked_by = 'checked_sums'\n"
    )
    families = ("--plugin", plugin, "--plugin", "longer.py")

    check("--all", "-f", "checked_", *families)
    out = capsys.readouterr().out
    assert "left out      checked_longer_sums  checked_sums stands for it" in out
    assert "1 left out (--thorough checks them too)" in out

    for asked in (("--thorough", "-f", "checked_"), ("-f", "longer")):
        check("--all", *asked, *families)
        assert "checked_longer_sums 30 of 30" in " ".join(capsys.readouterr().out.split())


def test_it_says_what_share_of_the_gold_solutions_the_stop_sequences_cut(
    plugin: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("cut.py").write_text(
        "from olmo_eval.evals.tasks.common import register_variant\n"
        "register_variant('checked_sums', 'cut', stop_sequences=['9', '3'])\n"
    )
    specs = ("checked_sums:cut", "checked_sums", "--plugin", plugin, "--plugin", "cut.py")

    assert check(*specs, "--json") == 1
    cut, whole = (row["stop_cut"] for row in json.loads(capsys.readouterr().out))
    # 100 to 129: 103 and 113, 109, 119 and 123, 129 end with the stop sequence; 130 is not there
    assert cut == {"cut": 6, "asked": 30, "share": 0.2}
    assert whole is None

    check(*specs)
    assert "stop sequences cut 6 of 30 gold solutions (20%)" in capsys.readouterr().out


def test_strict_takes_warnings_for_errors(plugin: str) -> None:
    assert check("checked_sums:spaced", "--plugin", plugin) == 0
    assert check("checked_sums:spaced", "--strict", "--plugin", plugin) == 1
    assert check("checked_sums:away", "--strict", "--plugin", plugin) == 1


def test_findings_come_as_json(plugin: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("checked_leak", "--json", "--plugin", plugin) == 1

    (row,) = json.loads(capsys.readouterr().out)
    assert (row["task"], row["verdict"], row["total"]) == ("checked_leak", "error", 30)
    finding = row["findings"][0]
    assert (finding["check"], finding["severity"]) == ("leak", "error")
    assert finding["instance_id"] and finding["hint"]


def test_what_is_asked_wrongly_is_said(plugin: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert check() == 2
    assert check("checked_sum", "--plugin", plugin) == 2
    assert "did you mean checked_sums" in capsys.readouterr().err.lower()


def test_a_task_that_cannot_be_imported_is_one_finding_among_all(
    plugin: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("broken_tasks.py").write_text(
        "import olmo_eval\n@olmo_eval.hookimpl\ndef register_tasks(register):\n"
        "    register('checked_broken', 'no_such_module_anywhere')\n"
    )

    code = check("--all", "-f", "checked_", "--plugin", plugin, "--plugin", "broken_tasks.py")

    out = capsys.readouterr().out
    assert code == 1
    assert "error: task 'checked_broken'" in out
    assert "checked_sums:3shot" in out


def test_a_task_that_ends_its_process_costs_its_own_line(
    plugin: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("leaving.py").write_text(
        "import os\nfrom olmo_eval.common.types import Instance\n"
        "from olmo_eval.evals.tasks.common import Task, register\n"
        "@register('checked_leaving')\nclass Leaving(Task):\n"
        "    @property\n    def instances(self):\n        os._exit(3)\n"
    )

    code = check("--all", "-f", "checked_", "--plugin", plugin, "--plugin", "leaving.py")

    lines = capsys.readouterr().out.splitlines()
    (left,) = (line for line in lines if "checked_leaving" in line)
    assert code == 1
    assert left.endswith("error: the task's code ended the process that checked it")
    assert [line.split()[1] for line in lines if line.startswith("ok ")] == [
        "checked_sums",
        "checked_sums:3shot",
    ]
    assert len(lines) == 7 + 2  # a line a spec, and the sum below them
