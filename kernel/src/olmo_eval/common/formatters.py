"""From an instance and few-shot examples to what is asked of the model.

A formatter is a frozen value: its fields are its templates, all of which overrides can change
(``-o formatter.template=...``). Templates name ``{question}``, ``{answer}``, ``{choices}`` and
any key of the instance's metadata; every other brace is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import field, frozen

from olmo_eval.common.letters import chosen_letter
from olmo_eval.common.settings import SettingsMeta, settings_of
from olmo_eval.common.text import LABELS, fill, labelled_choices, template_values
from olmo_eval.common.types import Instance, LMRequest, Message, RequestType


class Formatter(metaclass=SettingsMeta):
    """Base of all formatters. ``fewshot`` is what precedes the question, already chosen."""

    request_type: RequestType = RequestType.COMPLETION

    def format(self, instance: Instance, fewshot: Sequence[Instance] = ()) -> LMRequest:
        raise NotImplementedError(f"{type(self).__name__} does not say how to format")

    def extract_answer(self, text: str) -> str | None:
        """The answer in what the model wrote, where it was told how to write it; None where it did
        not. A task's own extraction wins over it."""
        return text.strip()

    def to_dict(self) -> dict[str, Any]:
        """Its class and templates, for people and records."""
        settings = {k: v for k, v in settings_of(self).items() if not k.startswith("_")}
        return {"class": type(self).__name__, **settings}


def _choices(instance: Instance) -> tuple[str, ...]:
    if not instance.choices:
        raise ValueError("a multiple-choice formatter needs instances with choices")
    return instance.choices


@frozen
class TextFormatter(Formatter):
    """A prompt made of a description, few-shot examples and the question, in that order.

    Each example is the question's text followed by ``answer_prefix`` and its answer. The rendered
    examples are kept, because most questions of a task share them.
    """

    template: str = "Question: {question}\nAnswer:"
    fewshot_separator: str = "\n\n"
    answer_prefix: str = " "
    description: str = ""
    _rendered: list[Any] = field(factory=lambda: [None, ""], init=False, eq=False, repr=False)

    def query(self, instance: Instance) -> str:
        """The question as the model reads it, without its answer."""
        return fill(self.template, template_values(instance))

    def answer(self, instance: Instance) -> str:
        """What the model should write after ``query``."""
        return self.answer_prefix + instance.gold_text

    def prompt(self, instance: Instance, fewshot: Sequence[Instance]) -> str:
        return self._prefix(fewshot) + self.query(instance)

    def _prefix(self, fewshot: Sequence[Instance]) -> str:
        if self._rendered[0] is fewshot:
            return str(self._rendered[1])
        separator = self.fewshot_separator
        head = self.description
        if head and not head.endswith(separator):
            head += separator
        shown = (self.query(shot) + self.answer(shot) + separator for shot in fewshot)
        prefix = head + "".join(shown)
        self._rendered[:] = [fewshot, prefix]
        return prefix


@frozen
class GenerationFormatter(TextFormatter):
    """Free generation: the model continues the prompt, which ends with the question's text.

    ``answer_prefix`` stands before the answers of the examples only. ``fewshot_answer_key`` names
    the metadata key that holds the text of an example's answer where that is not ``gold_answer``
    (a worked solution, say).
    """

    fewshot_answer_key: str | None = None

    def answer(self, instance: Instance) -> str:
        return self.answer_prefix + self._shown(instance)

    def _shown(self, instance: Instance) -> str:
        if self.fewshot_answer_key is None:
            return instance.gold_text
        return str(instance.metadata[self.fewshot_answer_key])

    def format(self, instance: Instance, fewshot: Sequence[Instance] = ()) -> LMRequest:
        return LMRequest(RequestType.COMPLETION, prompt=self.prompt(instance, fewshot))


@frozen
class CompletionFormatter(GenerationFormatter):
    """Free generation after ``template`` and ``answer_prefix``, which ends the prompt too."""

    template: str = "{question}"
    answer_prefix: str = ""

    def query(self, instance: Instance) -> str:
        return super().query(instance) + self.answer_prefix

    def answer(self, instance: Instance) -> str:
        return self._shown(instance)


