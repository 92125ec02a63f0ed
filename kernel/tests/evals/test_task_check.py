"""Planted bugs, one a task: each is found by the check that is meant to find it."""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import evolve, frozen

from olmo_eval.common.formatters import (
    ChatFormatter,
    ClozeFormatter,
    Formatter,
    GenerationFormatter,
    LetteredFormatter,
    MCQAChatFormatter,
)
from olmo_eval.common.metrics import AccuracyMetric, LogprobMCAccuracyMetric, Metric
from olmo_eval.common.scorers import ExactMatchScorer, JudgeScorer, MultipleChoiceScorer, Scorer
from olmo_eval.common.types import Instance, LMOutput, LMRequest, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.extract.letters import extract_mcq_answer
from olmo_eval.evals.extract.numbers import last_number
from olmo_eval.evals.tasks.check import CheckReport, check_task
from olmo_eval.evals.tasks.common import MultipleChoiceTask, Task
from olmo_eval.testing.task import task_contract

CITIES = ["Oslo", "Rome", "Lima", "Cairo", "Quito", "Paris", "Delhi", "Accra", "Tunis", "Hanoi"]
ROWS = [
    {"id": f"q{n * 37 % 997}", "question": f"What is {n} times 52?", "answer": n * 52}
    for n in range(3, 63)
]
CHOICE_ROWS = [
    {
        "id": f"c{n * 37 % 997}",
        "question": f"Which city is number {n} on the list?",
        "choices": random.Random(n).sample(CITIES, 4),
        "gold": random.Random(n * n).randrange(4),
    }
    for n in range(60)
]


#: said of a task that another process cannot load by a name
ELSEWHERE = (
    "not checked in another process (ids made by hash(), say): the task has no spec that one "
    "could load"
)


class Healthy(Task):
    """Sums whose answers are numbers, found wherever they stand."""

    data_source = DataSource(path="sums.jsonl")
    formatter: ClassVar[Formatter] = GenerationFormatter()
    num_fewshot = 3
    sampling_params = SamplingParams(stop_sequences=("Question:",))
    metrics: ClassVar[tuple[Metric, ...]] = (AccuracyMetric(scorer=ExactMatchScorer),)
    expected_instances = len(ROWS)

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        return Instance(doc["question"], str(doc["answer"]), metadata={"id": doc["id"]})

    def extract_answer(self, output: LMOutput) -> Any:
        return last_number(output.text)


class HealthyChoice(MultipleChoiceTask):
    """Cities to choose from, by the text of each."""

    data_source = DataSource(path="cities.jsonl")
    formatter: ClassVar[Formatter] = ClozeFormatter()
    num_fewshot = 2

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        return self.choice_instance(doc["question"], doc["choices"], doc["gold"], id=doc["id"])


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, rows in (("sums", ROWS), ("cities", CHOICE_ROWS)):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(text)
    monkeypatch.chdir(tmp_path)


def report_on(cls: type[Task]) -> CheckReport:
    return check_task(cls(cls.default_config(cls.__name__)))


def test_a_healthy_task_has_no_findings() -> None:
    for cls in (Healthy, HealthyChoice):
        report = report_on(cls)
        assert report.ok
        assert report.problems == ()
        assert [f.message for f in report.notes] == [ELSEWHERE]
        assert (report.looked_at, report.total) == (60, 60)


class GoldInPrompt(Healthy):
    formatter = GenerationFormatter(template="Question: {question} ({answer})\nAnswer:")


class GoldEndsSomePrompts(Healthy):
    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        known = f"{doc['question']} {doc['answer']}" if doc["answer"] % 5 == 0 else doc["question"]
        return Instance(known, str(doc["answer"]), metadata={"id": doc["id"]})

    formatter = GenerationFormatter(template="{question}")


class GoldChoiceInPrompt(HealthyChoice):
    formatter = ClozeFormatter(template="Question: {question} Hint: {answer}.\nAnswer:")


class GoldLeaksBesideShownChoices(HealthyChoice):
    formatter = LetteredFormatter(template="{question} {answer}\n{choices}\nAnswer:")


class PositionIds(Healthy):
    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        return Instance(doc["question"], str(doc["answer"]), metadata={"id": f"sum_{index}"})


class PositionIdsOfOwnReading(Healthy):
    @property
    def instances(self) -> Iterator[Instance]:
        from olmo_eval.data import DataLoader

        for index, doc in enumerate(DataLoader().load(self.config.get_data_source())):
            yield Instance(doc["question"], str(doc["answer"]), metadata={"id": index})


