"""CoQA: a conversation about a passage, one question at a time.

- Data: ``EleutherAI/coqa``, validation split, 500 passages; every question of a conversation is
  an instance, and a conversation is a cluster. With choices ``allenai/coqa_mc``, validation split
  (``bpb:olmo3base``: ``allenai/coqa-gen2mc``), whose ``question`` holds all that is asked.
- Prompt: a sentence that says what to do (its published wording is not known to us; this one is
  ours), ``Passage: ...``, then the conversation so far as ``Question: ...`` and ``Answer: ...``,
  with the right answers, a blank line between them.
- Shots: none.
- Extraction: the whole text.
- Metric: SQuAD's F1, best of the accepted answers. Log-likelihood accuracy, raw for letters, per
  character for texts; bits per byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import SQuADF1Metric
from olmo_eval.common.scorers import SQuADF1Scorer
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, Task, register, register_variant
from olmo_eval_tasks.choices import WHOLE, LabelledChoices
from olmo_eval_tasks.reading import answers_of, open_question, several_ways

DESCRIPTION = "Read the passage and answer the last question of the conversation about it, briefly."
CARD = Card(
    citation="Reddy et al. 2019, CoQA: A Conversational Question Answering Challenge",
    url="https://arxiv.org/abs/1808.07042",
    licence="see https://stanfordnlp.github.io/coqa (its passages have five different ones)",
)


def turns(doc: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The questions of a conversation, each with what was said before and its accepted answers."""
    questions, answers = doc["questions"]["input_text"], doc["answers"]["input_text"]
    others = [more["input_text"] for more in (doc.get("additional_answers") or {}).values()]
    said = f"Passage: {doc['story']}"
    for turn, (question, answer) in enumerate(zip(questions, answers, strict=True)):
        said += f"\n\nQuestion: {question}"
        accepted = answers_of([answer, *(texts[turn] for texts in others)])
        yield {"id": doc["id"], "turn": turn + 1, "asked": said, "accepted": accepted}
        said += f"\nAnswer: {answer}"


@register("coqa")
class Coqa(Task):
    """A question of a conversation about a passage."""

    data_source = DataSource(path="EleutherAI/coqa", split="validation")
    formatter = GenerationFormatter(template=f"{WHOLE}\nAnswer:", description=DESCRIPTION)
    sampling_params = SamplingParams(max_tokens=50, stop_sequences=("\n\n",))
    metrics = (SQuADF1Metric(scorer=SQuADF1Scorer),)
    answer_in_context = True
    card = CARD

    def _rows(self, source: Any) -> Iterator[dict[str, Any]]:
        for doc in super()._rows(source):
            yield from turns(doc)

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        name = f"{doc['id']}/{doc['turn']}"
        return open_question(doc["asked"], doc["accepted"], id=name, cluster=doc["id"])


class CoqaChoices(LabelledChoices):
    """A question of a conversation about a passage, with choices."""

    data_source = DataSource(path="allenai/coqa_mc", split="validation")
    answer_in_context = True
    card = CARD


register_variant("coqa", "gen")
register_variant("coqa", "olmo3base", stop_sequences=("\n\n", "Answer:", "Question:"), limit=10_000)
several_ways(
    CoqaChoices,
    "coqa",
    olmo3base={"bpb": {"data_source": DataSource(path="allenai/coqa-gen2mc", split="validation")}},
)