@frozen
class ClozeFormatter(TextFormatter):
    """Each choice's text is scored after the question ("ranked classification").

    With ``unconditional`` every choice is scored a second time after ``unconditional_prompt``
    alone, for accuracy relative to how probable the choice is anyway (Brown et al. 2020).
    """

    request_type = RequestType.LOGLIKELIHOOD
    unconditional: bool = False
    unconditional_prompt: str = "Answer:"

    def format(self, instance: Instance, fewshot: Sequence[Instance] = ()) -> LMRequest:
        prompt = self.prompt(instance, fewshot)
        choices = tuple(self.answer_prefix + choice for choice in _choices(instance))
        if not self.unconditional:
            return LMRequest(RequestType.LOGLIKELIHOOD, prompt=prompt, continuations=choices)
        n = len(choices)
        return LMRequest(
            RequestType.LOGLIKELIHOOD,
            prompt=prompt,
            continuations=choices + choices,
            continuation_prompts=(prompt,) * n + (self.unconditional_prompt,) * n,
        )


@frozen
class LetteredFormatter(TextFormatter):
    """The choices stand in the prompt with letters, and the letters are scored.

    Choices go where the template says ``{choices}``, one ``choice_template`` line each; where it
    does not, they follow the template if ``include_choices_in_prompt``. ``prompt_suffix`` ends
    the question. With a ``description`` this is how MMLU asks (Hendrycks et al. 2021).
    """

    request_type = RequestType.LOGLIKELIHOOD
    template: str = "Question: {question}\n{choices}\nAnswer:"
    choice_template: str = " {label}. {text}"
    include_choices_in_prompt: bool = True
    prompt_suffix: str = ""

    def query(self, instance: Instance) -> str:
        lines = labelled_choices(_choices(instance), self.choice_template)
        text = fill(self.template, template_values(instance, choices=lines))
        if "{choices}" not in self.template and self.include_choices_in_prompt:
            text += "\n" + lines
        return text + self.prompt_suffix

    def answer(self, instance: Instance) -> str:
        index = instance.gold_index
        if index is None:
            raise ValueError("a lettered few-shot example needs metadata['gold_idx']")
        return self.answer_prefix + LABELS[index]

    def format(self, instance: Instance, fewshot: Sequence[Instance] = ()) -> LMRequest:
        labels = LABELS[: len(_choices(instance))]
        return LMRequest(
            RequestType.LOGLIKELIHOOD,
            prompt=self.prompt(instance, fewshot),
            continuations=tuple(self.answer_prefix + label for label in labels),
        )


@frozen
class MultipleChoiceFormatter(LetteredFormatter):
    """The choices stand in the prompt, one ``choice_template`` line each, and their texts are
    scored as they are.

    ``{choice}`` is a choice's text, ``{label}`` its letter.
    """

    template: str = "{question}"
    choice_template: str = "{choice}"
    answer_prefix: str = ""

    def answer(self, instance: Instance) -> str:
        return self.answer_prefix + instance.gold_text

    def format(self, instance: Instance, fewshot: Sequence[Instance] = ()) -> LMRequest:
        return LMRequest(
            RequestType.LOGLIKELIHOOD,
            prompt=self.prompt(instance, fewshot),
            continuations=tuple(self.answer_prefix + choice for choice in _choices(instance)),
        )


@frozen
class MultipleChoiceLogprobFormatter(LetteredFormatter):
    """The letters are scored after a question that shows its choices itself, or that is followed by
    them where ``include_choices_in_prompt``.

    ``label_prefix`` stands before each scored letter, and before each letter in the list;
    ``answer_suffix`` ends the question. A ``description`` that ends in a blank line is not followed
    by another.
    """

    template: str = "{question}"
    choice_template: str = "{label}. {text}"
    include_choices_in_prompt: bool = False
    label_prefix: str = " "
    answer_suffix: str = "\n\nAnswer:"
    answer_prefix: str = field(default="", init=False)

    def query(self, instance: Instance) -> str:
        template = self.label_prefix + self.choice_template
        lines = labelled_choices(_choices(instance), template)
        text = fill(self.template, template_values(instance, choices=lines))
        if "{choices}" not in self.template and self.include_choices_in_prompt:
            text += "\n" + lines
        return text + self.prompt_suffix + self.answer_suffix

    def answer(self, instance: Instance) -> str:
        return self.label_prefix + super().answer(instance)

    def format(self, instance: Instance, fewshot: Sequence[Instance] = ()) -> LMRequest:
        labels = LABELS[: len(_choices(instance))]
        return LMRequest(
            RequestType.LOGLIKELIHOOD,
            prompt=self.prompt(instance, fewshot),
            continuations=tuple(self.label_prefix + label for label in labels),
        )


