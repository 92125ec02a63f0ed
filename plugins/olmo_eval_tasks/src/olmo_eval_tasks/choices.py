"""The ways a multiple-choice benchmark is asked, and the table that declares a family's variants.

``rc`` scores the text of each choice after the question, ``mc`` shows the choices and scores
their letters, ``bpb`` scores the right choice alone. All three put the question the same way.

A family names its question once and lists its variants::

    declare(
        "csqa",
        {
            "rc": Asked(by="uncond"),
            "mc": Asked("letters", by="raw"),
            "bpb": Asked(by=BITS),
            "olmes": Asked(by="uncond", shots=True),
        },
        shots=fixed("olmes_csqa_fixed"),
    )
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from attrs import field, frozen
from attrs.validators import in_

from olmo_eval.common.formatters import (
    ClozeFormatter,
    Formatter,
    LetteredFormatter,
    MCQAChatFormatter,
    PPLFormatter,
)
from olmo_eval.common.metrics import AccuracyMetric, BPBMetricInstanceAvg, Metric
from olmo_eval.common.scorers import MultipleChoiceScorer
from olmo_eval.common.types import Instance, LMOutput, SamplingParams
from olmo_eval.evals.extract.letters import extract_mcq_answer
from olmo_eval.evals.tasks.common import (
    MultipleChoiceTask,
    Task,
    logprob_accuracies,
    register,
    register_variant,
)

#: how OLMES puts a question (Gu et al. 2024, https://arxiv.org/abs/2406.08446)
QUESTION = "Question: {question}"

#: for questions that hold their passage, and stand in the instance as they are asked
WHOLE = "{question}"

#: mean over questions of the right answer's bits per byte
BITS_PER_BYTE: tuple[Metric, ...] = (BPBMetricInstanceAvg(),)

#: the ``by`` of variants that are scored in bits per byte
BITS = "bits_per_byte"


def cloze(question: str = QUESTION) -> ClozeFormatter:
    """Scores every choice's text after ``question`` and ``Answer:``."""
    return ClozeFormatter(template=question + "\nAnswer:")


def lettered(question: str = QUESTION) -> LetteredFormatter:
    """Lists the choices below ``question`` and scores their letters."""
    return LetteredFormatter(template=question + "\n{choices}\nAnswer:")


def gold_text(question: str = QUESTION) -> PPLFormatter:
    """Scores the right choice's text after ``question`` and ``Answer:``."""
    return PPLFormatter(template=question + "\nAnswer:")


# -- variants


