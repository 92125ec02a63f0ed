"""WinoGrande: which of two names fills the blank.

- Data: ``allenai/winogrande``, subset winogrande_xl, validation split, 1,267 sentences; the test
  split has no answers.
- Prompt: partial evaluation (Trinh and Le 2018, https://arxiv.org/abs/1806.02847): each option
  stands in the blank, and the rest of the sentence, the same for both, is scored after it. ``mc``
  asks ``Fill in the blank: ...`` with lettered options.
- Shots: none, or the five of the fixed OLMES set, as whole sentences.
- Metric: log-likelihood accuracy, raw: both continuations are the same text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import evolve, frozen

from olmo_eval.common.formatters import LetteredFormatter, TextFormatter
from olmo_eval.common.types import Instance, LMRequest, RequestType
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, MultipleChoiceTask, register
from olmo_eval_tasks.choices import BITS, Asked, declare, fixed, lettered

BLANK = "_"


def around_blank(sentence: str) -> tuple[str, str]:
    """What stands before the first blank, and after it with one space in front.

    Raises:
        ValueError: there is no blank.
    """
    before, blank, after = sentence.partition(BLANK)
    if not blank:
        raise ValueError(f"the sentence has no blank ({BLANK!r})")
    return before, " " + after.strip()


@frozen
class PartialEvaluationFormatter(TextFormatter):
    """Scores what follows the blank, once for each option standing in it."""

    request_type = RequestType.LOGLIKELIHOOD

    def query(self, instance: Instance) -> str:
        return around_blank(instance.question)[0] + instance.gold_text

    def answer(self, instance: Instance) -> str:
        return around_blank(instance.question)[1]

    def format(self, instance: Instance, fewshot: Sequence[Instance] = ()) -> LMRequest:
        prefix, options = self._prefix(fewshot), instance.choices or ()
        before, after = around_blank(instance.question)
        return LMRequest(
            RequestType.LOGLIKELIHOOD,
            prompt=prefix.removesuffix(self.fewshot_separator),
            continuations=(after,) * len(options),
            continuation_prompts=tuple(prefix + before + option for option in options),
        )


@frozen
class FillInFormatter(LetteredFormatter):
    """Shows the blank as a longer line, above lettered options."""

    def query(self, instance: Instance) -> str:
        drawn = instance.question.replace(BLANK, "___")
        return super().query(evolve(instance, question=drawn))


@register("winogrande")
class WinoGrande(MultipleChoiceTask):
    """A sentence with a blank and two options, of which world knowledge excludes one."""

    data_source = DataSource(path="allenai/winogrande", subset="winogrande_xl", split="validation")
    expected_instances = 1_267
    fewshot_split = "train"
    formatter = PartialEvaluationFormatter()
    card = Card(
        citation="Sakaguchi et al. 2020, WinoGrande: An Adversarial Winograd Schema Challenge at "
        "Scale",
        url="https://arxiv.org/abs/1907.10641",
        licence="CC-BY-4.0",
        defects=(
            "olmo3base and xlarge are published with a limit of 10,000 that added the train split; "
            "here a limit is a subset of the validation split.",
        ),
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        around_blank(doc["sentence"])
        gold = int(doc["answer"]) - 1
        options = (doc["option1"], doc["option2"])
        instance = self.choice_instance(doc["sentence"], options, gold, id=doc.get("qID"))
        return evolve(instance, gold_answer=str(gold))


declare(
    "winogrande",
    {
        "rc": Asked(),
        "mc": Asked("letters"),
        "bpb": Asked(by=BITS),
        "olmo3base": Asked(shots=True, limit=10_000),
        "xlarge": Asked(shots=True, limit=10_000),
    },
    letters=FillInFormatter(template=lettered("Fill in the blank: {question}").template),
    shots=fixed("olmes_winogrande_fixed"),
)
