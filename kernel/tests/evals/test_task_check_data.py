"""Faults of data and prompts that a check must find, each beside a twin that is fine."""

from __future__ import annotations

import itertools
import json
import random
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from olmo_eval.common.formatters import (
    ClozeFormatter,
    Formatter,
    GenerationFormatter,
    LetteredFormatter,
)
from olmo_eval.common.metrics import AccuracyMetric, Metric
from olmo_eval.common.scorers import ExactMatchScorer, Scorer
from olmo_eval.common.types import Instance, LMOutput, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.check import CheckReport, Finding, Severity, check_task
from olmo_eval.evals.tasks.common import MultipleChoiceTask, Task

Row = dict[str, Any]
Check = Callable[..., CheckReport]

CITIES = ["Oslo", "Rome", "Lima", "Cairo", "Quito", "Paris", "Delhi", "Accra", "Tunis", "Hanoi"]
SUMS: list[Row] = [
    {"id": f"s{n * 37 % 997}", "question": f"What is {n} times 52?", "answer": str(n * 52)}
    for n in range(3, 103)
]
PLACES: list[Row] = [
    {
        "id": f"p{n * 37 % 997}",
        "question": f"Which city is number {n} on the list?",
        "choices": random.Random(n).sample(CITIES, 4),
        "gold": random.Random(n * n).randrange(4),
    }
    for n in range(60)
]


class Written(Task):
    """Rows with a question and an answer, which a model writes."""

    formatter: ClassVar[Formatter] = GenerationFormatter()
    metrics: ClassVar[tuple[Metric, ...]] = (AccuracyMetric(scorer=ExactMatchScorer),)

    def process_doc(self, doc: Row, index: int = 0) -> Instance | None:
        return Instance(doc["question"], doc["answer"], metadata={"id": doc["id"]})


