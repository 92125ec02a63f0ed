"""From an instance and its few-shot examples to a request: what the model reads."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from olmo_eval.common.formatters import (
    ChatFormatter,
    ClozeFormatter,
    CompletionFormatter,
    Formatter,
    GenerationFormatter,
    LetteredFormatter,
    MCQAChatFormatter,
    MultipleChoiceFormatter,
    MultipleChoiceLogprobFormatter,
    PPLFormatter,
    RollingFormatter,
)
from olmo_eval.common.types import Instance, RequestType


def choice(question: str, gold: int) -> Instance:
    return Instance(question, "AB"[gold], ("yes", "no"), {"gold_idx": gold})


ITEM = choice("Is ice cold?", 0)
SHOTS = (choice("Is fire cold?", 1), choice("Is snow cold?", 0))
SUM = Instance("1+1", "2", metadata={"solution": "one and one make 2"})


def test_completion_continues_the_prompt() -> None:
    formatter = GenerationFormatter(fewshot_answer_key="solution", description="Add.")

    request = formatter.format(Instance("2+2", "4"), (SUM,))

    assert request.request_type is RequestType.COMPLETION
    assert request.prompt == (
        "Add.\n\nQuestion: 1+1\nAnswer: one and one make 2\n\nQuestion: 2+2\nAnswer:"
    )


def test_cloze_scores_the_text_of_every_choice() -> None:
    request = ClozeFormatter().format(ITEM, SHOTS)

    assert request.prompt == (
        "Question: Is fire cold?\nAnswer: no\n\n"
        "Question: Is snow cold?\nAnswer: yes\n\n"
        "Question: Is ice cold?\nAnswer:"
    )
    assert request.continuations == (" yes", " no")
    assert request.contexts() == (request.prompt,) * 2


def test_cloze_scores_every_choice_again_without_its_question() -> None:
    request = ClozeFormatter(unconditional=True).format(ITEM)

    assert request.continuations == (" yes", " no", " yes", " no")
    assert request.contexts() == (request.prompt, request.prompt, "Answer:", "Answer:")


def test_multiple_choice_scores_letters() -> None:
    request = LetteredFormatter().format(ITEM, SHOTS[:1])

    assert request.prompt == (
        "Question: Is fire cold?\n A. yes\n B. no\nAnswer: B\n\n"
        "Question: Is ice cold?\n A. yes\n B. no\nAnswer:"
    )
    assert request.continuations == (" A", " B")


def test_choices_follow_a_template_that_does_not_place_them() -> None:
    formatter = LetteredFormatter(template="{question}", prompt_suffix="\nSay:")

    assert formatter.format(ITEM).prompt == "Is ice cold?\n A. yes\n B. no\nSay:"


def test_mmlu_puts_a_description_first() -> None:
    formatter = LetteredFormatter(
        description="About temperature.", choice_template="{label}. {text}"
    )

    assert formatter.format(ITEM).prompt == (
        "About temperature.\n\nQuestion: Is ice cold?\nA. yes\nB. no\nAnswer:"
    )


def test_a_published_completion_ends_with_its_answer_prefix() -> None:
    formatter = CompletionFormatter(template="{question}", answer_prefix="\nA: ")

    assert CompletionFormatter().format(SUM).prompt == "1+1"
    assert formatter.format(Instance("2+2", "4"), (SUM,)).prompt == "1+1\nA: 2\n\n2+2\nA: "


def test_published_multiple_choice_scores_the_texts_that_it_lists() -> None:
    request = MultipleChoiceFormatter().format(ITEM)
    bare = MultipleChoiceFormatter(include_choices_in_prompt=False, prompt_suffix=" Say:")

    assert request.prompt == "Is ice cold?\nyes\nno"
    assert request.continuations == ("yes", "no")
    assert bare.format(ITEM).prompt == "Is ice cold? Say:"


def test_published_letters_follow_a_question_that_lists_its_choices() -> None:
    formatter = MultipleChoiceLogprobFormatter(description="About temperature.\n\n")

    request = formatter.format(ITEM, SHOTS[:1])

    assert request.prompt == (
        "About temperature.\n\nIs fire cold?\n\nAnswer: B\n\nIs ice cold?\n\nAnswer:"
    )
    assert request.continuations == (" A", " B")


def test_an_answer_without_a_context_has_no_leading_space() -> None:
    assert PPLFormatter().format(Instance("", "yes")).continuations == ("yes",)


@pytest.mark.parametrize(
    ("gold", "scored"), [("yes", " yes"), (" yes", " yes"), ("\nyes", "\nyes"), ("", " ")]
)
def test_a_scored_answer_starts_with_white_space_once(gold: str, scored: str) -> None:
    request = PPLFormatter().format(Instance("Is ice cold?", gold))

    assert request.continuations == (scored,)


def test_an_answer_prefix_stands_in_the_examples_only() -> None:
    formatter = PPLFormatter(answer_prefix=" -> ", leading_space=False)

    request = formatter.format(Instance("b", "B"), (Instance("a", "A"),))

    assert request.prompt == "a -> A\n\nb"
    assert request.continuations == ("B",)


def test_the_right_choice_is_what_perplexity_is_about() -> None:
    assert PPLFormatter().format(ITEM).continuations == (" yes",)


def test_a_separator_may_come_first_without_examples() -> None:
    formatter = PPLFormatter(always_prepend_separator=True)

    assert formatter.format(ITEM).prompt == "\n\nIs ice cold?"
    assert formatter.format(ITEM, SHOTS[:1]).prompt.startswith("Is fire cold?")


def test_rolling_scores_the_text_itself() -> None:
    request = RollingFormatter().format(Instance("All of it."))

    assert (request.request_type, request.prompt) == (RequestType.ROLLING, "All of it.")


def test_chat_examples_are_earlier_turns() -> None:
    request = ChatFormatter(system_prompt="Be brief.").format(Instance("2+2"), (SUM,))

    roles = [message["role"] for message in request.messages]
    assert roles == ["system", "user", "assistant", "user"]
    assert request.chat_messages() == list(request.messages)
    assert request.messages[2]["content"] == "2"


def test_lettered_chat_ends_in_a_letter() -> None:
    request = MCQAChatFormatter().format(ITEM, SHOTS[:1])

    assert request.messages[1]["content"] == "Is fire cold?\n\nA. yes\nB. no"
    assert request.messages[2]["content"] == "ANSWER: B"
    assert "ANSWER: X" in str(request.system_prompt)


@pytest.mark.parametrize("formatter", [ClozeFormatter(), LetteredFormatter(), MCQAChatFormatter()])
def test_choices_are_needed(formatter: Formatter) -> None:
    with pytest.raises(ValueError, match="choices"):
        formatter.format(Instance("Is ice cold?"))


@pytest.mark.parametrize(
    "formatter",
    [GenerationFormatter(), ClozeFormatter(), LetteredFormatter(), PPLFormatter()],
    ids=lambda formatter: type(formatter).__name__,
)
def test_rendered_examples_are_kept_for_the_same_shots_only(formatter: Any) -> None:
    first = formatter.format(ITEM, SHOTS).prompt

    assert formatter.format(ITEM, SHOTS).prompt == first
    assert formatter.format(ITEM, SHOTS[:1]).prompt != first
    assert attrs.evolve(formatter, fewshot_separator="\n").format(ITEM, SHOTS).prompt != first


def test_braces_in_the_data_stay() -> None:
    tricky = Instance("{answer} {choices}", "gold")

    assert GenerationFormatter(template="{question}").format(tricky).prompt == "{answer} {choices}"
