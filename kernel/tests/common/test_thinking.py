"""What a model thinks aloud is no answer."""

from __future__ import annotations

import pytest

from olmo_eval.common.thinking import part
from olmo_eval.evals.extract.thinking import extract_think_answer, extract_think_answer_only


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("The answer is 18.", None, "The answer is 18."),
        ("<think>\n16 - 3.\n\n9 * 2.</think>\n\nIt is 18.", "16 - 3.\n\n9 * 2.", "It is 18."),
        # the opening tag stands in the prompt
        ("so 18\n</think>\n\nIt is 18.", "so 18", "It is 18."),
        ("<think></think>It is 18.", "", "It is 18."),
        ("<think>\n\n</think>\n\n    return n + 1", "", "    return n + 1"),
        ("<think>a</think> b", "a", "b"),
        # an opening tag inside a thought is a word like any other
        ("<think>they say <think> here</think>c", "they say <think> here", "c"),
        ("<think>a</think>It is 5.\n<think>b</think>\nYes, 5.", "a\n\nb", "It is 5.\nYes, 5."),
        ("Sure.\n<think>a</think>\n7", "a", "Sure.\n7"),
        # closed twice: all up to the second tag was thought
        ("<think>a</think>b</think>c", "a\n\nb", "c"),
        ("<THINK>a</Think>b", "a", "b"),
        ("a < b > c", None, "a < b > c"),
    ],
)  # fmt: skip
def test_thoughts_are_told_from_the_answer(text: str, reasoning: str | None, answer: str) -> None:
    parted = part(text)
    assert (parted.reasoning, parted.answer, parted.closed) == (reasoning, answer, True)


@pytest.mark.parametrize("text", ["<think>maybe \\boxed{3}. Hmm", "<think>a</think>5 <think>or"])
def test_a_thought_that_is_never_closed_leaves_no_answer(text: str) -> None:
    parted = part(text)
    assert (parted.answer, parted.closed) == ("", False)
    assert parted.reasoning


def test_tags_can_be_others() -> None:
    tags = ("[THOUGHT]", "[/THOUGHT]")
    assert part("[THOUGHT]a[/THOUGHT]b", tags).answer == "b"
    assert part("<think>a</think>b", tags).reasoning is None


def test_the_published_names() -> None:
    assert extract_think_answer("<think>a</think>\n\n<answer> 7 </answer>") == "7"
    assert extract_think_answer("7") == "7"
    assert extract_think_answer("<think>7") == ""
    assert extract_think_answer_only("<think>a</think> 7") == "7"
    assert extract_think_answer_only("7") == ""