class Chosen(MultipleChoiceTask):
    """Rows with choices, of which the likeliest counts."""

    def process_doc(self, doc: Row, index: int = 0) -> Instance | None:
        return self.choice_instance(doc["question"], doc["choices"], doc["gold"], id=doc["id"])


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Check a task on rows, some of its settings changed."""

    def run(cls: type[Task], rows: list[Row], **settings: Any) -> CheckReport:
        path = tmp_path / f"{uuid.uuid4().hex}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        named = type(cls.__name__, (cls,), {"data_source": DataSource(path=str(path)), **settings})
        return check_task(named(named.default_config("checked")))

    return run


def the(report: CheckReport, check: str) -> Finding:
    """The one problem of a report, found by ``check``."""
    (finding,) = report.problems
    assert finding.check == check, str(finding)
    assert finding.hint
    return finding


def test_the_tasks_that_faults_are_planted_in_are_fine(check: Check) -> None:
    assert check(Written, SUMS).problems == ()
    assert check(Chosen, PLACES).problems == ()


# -- ids


class Drawn(Written):
    def process_doc(self, doc: Row, index: int = 0) -> Instance | None:
        return Instance(doc["question"], doc["answer"], metadata={"id": str(random.random())})


class Unique(Written):
    def process_doc(self, doc: Row, index: int = 0) -> Instance | None:
        return Instance(doc["question"], doc["answer"], metadata={"id": uuid.uuid4().hex})


_count = itertools.count()


class Counted(Written):
    def process_doc(self, doc: Row, index: int = 0) -> Instance | None:
        return Instance(doc["question"], doc["answer"], metadata={"id": f"q{next(_count)}"})


@pytest.mark.parametrize("cls", [Drawn, Unique, Counted])
def test_ids_that_change_with_every_reading(check: Check, cls: type[Task]) -> None:
    finding = the(check(cls, SUMS), "ids")

    assert finding.severity is Severity.ERROR
    assert "100 of 100 ids change when the data is read again" in finding.message


class ShuffledAnew(Chosen):
    def process_doc(self, doc: Row, index: int = 0) -> Instance | None:
        order = random.sample(range(4), 4)
        choices = [doc["choices"][i] for i in order]
        return self.choice_instance(
            doc["question"], choices, order.index(doc["gold"]), id=doc["id"]
        )


class ShuffledByContent(ShuffledAnew):
    def process_doc(self, doc: Row, index: int = 0) -> Instance | None:
        order = random.Random(doc["question"]).sample(range(4), 4)
        choices = [doc["choices"][i] for i in order]
        return self.choice_instance(
            doc["question"], choices, order.index(doc["gold"]), id=doc["id"]
        )


def test_choices_that_are_shuffled_anew_in_every_reading(check: Check) -> None:
    finding = the(check(ShuffledAnew, PLACES), "ids")

    assert "answers or choices change when the data is read again" in finding.message
    assert check(ShuffledByContent, PLACES).problems == ()


class FromContent(Written):
    def process_doc(self, doc: Row, index: int = 0) -> Instance | None:
        return Instance(doc["question"], doc["answer"])


def test_ids_made_of_the_content_where_the_rows_have_their_own_are_worth_a_note(
    check: Check,
) -> None:
    def said(rows: list[Row]) -> str:
        report = check(FromContent, rows)
        assert report.problems == ()
        return " ".join(note.message for note in report.notes)

    assert "every row has a unique 'id'" in said(SUMS)
    assert "unique" not in said([{**row, "id": 7} for row in SUMS])


# -- questions that stand there twice


def test_copies_of_rows(check: Check) -> None:
    copies = [{**row, "id": f"again {row['id']}"} for row in SUMS[:12]]

    finding = the(check(Written, SUMS + copies), "duplicates")

    assert finding.severity is Severity.WARNING
    assert "12 of 112 instances (10.7%) are exact copies" in finding.message
    assert "again s" in finding.message


def test_one_question_with_two_right_answers(check: Check) -> None:
    other = {**SUMS[5], "id": "other", "answer": "12"}

    finding = the(check(Written, [*SUMS, other]), "duplicates")

    assert finding.severity is Severity.ERROR
    assert "different right answers" in finding.message
    assert "s296/other: '416' and '12'" in finding.message


class Contradicted(Written):
    """A benchmark that is known to ask one question twice."""

    contradictions: ClassVar[int] = 1


def test_contradictions_of_the_published_data_are_counted(check: Check) -> None:
    others = [{**row, "id": f"other {row['id']}", "answer": "12"} for row in SUMS[5:7]]

    one = the(check(Contradicted, [*SUMS, others[0]]), "duplicates")

    assert one.severity is Severity.WARNING
    assert the(check(Contradicted, SUMS + others), "duplicates").severity is Severity.ERROR


def test_one_question_with_choices_in_two_orders_and_two_right_answers(check: Check) -> None:
    row = PLACES[0]
    turned = {**row, "id": "other", "choices": row["choices"][::-1]}  # the same place: another gold
    same = {**turned, "gold": 3 - row["gold"]}

    assert the(check(Chosen, [*PLACES, turned]), "duplicates").severity is Severity.ERROR
    assert the(check(Chosen, [*PLACES, same]), "duplicates").severity is Severity.WARNING


def test_two_ways_to_write_one_answer_are_no_contradiction(check: Check) -> None:
    rows = [{**row, "answer": f"City {row['answer']}"} for row in SUMS]
    shouted = [{**row, "id": f"other {row['id']}", "answer": row["answer"].upper()} for row in rows]

    assert check(Written, rows + shouted).problems == ()


class Passages(Written):
    """One question about many passages."""

    formatter = GenerationFormatter(template="{passage}\nQuestion: {question}\nAnswer:")

    def process_doc(self, doc: Row, index: int = 0) -> Instance | None:
        known = {"id": doc["id"], "passage": doc["question"]}
        return Instance("How much does it say?", doc["answer"], metadata=known)


class PassagesWithoutIds(Passages):
    def process_doc(self, doc: Row, index: int = 0) -> Instance | None:
        return Instance("How much?", doc["answer"], metadata={"passage": doc["question"]})


def test_one_question_about_many_passages_is_many_questions(check: Check) -> None:
    assert check(Passages, SUMS).problems == ()

    same_answer = [*SUMS, {**SUMS[0], "id": "other", "question": "What is 78 times 2?"}]
    assert check(Passages, same_answer).problems == ()
    finding = the(check(PassagesWithoutIds, same_answer), "duplicates")
    assert "1 questions that differ in their prompt alone share one id" in finding.message


# -- right answers


def test_one_question_without_an_answer_is_one_too_many(check: Check) -> None:
    rows = [{**row, "answer": "" if n == 0 else row["answer"]} for n, row in enumerate(SUMS)]

    finding = the(check(Written, rows), "gold")

    assert finding.severity is Severity.ERROR
    assert "1 of 100 instances have no gold answer" in finding.message


@pytest.mark.parametrize("blank", ["", "  ", None])
def test_questions_that_are_scored_against_no_answer(check: Check, blank: str | None) -> None:
    some = [{**row, "answer": blank} if n % 5 == 0 else row for n, row in enumerate(SUMS)]
    for rows, count in ((some, 20), ([{**row, "answer": blank} for row in SUMS], 100)):
        finding = the(check(Written, rows), "gold")

        assert finding.severity is Severity.ERROR
        assert f"{count} of 100 instances have no gold answer" in finding.message


def test_an_answer_that_says_there_is_none_is_an_answer(check: Check) -> None:
    rows = [{**row, "answer": "N/A"} if n % 5 == 0 else row for n, row in enumerate(SUMS)]

    assert check(Written, rows).problems == ()


class Polite(Scorer):
    """Compares with no gold answer."""

    name = "polite"

    def score(self, instance: Instance, output: LMOutput) -> float:
        return float("please" in output.text)


def test_what_is_not_scored_against_an_answer_needs_none(check: Check) -> None:
    rows = [{**row, "answer": ""} for row in SUMS]

    assert check(Written, rows, metrics=(AccuracyMetric(scorer=Polite),)).problems == ()


class WithoutPlace(Chosen):
    """Forgets which choice is right in some rows."""

    def process_doc(self, doc: Row, index: int = 0) -> Instance | None:
        if doc["gold"] == 0:
            return Instance(doc["question"], None, doc["choices"], {"id": doc["id"]})
        return super().process_doc(doc, index)


def test_choices_of_which_none_is_right(check: Check) -> None:
    missing = sum(row["gold"] == 0 for row in PLACES)

    report = check(WithoutPlace, PLACES)

    assert f"{missing} of 60 instances have no gold answer" in "".join(map(str, report.problems))
    assert not report.ok


def with_choices(change: Callable[[int, Row], Row]) -> list[Row]:
    return [change(n, row) for n, row in enumerate(PLACES)]


def test_a_wrong_choice_that_stands_there_twice(check: Check) -> None:
    def repeat_wrong(n: int, row: Row) -> Row:
        wrong = row["choices"][(row["gold"] + 1) % 4]
        return {**row, "choices": [*row["choices"], wrong]} if n % 4 == 0 else row

    finding = the(check(Chosen, with_choices(repeat_wrong)), "gold")

    assert finding.severity is Severity.WARNING
    assert "in 15 of 60 instances a wrong choice stands there twice" in finding.message


def test_the_right_choice_that_stands_there_twice(check: Check) -> None:
    def repeat_right(n: int, row: Row) -> Row:
        right = row["choices"][row["gold"]]
        return {**row, "choices": [*row["choices"], right]} if n % 4 == 0 else row

    assert the(check(Chosen, with_choices(repeat_right)), "gold").severity is Severity.ERROR


def test_a_dozen_questions_tell_that_the_first_choice_is_always_right(check: Check) -> None:
    always = [
        {**row, "choices": [f"{c} {n}" for c in row["choices"]], "gold": 0}
        for n, row in enumerate(PLACES[:12])
    ]

    assert "in all 12 instances" in the(check(Chosen, always), "gold").message
    assert check(Chosen, always[:4]).problems == ()


def test_the_first_choice_that_is_right_nineteen_times_in_twenty(check: Check) -> None:
    skewed = [{**row, "gold": 0 if n % 20 else row["gold"]} for n, row in enumerate(PLACES)]

    found = {f.check: f.message for f in check(Chosen, skewed).problems}
    assert "where guessing gives 25%" in found["shuffled"]


# -- leaks


def leaking(template: str, share: int) -> list[Row]:
    """Rows of which one in ``share`` is asked with its answer."""
    return [
        {**row, "question": template.format(**row) if n % share == 0 else row["question"]}
        for n, row in enumerate(SUMS)
    ]


@pytest.mark.parametrize(
    "template",
    [
        "{question} ({answer})",
        "({answer}) {question}",
        "Remember {answer}. {question}",
        "{question} Hint: it is {answer}, think about it.",
    ],
)
def test_an_answer_in_one_prompt_of_ten(check: Check, template: str) -> None:
    finding = the(check(Written, leaking(template, 10)), "leak")

    assert finding.severity is Severity.ERROR
    assert "in 10 of 100 instances (10%)" in finding.message


def test_an_answer_in_one_prompt_of_ten_at_no_fixed_place(check: Check) -> None:
    rows = []
    for n, row in enumerate(SUMS):
        words = f"{row['question']} {' '.join(random.Random(n).sample(CITIES, n % 7))}".split()
        place = random.Random(-n).randrange(len(words))
        words[place:place] = [row["answer"]] if n % 10 == 0 else []
        rows.append({**row, "question": " ".join(words)})

    finding = the(check(Written, rows), "leak")

    assert "where chance gives 0.0" in finding.message


def test_yes_or_no_in_one_prompt_of_ten(check: Check) -> None:
    def ask(n: int, hint: str) -> Row:
        answer = random.Random(n).choice(["yes", "no"])
        hinted = f" ({answer})" if n % 10 == 0 and hint else ""
        return {"id": f"b{n * 37 % 997}", "question": f"Is {n} odd?{hinted}", "answer": answer}

    assert the(check(Written, [ask(n, "hint") for n in range(100)]), "leak")
    formatter = GenerationFormatter(template="Answer yes or no.\n{question}\nAnswer:")
    both = [ask(n, "") for n in range(100)]
    assert check(Written, both, formatter=formatter).problems == ()


def test_numbers_that_happen_to_be_the_answer_are_no_leak(check: Check) -> None:
    """As in word problems: the answer is among the small numbers of one question in four."""
    rows = []
    for n in range(200):
        draw = random.Random(n)
        numbers = [draw.randrange(1, 30) for _ in range(6)]
        answer = draw.choice(numbers) if n % 8 == 0 else draw.randrange(1, 30)
        text = ", ".join(f"{city} has {k}" for city, k in zip(CITIES, numbers, strict=False))
        rows.append({"id": f"w{n * 37 % 997}", "question": f"{text}. How many?", "answer": answer})

    report = check(Written, [{**row, "answer": str(row["answer"])} for row in rows])

    assert report.problems == ()


def test_long_texts_that_hold_every_answer_many_times_are_read_quickly(check: Check) -> None:
    rows = []
    for n in range(60):
        words = random.Random(n).choices(CITIES, k=4000)
        rows.append({"id": f"t{n * 37 % 997}", "question": " ".join(words), "answer": words[n]})

    assert check(Written, rows).problems == ()


def test_a_choice_in_one_prompt_of_ten(check: Check) -> None:
    def leak(n: int, row: Row) -> Row:
        right = row["choices"][row["gold"]]
        return {**row, "question": f"{row['question']} ({right})"} if n % 10 == 0 else row

    assert the(check(Chosen, with_choices(leak)), "leak").severity is Severity.ERROR


class LeakyList(Chosen):
    """Shows its choices, and names the right one beside them in some rows."""

    formatter = LetteredFormatter(template="{question}{hint}\n{choices}\nAnswer:")

    def process_doc(self, doc: Row, index: int = 0) -> Instance | None:
        known = {"hint": f" ({doc['choices'][doc['gold']]})" if doc.get("hint") else ""}
        return self.choice_instance(
            doc["question"], doc["choices"], doc["gold"], id=doc["id"], metadata=known
        )


def test_a_choice_beside_the_list_of_choices_in_one_prompt_of_ten(check: Check) -> None:
    rows = with_choices(lambda n, row: {**row, "hint": n % 10 == 0})

    finding = the(check(LeakyList, rows), "leak")

    assert finding.severity is Severity.ERROR
    assert "in 6 of 60 instances (10%)" in finding.message
    assert check(LeakyList, PLACES).problems == ()


def test_an_answer_in_its_passage_belongs_there(check: Check) -> None:
    rows = leaking("It says {answer}. {question}", 2)

    assert check(Written, rows, answer_in_context=True).problems == ()


# -- prompts


def test_a_misspelt_field_of_a_template(check: Check) -> None:
    misspelt = GenerationFormatter(template="Question: {qestion}\nAnswer:")
    for report in (
        check(Written, SUMS, formatter=misspelt),
        check(Chosen, PLACES, formatter=ClozeFormatter(template="Question: {qestion}\nAnswer:")),
    ):
        same, left = (f for f in report.problems if f.check == "requests")
        assert "the prompt is the same for different questions in" in same.message
        assert "the prompt shows {qestion} as it stands" in left.message
        assert left.hint == "did you mean question?"
        assert same.severity is left.severity is Severity.ERROR


@pytest.mark.parametrize(
    "template",
    [
        r"{question} Put it into \boxed{result}.",
        'Answer as {{"answer": ...}}: {question}',
        "{question}\nWrite f(x_{n}) = ${value}.",
    ],
)
def test_braces_of_latex_and_json_are_no_fields(check: Check, template: str) -> None:
    formatter = GenerationFormatter(template=template)

    assert check(Written, SUMS, formatter=formatter).problems == ()


def test_braces_of_the_data_are_no_fields(check: Check) -> None:
    rows = [{**row, "question": f"{row['question']} {{question}}"} for row in SUMS]

    assert check(Written, rows).problems == ()


class Unasked(Chosen):
    """Shows the choices and no question."""

    formatter = LetteredFormatter(template="Choose:\n{choices}\nAnswer:")


def test_a_template_without_its_question(check: Check) -> None:
    rows = with_choices(lambda n, row: {**row, "choices": [f"{c} {n}" for c in row["choices"]]})

    finding = the(check(Unasked, rows), "requests")

    assert "the question is not in the prompt in 20 of 20 instances" in finding.message


def test_a_question_among_the_examples_of_a_description(check: Check) -> None:
    example = "Question: What is {} times 52?\nAnswer: {}"
    known = GenerationFormatter(description=example.format(40, 40 * 52))
    other = GenerationFormatter(description=example.format(400, 400 * 52))

    finding = the(check(Written, SUMS, formatter=known), "fewshot")

    assert "holds 1 of the 100 questions themselves: s" in finding.message
    assert check(Written, SUMS, formatter=other).problems == ()


def test_questions_of_signs_are_not_told_from_an_example_by_their_words(check: Check) -> None:
    signs = [f"{a}{b}{c}{d}" for a in "([" for b in "<{" for c in "([" for d in "<{"]
    rows = [
        {**row, "question": f"Close the brackets of this word of brackets: {signs[n]}"}
        for n, row in enumerate(SUMS[: len(signs)])
    ]
    example = GenerationFormatter(
        description="Question: Close the brackets of this word of brackets: (\nAnswer: )"
    )

    assert check(Written, rows, formatter=example).problems == ()


# -- room for the answer


LONG = [{**row, "answer": f"It is {row['answer']}, as 52 is a factor of it."} for row in SUMS]


def limited(tokens: int) -> dict[str, Any]:
    return {"sampling_params": SamplingParams(max_tokens=tokens)}


def test_max_tokens_below_the_length_of_the_answers(check: Check) -> None:
    finding = the(check(Written, LONG, **limited(1)), "length")

    assert finding.severity is Severity.ERROR
    assert "max_tokens=1 cuts the right answer off in 100 of 100 instances" in finding.message
    assert "needs at least 10 tokens" in finding.message
    assert check(Written, LONG, **limited(40)).problems == ()
    assert check(Written, SUMS, **limited(1)).problems == ()


def test_max_tokens_below_the_length_of_a_few_answers(check: Check) -> None:
    finding = the(check(Written, [*SUMS, *LONG[:3]][3:], **limited(5)), "length")

    assert finding.severity is Severity.WARNING
    assert "in 3 of 100 instances (3%)" in finding.message


class Worked(Written):
    """Shows worked solutions, which the evaluated rows do not have."""

    num_fewshot = 2
    formatter = GenerationFormatter(fewshot_answer_key="solution")

    def process_doc(self, doc: Row, index: int = 0) -> Instance | None:
        return Instance(doc["question"], doc["answer"], metadata={"id": doc["id"]})

    def process_fewshot_doc(self, doc: Row, index: int = 0) -> Instance | None:
        known = {"id": doc["id"], "solution": "Think of it step by step. " * 5}
        return Instance(doc["question"], doc["answer"], metadata=known)


def test_max_tokens_below_the_length_of_the_examples(check: Check, tmp_path: Path) -> None:
    path = tmp_path / "shots.jsonl"
    rows = [{**row, "question": f"And {row['question']}"} for row in SUMS[:5]]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    shots = {"fewshot_source": DataSource(path=str(path))}

    finding = the(check(Worked, SUMS, **shots, **limited(10)), "length")

    assert "2 of 2 few-shot examples show answers of at least 30 tokens" in finding.message
    assert check(Worked, SUMS, **shots, **limited(100)).problems == ()