@frozen
class Asked:
    """How a variant asks; what it leaves out stays as the task has it.

    - ``form``: ``"text"`` scores the choices' texts, ``"letters"`` their letters, ``"gold"`` the
      right choice's text alone;
    - ``by``: the primary normalisation (``raw``, ``per_char``, ``per_token``, ``uncond``), or
      ``BITS`` for bits per byte;
    - ``shots``: whether the family's few-shot examples are shown;
    - ``limit``, ``split``: as in the task's settings.
    """

    form: str = field(default="", validator=in_(("", "text", "letters", "gold")))
    by: str = ""
    shots: bool = False
    limit: int | None = None
    split: str | None = None

    def settings(self, forms: Mapping[str, Formatter], shots: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of the variant, given the family's formatters and few-shot settings."""
        found: dict[str, Any] = dict(shots) if self.shots else {}
        if self.form:
            found["formatter"] = forms[self.form]
        if self.by:
            found["metrics"] = BITS_PER_BYTE if self.by == BITS else logprob_accuracies(self.by)
        for name in ("limit", "split"):
            if (value := getattr(self, name)) is not None:
                found[name] = value
        return found


#: the few-shot settings of families that have no examples
NO_SHOTS: Mapping[str, Any] = {}


def fixed(name: str, n: int = 5) -> dict[str, Any]:
    """The first ``n`` examples of a fixed few-shot set."""
    return {"num_fewshot": n, "fewshot_source": name}


def drawn(n: int = 5, seed: int = 1234) -> dict[str, Any]:
    """``n`` examples drawn from the task's ``fewshot_split``, as published settings draw them."""
    return {"num_fewshot": n, "fewshot_seed": seed}


def usual(by: str) -> dict[str, Asked]:
    """The variants of a family that has no published ones: ``rc``, ``mc``, ``bpb``, ``olmes``."""
    return {
        "rc": Asked("text", by=by),
        "mc": Asked("letters", by="raw"),
        "bpb": Asked("gold", by=BITS),
        "olmes": Asked(shots=True),
    }


def declare(
    task: str,
    variants: Mapping[str, Asked],
    *,
    question: str = QUESTION,
    letters: Formatter | None = None,
    shots: Mapping[str, Any] = NO_SHOTS,
) -> None:
    """Register the variants of a multiple-choice task.

    ``question`` is the template in front of ``Answer:``; ``letters`` is how lettered choices are
    asked for where that differs; ``shots`` are ``fixed(...)`` or ``drawn(...)``.
    """
    forms: dict[str, Formatter] = {
        "text": cloze(question),
        "letters": letters or lettered(question),
        "gold": gold_text(question),
    }
    for name, asked in variants.items():
        register_variant(task, name, **asked.settings(forms, shots))


# -- rows


class LabelledChoices(MultipleChoiceTask):
    """Rows of the shape that AI2's data sets share.

    ``choices`` is ``{"text": [...], "label": [...]}``, ``answerKey`` one of the labels, and the
    question stands in the field ``question_field``. Questions whose field ``passage_field`` is the
    same are about one text, and a cluster.
    """

    question_field: ClassVar[str] = "question"
    passage_field: ClassVar[str] = ""

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        choices = doc["choices"]
        gold = list(choices["label"]).index(doc["answerKey"])
        about = clustered(doc[self.passage_field]) if self.passage_field else {}
        return self.choice_instance(
            self.question_of(doc), choices["text"], gold, id=doc.get("id"), metadata=about
        )

    def question_of(self, doc: dict[str, Any]) -> str:
        """The question of a row as it is asked."""
        return str(doc[self.question_field])


class ChatChoices(MultipleChoiceTask):
    """Lettered choices in a chat, answered in words that end with the letter."""

    formatter: Formatter = MCQAChatFormatter()
    metrics: tuple[Metric, ...] = (AccuracyMetric(scorer=MultipleChoiceScorer),)
    sampling_params = SamplingParams(max_tokens=1024)

    def extract_answer(self, output: LMOutput) -> str | None:
        return extract_mcq_answer(output.text)


class YesNo(MultipleChoiceTask):
    """Questions about a context, answered with Yes or No.

    Rows have ``context``, ``question`` and ``answer``: a truth value, or yes or no. Questions about
    one context are a cluster.
    """

    formatter: Formatter = cloze(WHOLE)
    answer_in_context = True

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        gold = ("yes", "no").index(_yes_or_no(doc["answer"]))
        question = f"{doc['context']}\nQuestion: {doc['question']}"
        about = clustered(doc["context"])
        return self.choice_instance(question, ("Yes", "No"), gold, id=doc.get("id"), metadata=about)


def _yes_or_no(answer: Any) -> str:
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    word = str(answer).strip().casefold().rstrip(".")
    return {"true": "yes", "false": "no"}.get(word, word)


#: the published variants of yes-or-no questions
YES_OR_NO = {
    "rc": Asked(),
    "bpb": Asked(by=BITS),
    "olmo3base": Asked(shots=True),
    "olmes": Asked(shots=True),
}

#: the variants of chats that the same questions asked by log-likelihood are
SCORED = {"mc": Asked("letters", by="raw"), "bpb": Asked("gold", by=BITS)}


def shuffled_choices(
    right: str, wrong: Sequence[str], *, seeded_by: Any
) -> tuple[tuple[str, ...], int]:
    """The choices in an order that depends on ``seeded_by`` alone, and the place of the right one.

    Data that lists the right answer apart from the wrong ones says nothing of an order; seeded by
    the question's id, it is the same on every machine and whatever else is evaluated.
    """
    choices = (right, *wrong)
    order = list(range(len(choices)))
    random.Random(str(seeded_by)).shuffle(order)
    return tuple(choices[i] for i in order), order.index(0)


def one_of(family: type[Task], name: str, **attributes: Any) -> type[Task]:
    """Register a task of a family that has one for each part of its data: a subclass of ``family``
    with class ``attributes`` of its own.
    """
    own = {"__module__": family.__module__, "__doc__": family.__doc__, **attributes}
    return register(name)(type(re.sub(r"\W|_", "", name.title()), (family,), own))


def clustered(text: Any) -> dict[str, str]:
    """What instances about one ``text`` have in their metadata: they are not independent."""
    return {"cluster": row_id(text)} if text else {}


def row_id(*texts: Any) -> str:
    """An identifier made of a row's content, for data without ids: 12 hexadecimal digits."""
    return hashlib.sha256(json.dumps(texts).encode("utf-8", "surrogatepass")).hexdigest()[:12]