class DuplicateIds(Healthy):
    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        known = {"id": doc["answer"] % 7}
        return Instance(doc["question"], str(doc["answer"]), metadata=known)


class ChoicesShuffledByPlace(HealthyChoice):
    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        order = random.Random(index).sample(range(4), 4)
        choices = [doc["choices"][i] for i in order]
        gold = order.index(doc["gold"])
        return self.choice_instance(doc["question"], choices, gold, id=doc["id"])


class FewshotLeak(Healthy):
    def fewshot_for(self, instance: Instance) -> tuple[Instance, ...]:
        return (instance, *super().fewshot_for(instance)[1:])


class FewshotLeakInOtherCase(Healthy):
    """The kernel compares questions letter by letter."""

    fewshot_source = DataSource(path="sums.jsonl")
    num_fewshot = 60

    def process_fewshot_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        return Instance(doc["question"].upper(), str(doc["answer"]))


class ShrunkFewshot(Healthy):
    def fewshot_for(self, instance: Instance) -> tuple[Instance, ...]:
        return tuple(s for s in super().fewshot_for(instance) if len(s.gold_text) < 4)


class ForgottenShots(Healthy):
    def format_request(self, instance: Instance) -> LMRequest:
        assert self.config.formatter is not None
        return self.config.formatter.format(instance, self.fewshot_for(instance)[:2])


class DigitsOnly(Healthy):
    """``$29.00`` is read as 00, ``1,000`` as 000."""

    def extract_answer(self, output: LMOutput) -> Any:
        found = re.findall(r"\d+", output.text)
        return found[-1] if found else None


class NoThousands(Healthy):
    def extract_answer(self, output: LMOutput) -> Any:
        found = re.findall(r"-?\d+(?:\.\d+)?", output.text)
        return re.sub(r"\.0+$", "", found[-1]) if found else None


class LastWord(Healthy):
    r"""Finds neither ``\boxed{}`` nor what prose follows."""

    def extract_answer(self, output: LMOutput) -> Any:
        words = output.text.split()
        return words[-1].strip(".$").replace(",", "").removesuffix(".00") if words else None


class CaseDecides(HealthyChoice):
    """Gold in capitals, shown in the examples as it is, compared after lowering one side."""

    formatter = GenerationFormatter()
    metrics = (AccuracyMetric(scorer=ExactMatchScorer(case_sensitive=True)),)

    def extract_answer(self, output: LMOutput) -> Any:
        return output.text.strip().lower()

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        city = doc["choices"][doc["gold"]]
        return Instance(doc["question"], city, metadata={"id": doc["id"]})


class SpaceDecides(Healthy):
    metrics = (AccuracyMetric(scorer=ExactMatchScorer(strip_whitespace=False)),)

    def extract_answer(self, output: LMOutput) -> Any:
        return output.text


class GoldFromOne(HealthyChoice):
    """Counted from 1 where the index counts from 0: the last choice is out of range."""

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        known = {"gold_idx": doc["gold"] + 1, "id": doc["id"]}
        return Instance(doc["question"], "ABCD"[doc["gold"]], doc["choices"], known)


class GoldOffByOne(HealthyChoice):
    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        known = {"gold_idx": (doc["gold"] + 1) % 4, "id": doc["id"]}
        return Instance(doc["question"], doc["choices"][doc["gold"]], doc["choices"], known)


class AlwaysA(HealthyChoice):
    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        return self.choice_instance(doc["question"], doc["choices"], 0, id=doc["id"])


class OneAnswerForAll(Healthy):
    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        return Instance(doc["question"], str(ROWS[0]["answer"]), metadata={"id": doc["id"]})


class ChoiceTwice(HealthyChoice):
    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        choices = [*doc["choices"], doc["choices"][doc["gold"]]]
        return self.choice_instance(doc["question"], choices, doc["gold"], id=doc["id"])


class ReversedContinuations(HealthyChoice):
    def format_request(self, instance: Instance) -> LMRequest:
        request = super().format_request(instance)
        return evolve(request, continuations=request.continuations[::-1])


class DoubleSpace(HealthyChoice):
    formatter = ClozeFormatter(template="Question: {question}\nAnswer: ")


class StopInsideTheAnswer(Healthy):
    formatter = GenerationFormatter(answer_prefix="\n\n")
    sampling_params = SamplingParams(stop_sequences=("\n\n",))


@frozen
class Generous(Scorer):
    """Silence contains no mistake."""

    name = "generous"

    def score(self, instance: Instance, output: LMOutput) -> float:
        return float(output.text.strip() in f" {instance.gold_text}")


