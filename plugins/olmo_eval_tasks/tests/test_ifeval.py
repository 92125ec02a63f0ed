"""IFEval: every kind of instruction on answers that follow it and that do not."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import pytest

from olmo_eval.common.types import Instance, LMOutput, LMRequest, RequestType, Response
from olmo_eval.evals.tasks.common import build_task
from olmo_eval_tasks.scorers.ifeval import (
    IFEvalInstLooseAccuracy,
    IFEvalInstStrictAccuracy,
    IFEvalPromptLooseAccuracy,
    IFEvalPromptStrictAccuracy,
    IFEvalScorer,
)
from olmo_eval_tasks.scorers.ifeval.instructions import INSTRUCTIONS
from olmo_eval_tasks.scorers.ifeval.texts import count_words, language, sentences, words
from olmo_eval_tasks.scorers.ifeval.verdicts import loosened

ENGLISH = "This is a plain English sentence about the weather and the sea."
GERMAN = "Dies ist ein einfacher deutscher Satz über das Wetter und das Meer."

#: instruction, arguments, answers that follow it, answers that do not
KINDS: list[tuple[str, dict[str, Any], list[str], list[str]]] = [
    (
        "keywords:existence",
        {"keywords": ["ship", "Sea"]},
        ["A SHIP at sea", "shipping overseas"],
        ["A ship", ""],
    ),
    (
        "keywords:frequency",
        {"keyword": " war ", "frequency": 2, "relation": "at least"},
        ["War and war", "warm wars"],
        ["one war", "none"],
    ),
    (
        "keywords:frequency",
        {"keyword": "war", "frequency": 2, "relation": "less than"},
        ["one war", "none"],
        ["War and war"],
    ),
    (
        "keywords:forbidden_words",
        {"forbidden_words": ["rock"]},
        ["rocket and rocks", "a stone"],
        ["a Rock!", "rock-hard"],
    ),
    (
        "keywords:letter_frequency",
        {"letter": "T", "let_frequency": 2, "let_relation": "less than"},
        ["one t", "none"],
        ["Tt"],
    ),
    (
        "keywords:letter_frequency",
        {"letter": "#", "let_frequency": 2, "let_relation": "at least"},
        ["# one\n## two"],
        ["# one"],
    ),
    ("language:response_language", {"language": "de"}, [GERMAN, "123 ..."], [ENGLISH]),
    (
        "length_constraints:number_sentences",
        {"num_sentences": 2, "relation": "at least"},
        ["Dr. Smith left. He was tired.", "Why? Because!"],
        ["Dr. Smith left at 5 p.m. yesterday.", "no end"],
    ),
    (
        "length_constraints:number_sentences",
        {"num_sentences": 2, "relation": "less than"},
        ["Only one."],
        ["One. Two."],
    ),
    (
        "length_constraints:number_paragraphs",
        {"num_paragraphs": 2},
        ["one\n***\ntwo", "one *** two", "***\none\n***\ntwo\n***"],
        ["one", "one\n***\n***\ntwo", "one\n\ntwo", "a *** b *** c"],
    ),
    (
        "length_constraints:number_words",
        {"num_words": 3, "relation": "at least"},
        ["one two three", "don't go"],
        ["one two", "one-two"],
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Weekend"},
        ["Hello.\n\nweekend plans", 'Hello.\n\n\'"Weekend," she said', "Hi\n\n WEEKEND! yes"],
        [
            "weekend\n\nHello",
            "Hello.\n\nweekends",
            "a\n\nweekend\n\nc",
            "a\n\n\n\nweekend",
            "weekend",
        ],
    ),
    (
        "detectable_content:number_placeholders",
        {"num_placeholders": 2},
        ["[name] lives in [town]", "[][]"],
        ["[name]", "[name\n] [town"],
    ),
    (
        "detectable_content:postscript",
        {"postscript_marker": "P.P.S"},
        ["Bye\nP.P.S. more", "p. p. s more"],
        ["P.S. more", "PPS more"],
    ),
    (
        "detectable_content:postscript",
        {"postscript_marker": "P.S."},
        ["Bye\nP.S. more", "p. s. more"],
        ["PS more", "P.S more"],
    ),
    (
        "detectable_format:number_bullet_lists",
        {"num_bullets": 2},
        ["* one\n* two", "- one\n  - two", "* one\n- two"],
        ["* one", "* one\n* two\n* three", "** one\n** two", "1. one\n2. two"],
    ),
    (
        "detectable_format:constrained_response",
        {},
        ["My answer is no.", "So: My answer is maybe. Sorry"],
        ["My answer is No.", "No."],
    ),
    (
        "detectable_format:number_highlighted_sections",
        {"num_highlights": 2},
        ["*one* and *two*", "**one** and *two*", "**one** **two**"],
        ["*one*", "** ** and *two*", "*over\nlines* *two*"],
    ),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "SECTION", "num_sections": 2},
        ["SECTION 1\na\nSECTION 2\nb", "SECTION1 SECTION2 SECTION3"],
        ["SECTION 1", "Section 1\nSection 2", "SECTION A\nSECTION B"],
    ),
    (
        "detectable_format:json_format",
        {},
        ['{"a": [1, 2]}', '```json\n{"a": 1}\n```', "```\n[]\n```", "3"],
        ["{'a': 1}", 'Here: {"a": 1}', "```JSon\n{}\n```", "[" * 100_000],
    ),
    ("detectable_format:title", {}, ["<<Joy>>\nx", "a <<b c>> d"], ["<Joy>", "<< >>", "<<a\nb>>"]),
    (
        "combination:two_responses",
        {},
        ["one\n******\ntwo", "******one******two******"],
        ["one", "one ****** one", "a****** ******b", "a******b******c"],
    ),
    (
        "combination:repeat_prompt",
        {"prompt_to_repeat": " Write a poem. "},
        ["write a POEM. Roses", "\n Write a poem."],
        ["Sure. Write a poem.", "Write a poem"],
    ),
    (
        "startend:end_checker",
        {"end_phrase": "Is that all?"},
        ["Yes. is that all? ", '"Well. Is that all?"'],
        ["Is that all? No.", "Is that all"],
    ),
    ("startend:quotation", {}, ['"Yes."', ' "a" and "b" '], ['"', '"Yes.', "'Yes.'", "“Yes.”"]),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "at least"},
        ["NASA and ESA", "DON'T", "I AM"],
        ["NASA", "NASA-ESA", "nasa esa"],
    ),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "less than"},
        ["NASA", "none"],
        ["NASA and ESA"],
    ),
    (
        "change_case:english_capital",
        {},
        [ENGLISH.upper()],
        [ENGLISH, GERMAN.upper(), "1234"],
    ),
    (
        "change_case:english_lowercase",
        {},
        [ENGLISH.lower()],
        [ENGLISH, GERMAN.lower()],
    ),
    ("punctuation:no_comma", {}, ["one; two", "one、two"], ["one, two"]),
]


def test_all_25_kinds_are_tried() -> None:
    assert {kind for kind, *_ in KINDS} == set(INSTRUCTIONS)
    assert len(INSTRUCTIONS) == 25


@pytest.mark.parametrize(
    ("kind", "given", "followed", "broken"), KINDS, ids=[kind for kind, *_ in KINDS]
)
def test_a_kind_of_instruction(
    kind: str, given: dict[str, Any], followed: list[str], broken: list[str]
) -> None:
    check = INSTRUCTIONS[kind]

    assert [text for text in followed if not check(text, **given)] == []
    assert [text for text in broken if check(text, **given)] == []


def test_an_unknown_relation_is_an_error() -> None:
    with pytest.raises(ValueError, match="neither 'at least' nor 'less than'"):
        INSTRUCTIONS["length_constraints:number_words"]("a", num_words=3, relation="exactly")


def test_words_sentences_and_languages() -> None:
    assert count_words("Don't stop_here: 3.5") == 5
    assert sentences("Mr. X paid 3.5 dollars. “Fine.” Then he left!") == [
        "Mr. X paid 3.5 dollars.",
        "“Fine.” Then he left!",
    ]
    assert words("'TIS NASA—ESA, isn't it?") == [
        "'T",
        "IS",
        "NASA—ESA",
        ",",
        "is",
        "n't",
        "it",
        "?",
    ]
    assert language(ENGLISH) == "en"
    assert language("?!") is None


def test_languages_are_the_same_from_every_thread() -> None:
    script = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from olmo_eval_tasks.scorers.ifeval.texts import language\n"
        f"texts = [{ENGLISH!r}, {GERMAN!r}] * 8\n"
        "with ThreadPoolExecutor(8) as pool: print(*pool.map(language, texts))"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert told.stdout.split() == ["en", "de"] * 8


def test_the_eight_loose_readings() -> None:
    assert loosened("*a*\nb\n*c*") == (
        *("*a*\nb\n*c*", "b\n*c*", "*a*\nb", "b"),
        *("a\nb\nc", "b\nc", "a\nb", "b"),
    )


def asked(*named: tuple[str, dict[str, Any]]) -> Instance:
    names, given = zip(*named, strict=True)
    return Instance("?", metadata={"instruction_id_list": list(names), "kwargs": list(given)})


QUOTED = ("startend:quotation", {"unused": None})
NO_COMMA = ("punctuation:no_comma", {})


def test_loose_forgives_a_first_line_and_asterisks_and_strict_does_not() -> None:
    verdicts = IFEvalScorer().verdicts(asked(QUOTED, NO_COMMA), LMOutput('Sure, here:\n*"Yes."*'))

    assert verdicts.strict == (False, False)
    assert verdicts.loose == (True, True)


def test_an_empty_answer_follows_nothing() -> None:
    verdicts = IFEvalScorer().verdicts(asked(NO_COMMA), LMOutput(" \n"))

    assert (verdicts.strict, verdicts.loose) == ((False,), (False,))


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (("keywords:rhyme", {}), "unknown instruction 'keywords:rhyme'"),
        (("punctuation:no_comma", {"letter": "a"}), "'punctuation:no_comma'"),
        (("detectable_format:number_bullet_lists", {}), "num_bullets"),
    ],
)
def test_an_instruction_that_cannot_be_checked_is_an_error(named: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        IFEvalScorer().score(asked(named), LMOutput("a"))


class Record:
    """What of an episode the scorer uses."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def record(self, key: str, value: Any) -> None:
        self.kept[key] = value