@frozen
class PPLFormatter(TextFormatter):
    """The right answer's text is scored after the question: bits per byte, perplexity.

    ``leading_space`` puts a space before the answer where there is a text before it and it does not
    start with white space itself; ``answer_prefix``, if any, stands before the answers of the
    few-shot examples instead. ``always_prepend_separator`` puts the few-shot separator before the
    question even without examples.
    """

    request_type = RequestType.LOGLIKELIHOOD
    template: str = "{question}"
    answer_prefix: str = ""
    leading_space: bool = True
    always_prepend_separator: bool = False

    def answer(self, instance: Instance) -> str:
        if self.answer_prefix:
            return self.answer_prefix + self.continuation(instance)
        return self.scored(instance)

    def continuation(self, instance: Instance) -> str:
        """The text whose probability is measured, without its leading space."""
        return instance.gold_text

    def scored(self, instance: Instance) -> str:
        """The continuation as it follows the prompt."""
        text = self.continuation(instance)
        wants_space = self.leading_space and not text.startswith((" ", "\n"))
        return " " + text if wants_space else text

    def format(self, instance: Instance, fewshot: Sequence[Instance] = ()) -> LMRequest:
        prompt = self.prompt(instance, fewshot)
        if self.always_prepend_separator and not fewshot:
            prompt = self.fewshot_separator + prompt
        scored = self.scored(instance) if prompt else self.continuation(instance)
        return LMRequest(RequestType.LOGLIKELIHOOD, prompt=prompt, continuations=(scored,))


@frozen
class RollingFormatter(Formatter):
    """The whole text of the question is scored: perplexity and bits per byte of documents."""

    request_type = RequestType.ROLLING
    template: str = "{question}"

    def format(self, instance: Instance, fewshot: Sequence[Instance] = ()) -> LMRequest:
        text = fill(self.template, template_values(instance))
        return LMRequest(RequestType.ROLLING, prompt=text)


@frozen
class ChatFormatter(Formatter):
    """A chat: few-shot examples are earlier turns, the question is the last user message.

    The system prompt, where there is one, is the first of the messages.
    """

    request_type = RequestType.CHAT
    system_prompt: str | None = ""
    user_template: str = "{question}"
    assistant_template: str = "{answer}"

    def user(self, instance: Instance) -> str:
        return fill(self.user_template, template_values(instance))

    def assistant(self, instance: Instance) -> str:
        return fill(self.assistant_template, template_values(instance))

    def format(self, instance: Instance, fewshot: Sequence[Instance] = ()) -> LMRequest:
        system = self.system_prompt or None
        messages: list[Message] = []
        if system is not None:
            messages.append({"role": "system", "content": system})
        for shot in fewshot:
            messages.append({"role": "user", "content": self.user(shot)})
            messages.append({"role": "assistant", "content": self.assistant(shot)})
        messages.append({"role": "user", "content": self.user(instance)})
        return LMRequest(RequestType.CHAT, messages=tuple(messages), system_prompt=system)


_MCQA_SYSTEM = (
    "Answer the multiple-choice question. Think step by step if that helps, then end with one "
    "line of the form 'ANSWER: X', where X is the letter of the right choice."
)


@frozen
class MCQAChatFormatter(ChatFormatter):
    """A chat about lettered choices, answered with a line ``ANSWER: X``."""

    system_prompt: str | None = _MCQA_SYSTEM
    user_template: str = "{question}\n\n{choices}"
    assistant_template: str = "ANSWER: {label}"
    choice_template: str = "{label}. {text}"

    def extract_answer(self, text: str) -> str | None:
        """The letter of the chosen answer."""
        return chosen_letter(text)

    def user(self, instance: Instance) -> str:
        lines = labelled_choices(_choices(instance), self.choice_template)
        return fill(self.user_template, template_values(instance, choices=lines))

    def assistant(self, instance: Instance) -> str:
        index = instance.gold_index
        if index is None:
            raise ValueError("a lettered few-shot example needs metadata['gold_idx']")
        return fill(self.assistant_template, template_values(instance, label=LABELS[index]))