class EmptyScores(Healthy):
    metrics = (AccuracyMetric(scorer=Generous),)


@frozen
class Blind(Scorer):
    name = "blind"

    def score(self, instance: Instance, output: LMOutput) -> float:
        return float(bool(output.text.strip()))


class AnythingScores(Healthy):
    metrics = (AccuracyMetric(scorer=Blind),)


@frozen
class OneForAny(LogprobMCAccuracyMetric):
    name = "one_for_any"

    def value(self, response: Any) -> float | None:
        return 1.0


class AnyChoiceScores(HealthyChoice):
    metrics = (OneForAny(),)


@frozen
class Percent(Scorer):
    name = "percent"

    def score(self, instance: Instance, output: LMOutput) -> float:
        return 100.0 * (output.extracted_answer == instance.gold_text)


class OutOfBounds(Healthy):
    metrics = (AccuracyMetric(scorer=Percent),)


_moods = random.Random(0)


@frozen
class Moody(Scorer):
    name = "moody"

    def score(self, instance: Instance, output: LMOutput) -> float:
        return _moods.random()


class MoodyScores(Healthy):
    metrics = (AccuracyMetric(scorer=Moody),)


_count = itertools.count()


class CountingPrompt(Healthy):
    def format_request(self, instance: Instance) -> LMRequest:
        request = super().format_request(instance)
        return evolve(request, prompt=f"Request {next(_count)}\n{request.prompt}")


class LostRows(Healthy):
    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        return None if doc["answer"] > 3000 else super().process_doc(doc, index)


class NoMetric(Healthy):
    metrics = ()


class NoSuchPrimary(Healthy):
    primary_metric = "f1"


class Crashing(Healthy):
    def extract_answer(self, output: LMOutput) -> Any:
        return re.search(r"\d+", output.text).group(0)  # type: ignore[union-attr]


class NoAnswerInSomeRows(Healthy):
    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        gold = "" if doc["answer"] % 10 == 0 else str(doc["answer"])
        return Instance(doc["question"], gold, metadata={"id": doc["id"]})


PLANTED: list[tuple[type[Task], str, str]] = [
    (GoldInPrompt, "leak", "contains the right answer"),
    (GoldEndsSomePrompts, "leak", "contains the right answer at its end"),
    (GoldChoiceInPrompt, "leak", "contains the right answer"),
    (GoldLeaksBesideShownChoices, "leak", "contains the right answer"),
    (PositionIds, "ids", "another order"),
    (PositionIdsOfOwnReading, "ids", "another order"),
    (DuplicateIds, "ids", "stand for several"),
    (ChoicesShuffledByPlace, "ids", "with the order of the rows"),
    (FewshotLeak, "fewshot", "its own few-shot"),
    (FewshotLeakInOtherCase, "fewshot", "its own few-shot"),
    (ShrunkFewshot, "fewshot", "examples where num_fewshot is 3"),
    (ForgottenShots, "fewshot", "2 of 3 examples"),
    (DigitsOnly, "extraction", "$29.00"),
    (DigitsOnly, "extraction", "1,000"),
    (NoThousands, "extraction", "1,000"),
    (LastWord, "extraction", "boxed"),
    (LastWord, "extraction", "trailing prose"),
    (CaseDecides, "oracle", "not 1"),
    (SpaceDecides, "oracle", "not 1"),
    (GoldFromOne, "gold", "number 4 of 4"),
    (GoldOffByOne, "gold", "gold_idx is"),
    (AlwaysA, "gold", "in all 60"),
    (OneAnswerForAll, "shuffled", "every gold answer"),
    (ChoiceTwice, "gold", "twice"),
    (ReversedContinuations, "continuations", "order of the choices"),
    (DoubleSpace, "continuations", "two spaces"),
    (StopInsideTheAnswer, "stop", "cuts the right answer"),
    (EmptyScores, "empty", "an empty answer scores"),
    (AnythingScores, "shuffled", "other questions"),
    (AnyChoiceScores, "shuffled", "a wrong choice"),
    (OutOfBounds, "metrics", "outside of its bounds"),
    (MoodyScores, "scorers", "for the same answer"),
    (CountingPrompt, "requests", "differs when it is made again"),
    (LostRows, "instances", "the published data has 60"),
    (NoMetric, "metrics", "has no metrics"),
    (NoSuchPrimary, "metrics", "no metric 'f1'"),
    (Crashing, "empty", "AttributeError"),
    (NoAnswerInSomeRows, "gold", "have no gold answer"),
]