def scored(instance: Instance, text: str) -> Response:
    scorer, record = IFEvalScorer(), Record()
    output = LMOutput(text)
    score = asyncio.run(scorer.score_async(instance, output, record))
    assert score == scorer.score(instance, output)
    output = attrs.evolve(output, metadata=record.kept)
    request = LMRequest(RequestType.CHAT)
    return Response("1", instance, request, (output,), {"ifeval": (score,)})


def test_the_four_accuracies() -> None:
    response = scored(asked(QUOTED, NO_COMMA), 'Hi there\n"a, b"')

    assert response.outputs[0].metadata["ifeval"] == {
        "instructions": ["startend:quotation", "punctuation:no_comma"],
        "strict": [False, False],
        "loose": [True, True],
    }
    found = {
        cls().metric_name: (cls().value(response), cls().weight(response))
        for cls in (
            IFEvalPromptStrictAccuracy,
            IFEvalPromptLooseAccuracy,
            IFEvalInstStrictAccuracy,
            IFEvalInstLooseAccuracy,
        )
    }
    assert found == {
        "prompt_level_strict_acc": (0.0, 1.0),
        "prompt_level_loose_acc": (1.0, 1.0),
        "inst_level_strict_acc": (0.0, 2.0),
        "inst_level_loose_acc": (1.0, 2.0),
    }


def test_instruction_level_weighs_prompts_by_their_instructions() -> None:
    responses = [scored(asked(QUOTED, NO_COMMA), "a"), scored(asked(NO_COMMA), "a, b")]
    metric = IFEvalInstStrictAccuracy()

    total = sum(metric.weight(r) for r in responses)
    score = sum(metric.weight(r) * (metric.value(r) or 0.0) for r in responses) / total

    assert score == pytest.approx(1 / 3)


def test_without_recorded_verdicts_there_is_no_value() -> None:
    response = scored(asked(NO_COMMA), "a")
    bare = attrs.evolve(response, outputs=(LMOutput("a"),))

    with pytest.raises(ValueError, match="recorded no verdicts"):
        IFEvalPromptLooseAccuracy().value(bare)


def test_every_prompt_of_the_data_can_be_checked(data_mirror: Path) -> None:
    task, scorer = build_task("ifeval"), IFEvalScorer()
    instances = list(task.instances)

    with ThreadPoolExecutor(2) as pool:
        scores = list(pool.map(lambda i: scorer.score(i, LMOutput("A short answer.")), instances))

    assert len(scores) == 541
    assert 0 < sum(scores) < 200
