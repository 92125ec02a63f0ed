"""RULER's questions: made alike everywhere, of the length that they say, with one right answer."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.evals.tasks.common import build_task
from olmo_eval_tasks.benchmarks.ruler import KINDS
from olmo_eval_tasks.long_context.text import tokens
from olmo_eval_tasks.subjects import RULER_KINDS, RULER_LENGTHS

DIGESTS = Path(__file__).parent / "goldens/ruler.txt"


def first(kind: str, length: int = 4_096, n: int = 1) -> list[Instance]:
    return list(islice(build_task(f"ruler_{kind}__{length}").instances, n))


def test_questions_are_the_same_on_every_machine(request: pytest.FixtureRequest) -> None:
    lines = []
    for kind in RULER_KINDS:
        text = "".join(f"{one.question}{one.gold_answer}" for one in first(kind, n=2))
        lines.append(f"{kind} {hashlib.sha256(text.encode()).hexdigest()}\n")
    if request.config.getoption("--regenerate-goldens", default=False):
        DIGESTS.write_text("".join(lines))

    assert "".join(lines) == DIGESTS.read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_a_prompt_fills_its_length_and_holds_its_answers(kind: str) -> None:
    short, long = (first(kind, length)[0] for length in (4_096, 16_384))

    for one, length in ((short, 4_096), (long, 16_384)):
        assert all(answer in one.question for answer in one.gold_answer)
        assert not one.question.endswith(" ")
        if kind not in ("fwe", "niah_mk_3"):  # random characters are counted otherwise
            assert 0.75 < tokens(one.question) / (length - KINDS[kind].max_tokens) < 1.02
    assert 3.5 < len(long.question) / len(short.question) < 5


def test_settings_are_the_published_ones() -> None:
    assert len(RULER_KINDS) * len(RULER_LENGTHS) == 78
    wanted = {"cwe": 120, "fwe": 50, "vt": 50, "qa_1": 32, "niah_mk_3": 128}
    for kind, most in wanted.items():
        config = build_task(f"ruler_{kind}__131072").config
        assert config.sampling_params.max_tokens == most
        assert config.sampling_params.temperature == 0.0
        assert config.limit == 100
        assert config.primary().metric_name == "recall"


@pytest.mark.parametrize(
    ("kind", "answers", "needles"),
    [("niah_s_2", 1, 1), ("niah_mk_1", 1, 4), ("niah_mv", 4, 4), ("niah_mq", 4, 4)],
)
def test_as_many_needles_as_the_kind_says(kind: str, answers: int, needles: int) -> None:
    (one,) = first(kind)

    assert len(one.gold_answer) == answers
    assert one.question.count("One of the special magic numbers for") == needles


def test_a_chain_of_variables_leads_to_every_answer() -> None:
    (one,) = first("vt")
    text = one.question.rpartition("Memorize and track")[2]
    value = re.search(r"assigned the value (\d+)", text)

    assert value is not None
    known = set(re.findall(rf"VAR (\w+) = {value.group(1)}\b", text))
    steps = re.findall(r"VAR (\w+) = VAR (\w+)", text)
    for new, old in steps:
        assert old in known, "a variable is assigned before it is used"
        known.add(new)
    assert known == set(one.gold_answer) and len(known) == 5


def test_common_words_are_the_most_common() -> None:
    (one,) = first("cwe")
    listed = one.question.rpartition("Below is a numbered list")[2]
    counts = Counter(re.findall(r"\d+\. (\S+)", listed))

    assert {word for word, n in counts.items() if n == 30} == set(one.gold_answer)
    assert {n for word, n in counts.items() if word not in one.gold_answer} == {3}


@pytest.mark.parametrize("length", [4_096, 32_768])
def test_the_third_most_frequent_word_is_nobody_elses(length: int) -> None:
    for one in first("fwe", length, 20):
        coded = one.question.partition("coded words. ")[2].partition("\nQuestion")[0].split()
        counts = Counter(word for word in coded if word != "....")
        ranked = [n for _, n in counts.most_common(4)]

        assert ranked[2] > ranked[3]
        assert {word for word, _ in counts.most_common(3)} == set(one.gold_answer)


def test_two_documents_are_needed_and_there() -> None:
    (one,) = first("qa_2")
    person = re.search(r"where (.+) was born\?", one.question)

    assert person is not None
    town = re.search(rf"{person.group(1)} was born in (\w+) and", one.question)
    assert town is not None
    assert f"{town.group(1)} is a town on the river {one.gold_answer[0]}." in one.question


def test_recall_counts_what_was_found() -> None:
    task = build_task("ruler_niah_mv__4096")
    one = next(iter(task.instances))
    scorer = task.scorers()[0]

    assert scorer.score(one, LMOutput(f"{one.gold_answer[0]} and {one.gold_answer[1]}")) == 0.5
    assert scorer.score(one, LMOutput(str(task.oracle(one)))) == 1.0
    assert scorer.score(one, LMOutput("")) == 0.0