@pytest.mark.parametrize(
    ("cls", "check", "words"), PLANTED, ids=lambda v: getattr(v, "__name__", str(v))
)
def test_a_planted_bug_is_found_and_named(cls: type[Task], check: str, words: str) -> None:
    report = report_on(cls)

    found = [f for f in report.problems if f.check == check and words in f.message]
    assert found, "\n".join(map(str, report.findings))
    assert found[0].hint
    assert not report.ok


#: what one bug may be found by: a place that never changes can also be guessed
FOUND_BY: dict[type[Task], set[str]] = {cls: {check} for cls, check, _ in PLANTED}
FOUND_BY[AlwaysA] |= {"shuffled"}


@pytest.mark.parametrize(
    "cls",
    [GoldInPrompt, PositionIds, DuplicateIds, AlwaysA, LostRows, DoubleSpace, DigitsOnly],
)
def test_one_bug_is_found_by_one_check(cls: type[Task]) -> None:
    assert {f.check for f in report_on(cls).problems} <= {*FOUND_BY[cls]}


class Judged(Healthy):
    metrics = (AccuracyMetric(scorer=JudgeScorer),)


def test_what_needs_a_judge_is_said_to_be_unchecked() -> None:
    report = report_on(Judged)

    assert report.problems == ()
    assert [f.message for f in report.notes] == ["not checked: judge needs judge", ELSEWHERE]


class Fenced(Healthy):
    """The gold answer ends with the fence that the model is stopped at."""

    sampling_params = SamplingParams(stop_sequences=("\n```",))

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        return Instance(doc["question"], f"{doc['answer']}\n```", metadata={"id": doc["id"]})


def test_a_solution_that_ends_with_a_stop_sequence_is_not_cut() -> None:
    cut = report_on(Fenced).stop_cut

    assert cut is not None
    assert (cut.cut, cut.asked) == (0, 60)


class Reading(Healthy):
    """The answer is in the passage, as it should be."""

    answer_in_context = True
    formatter = GenerationFormatter(template="Passage: it is {answer}.\n{question}\nAnswer:")


class Strict(Healthy):
    """Only the number alone counts; nobody promised more."""

    def extract_answer(self, output: LMOutput) -> Any:
        return output.text.strip()


class KnownNoise(Healthy):
    """One gold answer in ten is wrong, and that is known."""

    oracle_ceiling = 0.9

    def oracle(self, instance: Instance) -> str | None:
        wrong = int(instance.gold_text) % 10 == 0 and int(instance.gold_text) % 20 == 0
        return "no idea" if wrong else f"It is {instance.gold_text}."


class Letters(HealthyChoice):
    formatter = LetteredFormatter()


class Chat(Healthy):
    formatter = ChatFormatter()


class WrittenLetters(HealthyChoice):
    """Of three choices, a third have the letter of another question's right one."""

    formatter = MCQAChatFormatter()
    metrics: ClassVar[tuple[Metric, ...]] = (AccuracyMetric(scorer=MultipleChoiceScorer),)

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        gold, *wrong = dict.fromkeys([doc["choices"][doc["gold"]], *doc["choices"]])
        at = doc["gold"] % 3
        three = [*wrong[:at], gold, *wrong[at:2]]
        return self.choice_instance(doc["question"], three, at, id=doc["id"])

    def extract_answer(self, output: LMOutput) -> Any:
        return extract_mcq_answer(output.text)


@pytest.mark.parametrize("cls", [Reading, Strict, Letters, Chat, WrittenLetters])
def test_what_a_benchmark_means_is_no_finding(cls: type[Task]) -> None:
    assert report_on(cls).problems == ()


def test_a_ceiling_below_one_is_accepted_within_its_error() -> None:
    assert [f for f in report_on(KnownNoise).problems if f.check == "oracle"] == []


def test_missing_data_is_an_error_of_its_own() -> None:
    from olmo_eval.errors import DataError

    with pytest.raises(DataError, match=r"elsewhere\.jsonl"):
        check_task(Healthy(evolve(Healthy.default_config("x"), data_source="elsewhere.jsonl")))


test_contract_of_healthy_tasks = task_contract(Healthy, HealthyChoice, warnings=True)


def test_the_contract_names_what_is_broken() -> None:
    test = task_contract(DoubleSpace)

    test(0, "leak")
    with pytest.raises(AssertionError, match="two spaces"):
        test(0, "continuations")
    with pytest.raises(ValueError, match="no check is called 'spelling'"):
        task_contract(Healthy, allow=["spelling"])
