"""What only another Python process shows: ids, choices and prompts that follow its hash seed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from olmo_eval import plugins
from olmo_eval.evals.tasks.check import CheckReport, OtherProcess, Severity, check_task
from olmo_eval.evals.tasks.common import build_task

TASKS = """
import os
import random
from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import AccuracyMetric
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import MultipleChoiceTask, Task, register

print("a task's own output is not the answer of a process")
CITIES = ("Oslo", "Rome", "Lima", "Cairo", "Quito", "Paris")

@register("stable")
class Stable(Task):
    data_source = DataSource(path="{data}")
    formatter = GenerationFormatter()
    metrics = (AccuracyMetric(scorer=ExactMatchScorer),)

    def process_doc(self, doc):
        known = {{"id": self.identify(doc), "hint": self.hint(doc)}}
        return Instance(doc["question"], doc["answer"], metadata=known)

    def identify(self, doc):
        return doc["id"]

    def hint(self, doc):
        return "none"

@register("hashed_ids")
class HashedIds(Stable):
    def identify(self, doc):
        return f"q{{hash(doc['question'])}}"

@register("hinted_by_a_set")
class HintedBySet(Stable):
    formatter = GenerationFormatter(template="Not {{hint}}. {{question}}\\nAnswer:")

    def hint(self, doc):
        return ", ".join({{*CITIES}})

@register("hinted_in_order")
class HintedInOrder(HintedBySet):
    def hint(self, doc):
        return ", ".join(sorted({{*CITIES}}))

@register("shuffled_by_hash")
class ShuffledByHash(MultipleChoiceTask):
    data_source = DataSource(path="{data}")

    def process_doc(self, doc):
        choices = random.Random(hash(doc["question"])).sample(CITIES, 4)
        gold = random.Random(doc["answer"]).randrange(4)
        return self.choice_instance(doc["question"], choices, gold, id=doc["id"])

@register("read_from_a_set")
class ReadFromSet(Stable):
    @property
    def instances(self):
        yield from sorted(super().instances, key=lambda instance: hash(instance.question))

@register("dies_elsewhere")
class DiesElsewhere(Stable):
    def identify(self, doc):
        if os.getpid() != {parent}:
            os._exit(7)
        return doc["id"]
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[None]:
    rows = (
        {"id": f"s{n * 37 % 997}", "question": f"What is {n} times 52?", "answer": str(n * 52)}
        for n in range(3, 43)
    )
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    file = tmp_path / f"seeded_{tmp_path.name}.py"
    file.write_text(TASKS.format(data=data, parent=os.getpid()))
    with plugins.fresh_manager([str(file)]):
        yield


def reports(*specs: str) -> list[CheckReport]:
    with OtherProcess() as other:
        return [check_task(build_task(s), elsewhere=other.reading(s)) for s in specs]


def test_what_follows_the_hash_seed_is_an_error(plugin: None) -> None:
    hashed, hinted, shuffled, reordered = reports(
        "hashed_ids", "hinted_by_a_set", "shuffled_by_hash", "read_from_a_set"
    )

    for report, words in (
        (hashed, "40 of 40 ids change in another Python process"),
        (hinted, "40 of 40 prompts change in another Python process"),
        (shuffled, "answers or choices change in another Python process"),
        (reordered, "the order of the instances changes in another Python process"),
    ):
        (finding,) = report.problems
        assert finding.check == "ids"
        assert finding.severity is Severity.ERROR
        assert words in finding.message
        assert "hashlib" in str(finding.hint)


def test_what_follows_the_data_alone_is_fine(plugin: None) -> None:
    for report in reports("stable", "hinted_in_order"):
        assert report.findings == ()


def test_a_process_that_dies_is_said_and_another_one_takes_its_place(plugin: None) -> None:
    died, fine = reports("dies_elsewhere", "stable")

    assert died.problems == ()
    (note,) = died.notes
    assert "not checked in another process" in note.message
    assert "the process ended with code 7" in note.message
    assert fine.findings == ()


def test_a_process_that_cannot_be_started_is_said(
    plugin: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/no/such/python")

    (report,) = reports("hashed_ids")

    assert report.problems == ()
    assert "no process could be started" in report.notes[0].message


def test_a_spec_that_the_other_process_does_not_know_is_said(plugin: None) -> None:
    with OtherProcess() as other:
        report = check_task(build_task("stable"), elsewhere=other.reading("unstable"))

    assert "UnknownNameError: unknown task 'unstable'" in report.notes[0].message
