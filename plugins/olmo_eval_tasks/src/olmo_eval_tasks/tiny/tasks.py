"""The example tasks, over the invented world of ``examples/tiny_model``.

- Data: bundled with this package, a few hundred questions a task, written by
  ``examples/tiny_model/make_tasks.py``. Nothing in it is about the real world.
- Prompt: ``Question: ...\\nAnswer:``, below ``Passage: ...`` where there is one; the very form
  in which the tiny model was trained.
- Shots: none, or ``3shot`` and ``5shot`` from the split ``train`` where a task has one.
- Metric: log-likelihood accuracy, exact match, or bits per byte.

They make a run of seconds that behaves like a real one: scores rise over the checkpoints, except
on ``tiny_null``, whose questions cannot be answered from the training text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from olmo_eval.common.formatters import (
    ChatFormatter,
    ClozeFormatter,
    GenerationFormatter,
    RollingFormatter,
)
from olmo_eval.common.metrics import (
    AccuracyMetric,
    BPBMetricByteAvg,
    BPBMetricInstanceAvg,
    CorpusPerplexityMetric,
    PassAtKMetric,
)
from olmo_eval.common.scorers import ExactMatchScorer
from olmo_eval.common.types import Instance, LMOutput, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import (
    MultipleChoiceTask,
    Task,
    register,
    register_variant,
)
from olmo_eval_tasks.choices import BITS_PER_BYTE, cloze, gold_text, lettered

DATA = Path(__file__).parent / "data"
SHORT_ANSWER = SamplingParams(max_tokens=16, stop_sequences=("\n",))
PASSAGE = "Passage: {passage}\nQuestion: {question}"


def bundled(name: str) -> DataSource:
    """The questions of one of these tasks."""
    return DataSource(path=str(DATA), subset=name, split="test", source_type="local")


class TinyChoice(MultipleChoiceTask):
    """Four choices, one of them right; the gold answer is the right choice's text."""

    formatter: ClozeFormatter = cloze()

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        extra: dict[str, Any] = {key: doc[key] for key in ("passage", "cluster") if key in doc}
        return Instance(
            question=doc["question"],
            gold_answer=doc["choices"][doc["gold"]],
            choices=doc["choices"],
            metadata={"id": doc["id"], "gold_idx": doc["gold"], **extra},
        )


@register("tiny_facts")
class TinyFacts(TinyChoice):
    """Facts about invented towns, asked as in training: what the model has memorised."""

    data_source = bundled("tiny_facts")
    fewshot_split = "train"


@register("tiny_sums_mc")
class TinySumsChoice(TinyChoice):
    """Sums that training held back, with wrong answers that are near: whether it can add."""

    data_source = bundled("tiny_sums_mc")
    fewshot_split = "train"


@register("tiny_reading")
class TinyReading(TinyChoice):
    """Three questions on each of 125 new passages (``cluster``): whether it can look things up."""

    data_source = bundled("tiny_reading")
    fewshot_split = "train"
    answer_in_context = True
    formatter = cloze(PASSAGE)


@register("tiny_null")
class TinyNull(TinyChoice):
    """The facts asked backwards, from value to town, which training never did: stays at 1/4.

    Four questions in a row (``cluster``) share their four choices, each right once, so that a
    preference for some names gains nothing.
    """

    data_source = bundled("tiny_null")


@register("tiny_sums")
class TinySums(Task):
    """The held-back sums, to be answered in digits."""

    data_source = bundled("tiny_sums")
    fewshot_split = "train"
    formatter = GenerationFormatter()
    sampling_params = SHORT_ANSWER
    metrics = (AccuracyMetric(scorer=ExactMatchScorer),)

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        return Instance(
            question=doc["question"], gold_answer=doc["answer"], metadata={"id": doc["id"]}
        )

    def extract_answer(self, output: LMOutput) -> str | None:
        """The first line, because chat answers may go on."""
        return output.text.strip().partition("\n")[0].strip() or None


@register("tiny_text")
class TinyText(Task):
    """New stories of the kind in the training text: bits per byte of the whole."""

    data_source = bundled("tiny_text")
    formatter = RollingFormatter()
    metrics = (BPBMetricByteAvg(), BPBMetricInstanceAvg(), CorpusPerplexityMetric())

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        return Instance(question=doc["text"], metadata={"id": doc["id"]})


for _task in ("tiny_facts", "tiny_sums_mc", "tiny_reading", "tiny_null"):
    _question = PASSAGE if _task == "tiny_reading" else "Question: {question}"
    register_variant(_task, "rc", formatter=cloze(_question))
    register_variant(_task, "mc", formatter=lettered(_question))
    register_variant(_task, "bpb", formatter=gold_text(_question), metrics=BITS_PER_BYTE)

for _task in ("tiny_facts", "tiny_sums_mc", "tiny_reading", "tiny_sums"):
    register_variant(_task, "3shot", num_fewshot=3)
    register_variant(_task, "5shot", num_fewshot=5)

register_variant("tiny_sums", "chat", formatter=ChatFormatter())
register_variant(
    "tiny_sums",
    "sampled",
    num_samples=4,
    temperature=0.8,
    metrics=(
        AccuracyMetric(scorer=ExactMatchScorer),
        *(PassAtKMetric(scorer=ExactMatchScorer, k=k) for k in (1, 4)),
    ),
)
register_variant(
    "tiny_reading",
    "gen",
    formatter=GenerationFormatter(template=PASSAGE + "\nAnswer:"),
    sampling_params=SHORT_ANSWER,
    metrics=(AccuracyMetric(scorer=ExactMatchScorer),),
)
