"""Which lettered choice a text names."""

from __future__ import annotations

import pytest

from olmo_eval.evals.extract.letters import extract_mcq_answer, mmlu_pro_answer


@pytest.mark.parametrize(
    "text",
    [
        "B", "b", "B.", "(B)", "(b)", "B)", "[B]", "B: Paris", "B. Paris", "(B) Paris", "**B**",
        "**B. Paris**", "**(B)** Paris", "ANSWER: B", "Answer: b", "answer: (B)", "ANSWER: **B**",
        "**ANSWER: B**", "**Answer:** B", "**Answer**: B", "Answer: B. Paris", "Final answer: B",
        "The answer is B.", "the answer is (B)", "The answer is: B", "The correct answer is **B**.",
        "So the best choice is (B), Paris.", "The answer is option B.", "The right option is B",
        r"\boxed{B}", r"$\boxed{\text{B}}$", r"\boxed{(B)}", r"\boxed{\textbf{B}}",
        r"The answer is $\boxed{B}$.", "I think A is wrong and C too.\n\nANSWER: B",
        "ANSWER: A\nWait, no.\nANSWER: B", "The answer is A? No, the answer is B.",
        "Answer:\nB", "The answer is:\n\n(B)", "So the answer must be B", 'The answer is "B"',
        "The correct option is B because A is too small.", "It cannot be A.\n\n**B**",
        "B\n\nParis is the capital.", "The answer is B, not A.", "The answer is B and it is easy.",
    ],
)  # fmt: skip
def test_a_letter_is_read_however_it_is_written(text: str) -> None:
    assert extract_mcq_answer(text) == "B"


@pytest.mark.parametrize(
    "text",
    [
        "", "Paris", "Better not.", "The answer is Brazil.", "The answer is C++.", "B-side",
        "The answer is a matter of taste.", "The answer is A dog.", "A dog", "I think so.",
        "The answer is I do not know.", "Answer: An apple", "The answer is A or B.",
        "The answer is (A) and (B).", "ANSWER: A/B", "ANSWER: A, B and C", "A. Rome\nB. Paris",
        "Is the answer B-cells?", "There is no answer.", "The answer is not B.", "Vitamin B helps.",
    ],
)  # fmt: skip
def test_what_is_no_choice_is_not_read(text: str) -> None:
    assert extract_mcq_answer(text) is None


@pytest.mark.parametrize(
    ("text", "letter"),
    [("The answer is A.", "A"), ("The answer is (A) dog", "A"), ("ANSWER: A", "A"), ("A", "A"),
     ("The answer is A because of it.", "A"), ("ANSWER: I", "I"), ("A. a dog", "A")],
)  # fmt: skip
def test_letters_that_are_words_count_where_they_are_labels(text: str, letter: str) -> None:
    assert extract_mcq_answer(text) == letter


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("the answer is (J). Or the answer is (B).", "J"),
        ("Thought A.\nAnswer: C", "C"),
        ("answer: A. Answer: D", "D"),
        ("It could be B or rather E, I guess", "I"),
        ("The answer is Brazil", "B"),
        ("Answer: K", None),
        ("no letter", None),
    ],
)
def test_mmlu_pro_reads_as_published(text: str, letter: str | None) -> None:
    assert mmlu_pro_answer(text) == letter
