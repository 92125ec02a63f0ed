"""The 25 kinds of instructions, each a function of the answer and the instruction's arguments.

They decide as the published checker (google-research/instruction_following_eval, 2023) decides,
oddities included: keywords are regular expressions, a postscript may stand anywhere, a sentence is
what Punkt takes for one. Where that checker draws an argument that is missing or not a letter by
chance, nothing is drawn here: the argument is taken as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from olmo_eval_tasks.scorers.ifeval.texts import count_words, language, sentences, words

Check = Callable[..., bool]

#: what each instruction id of the data is checked by
INSTRUCTIONS: dict[str, Check] = {}

CONSTRAINED_ANSWERS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")


def instruction(name: str) -> Callable[[Check], Check]:
    """Decorator: the function checks the instruction ``name``."""

    def keep(check: Check) -> Check:
        INSTRUCTIONS[name] = check
        return check

    return keep


def _compare(count: int, relation: str, limit: int) -> bool:
    if relation == "at least":
        return count >= limit
    if relation == "less than":
        return count < limit
    raise ValueError(f"the relation is {relation!r}, which is neither 'at least' nor 'less than'")


# -- keywords


@instruction("keywords:existence")
def has_keywords(text: str, *, keywords: Sequence[str]) -> bool:
    return all(re.search(keyword, text, re.IGNORECASE) for keyword in keywords)


@instruction("keywords:frequency")
def keyword_frequency(text: str, *, keyword: str, frequency: int, relation: str) -> bool:
    found = re.findall(keyword.strip(), text, re.IGNORECASE)
    return _compare(len(found), relation, frequency)


@instruction("keywords:forbidden_words")
def no_forbidden_words(text: str, *, forbidden_words: Sequence[str]) -> bool:
    return not any(re.search(rf"\b{word}\b", text, re.IGNORECASE) for word in forbidden_words)


@instruction("keywords:letter_frequency")
def letter_frequency(text: str, *, letter: str, let_frequency: int, let_relation: str) -> bool:
    return _compare(text.lower().count(letter.strip().lower()), let_relation, let_frequency)


# -- language and case


@instruction("language:response_language")
def response_language(text: str, *, language: str) -> bool:
    """A text without letters could be of any language."""
    return _is_in(text, language)


def _is_in(text: str, code: str) -> bool:
    found = language(text)
    return found is None or found == code


@instruction("change_case:english_capital")
def english_capital(text: str) -> bool:
    return text.isupper() and _is_in(text, "en")


@instruction("change_case:english_lowercase")
def english_lowercase(text: str) -> bool:
    return text.islower() and _is_in(text, "en")


@instruction("change_case:capital_word_frequency")
def capital_word_frequency(text: str, *, capital_frequency: int, capital_relation: str) -> bool:
    capitals = sum(word.isupper() for word in words(text))
    return _compare(capitals, capital_relation, capital_frequency)


# -- length


@instruction("length_constraints:number_words")
def number_words(text: str, *, num_words: int, relation: str) -> bool:
    return _compare(count_words(text), relation, num_words)


@instruction("length_constraints:number_sentences")
def number_sentences(text: str, *, num_sentences: int, relation: str) -> bool:
    return _compare(len(sentences(text)), relation, num_sentences)


@instruction("length_constraints:number_paragraphs")
def number_paragraphs(text: str, *, num_paragraphs: int) -> bool:
    """Paragraphs between ``***``; only the first and the last may be empty, and do not count."""
    parts = [part.strip() for part in re.split(r"\s?\*\*\*\s?", text)]
    return all(parts[1:-1]) and sum(map(bool, parts)) == num_paragraphs


@instruction("length_constraints:nth_paragraph_first_word")
def nth_paragraph_first_word(
    text: str, *, num_paragraphs: int, nth_paragraph: int, first_word: str
) -> bool:
    """Paragraphs are separated by a blank line. The n-th is counted with the empty ones, their
    number without them."""
    paragraphs = text.split("\n\n")
    count = sum(bool(paragraph.strip()) for paragraph in paragraphs)
    if nth_paragraph > count:
        return False
    paragraph = paragraphs[nth_paragraph - 1].split()
    if not paragraph:
        return False
    word = re.split(r"[.,?!'\"]", paragraph[0].lstrip("'").lstrip('"'), maxsplit=1)[0]
    return count == num_paragraphs and word.lower() == first_word.lower()


# -- content that can be detected


@instruction("detectable_content:number_placeholders")
def number_placeholders(text: str, *, num_placeholders: int) -> bool:
    return len(re.findall(r"\[.*?\]", text)) >= num_placeholders


@instruction("detectable_content:postscript")
def postscript(text: str, *, postscript_marker: str) -> bool:
    marker = postscript_marker.strip()
    known = {"P.S.": r"p\.\s?s\.", "P.P.S": r"p\.\s?p\.\s?s"}
    return re.search(known.get(marker, marker.lower()), text.lower()) is not None


# -- format that can be detected


@instruction("detectable_format:number_bullet_lists")
def number_bullet_lists(text: str, *, num_bullets: int) -> bool:
    stars = re.findall(r"^\s*\*[^\*].*$", text, re.MULTILINE)
    dashes = re.findall(r"^\s*-.*$", text, re.MULTILINE)
    return len(stars) + len(dashes) == num_bullets


@instruction("detectable_format:constrained_response")
def constrained_response(text: str) -> bool:
    return any(answer in text for answer in CONSTRAINED_ANSWERS)


@instruction("detectable_format:number_highlighted_sections")
def number_highlighted_sections(text: str, *, num_highlights: int) -> bool:
    """``*so*`` or ``**so**``; two stars without a text between them are none."""
    single = [part.strip("*") for part in re.findall(r"\*[^\n\*]*\*", text)]
    double = [part[2:-2] for part in re.findall(r"\*\*[^\n\*]*\*\*", text)]
    return sum(bool(part.strip()) for part in (*single, *double)) >= num_highlights


@instruction("detectable_format:multiple_sections")
def multiple_sections(text: str, *, section_spliter: str, num_sections: int) -> bool:
    heads = re.findall(rf"\s?{section_spliter.strip()}\s?\d+\s?", text)
    return len(heads) >= num_sections


@instruction("detectable_format:json_format")
def json_format(text: str) -> bool:
    """The whole answer is JSON, or JSON in one fenced block."""
    bare = text.strip()
    for mark in ("```json", "```Json", "```JSON", "```"):
        bare = bare.removeprefix(mark)
    try:
        json.loads(bare.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


@instruction("detectable_format:title")
def title(text: str) -> bool:
    titles: list[str] = re.findall(r"<<[^\n]+>>", text)
    return any(found.lstrip("<").rstrip(">").strip() for found in titles)


# -- combinations


@instruction("combination:two_responses")
def two_responses(text: str) -> bool:
    """Two different answers with ``******`` between them; nothing empty but at the ends."""
    parts = [part.strip() for part in text.split("******")]
    if not all(parts[1:-1]):
        return False
    answers = [part for part in parts if part]
    return len(answers) == 2 and answers[0] != answers[1]


@instruction("combination:repeat_prompt")
def repeat_prompt(text: str, *, prompt_to_repeat: str) -> bool:
    return text.strip().lower().startswith(prompt_to_repeat.strip().lower())


# -- start, end and punctuation


@instruction("startend:end_checker")
def end_checker(text: str, *, end_phrase: str) -> bool:
    return text.strip().strip('"').lower().endswith(end_phrase.strip().lower())


@instruction("startend:quotation")
def quotation(text: str) -> bool:
    bare = text.strip()
    return len(bare) > 1 and bare[0] == bare[-1] == '"'


@instruction("punctuation:no_comma")
def no_comma(text: str) -> bool:
    return "," not in text
