"""RULER: what can be found, traced and counted in texts of 4,096 to 131,072 tokens.

- Data: made by seed, nothing is downloaded; 100 questions for each of thirteen kinds at each of six
  lengths. ``niah_s_1`` to ``3`` hide one needle (a number in noise, a number in prose, a uuid in
  prose), ``niah_mk_1`` to ``3`` one needle among others (three in prose, all of the haystack, all
  of it with uuids), ``niah_mv`` four values of a key, ``niah_mq`` four keys that are all asked for;
  ``vt`` is a chain of five variables, ``cwe`` the ten most common words of a list, ``fwe`` the
  three most frequent coded words, ``qa_1`` a fact of one document, ``qa_2`` one of two documents.
- Prompt: the published templates, the beginning of the answer included; ``vt`` and ``cwe`` after a
  worked example, as published.
- Length: the prompt and the longest answer take about as many tokens as the task's name says. RULER
  counts with the tokenizer of the evaluated model; here tokens are estimated from the text, so that
  every model reads the same questions. With two vocabularies of 65,000 and 100,000 tokens, prompts
  take 84% to 100% of the room.
- Ours: the prose (RULER: essays by Paul Graham), the words (RULER: the package wonderwords; ``cwe``
  lists pairs such as ``quiet-harbor``) and the documents of ``qa_1`` and ``qa_2`` (RULER: SQuAD and
  HotpotQA, which models have read).
- Sampling: greedy, up to 128 tokens (``niah``), 120 (``cwe``), 50 (``vt``, ``fwe``) or 32 (``qa``).
- Metric: recall, the share of the expected texts that stand in the output; for ``qa``, whether the
  answer does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import ClassVar

from attrs import frozen

from olmo_eval.common.formatters import GenerationFormatter
from olmo_eval.common.metrics import RecallMetric
from olmo_eval.common.scorers import SubstringRecallScorer
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.evals.tasks.common import Card, Task, register
from olmo_eval_tasks.long_context.aggregation import common_words, frequent_words
from olmo_eval_tasks.long_context.documents import one_document, two_documents
from olmo_eval_tasks.long_context.needles import Needles
from olmo_eval_tasks.long_context.question import LongQuestion
from olmo_eval_tasks.long_context.tracing import trace_variables
from olmo_eval_tasks.subjects import RULER_KINDS, RULER_LENGTHS

QUESTIONS = 100


@frozen
class Kind:
    """How one kind of question is made, and how many tokens its answer may take."""

    make: Callable[[Random, int], LongQuestion]
    max_tokens: int


KINDS: Mapping[str, Kind] = {
    "cwe": Kind(common_words, 120),
    "fwe": Kind(frequent_words, 50),
    "vt": Kind(trace_variables, 50),
    "qa_1": Kind(one_document, 32),
    "qa_2": Kind(two_documents, 32),
    "niah_s_1": Kind(Needles("noise"), 128),
    "niah_s_2": Kind(Needles("prose"), 128),
    "niah_s_3": Kind(Needles("prose", values="uuids"), 128),
    "niah_mk_1": Kind(Needles("prose", hidden=4), 128),
    "niah_mk_2": Kind(Needles("needles"), 128),
    "niah_mk_3": Kind(Needles("needles", keys="uuids", values="uuids"), 128),
    "niah_mv": Kind(Needles("prose", values_each=4), 128),
    "niah_mq": Kind(Needles("prose", hidden=4, asked=4), 128),
}


class Ruler(Task):
    """One kind of question at one length."""

    card = Card(
        citation="Hsieh et al. 2024, \"RULER: What's the Real Context Size of Your Long-Context "
        'Language Models?"',
        url="https://arxiv.org/abs/2404.06654",
        licence="Apache-2.0",
        defects=(
            "Scores are not those of the published data: haystacks, words and documents are "
            "others, and lengths are estimated.",
        ),
    )
    kind: ClassVar[str] = ""
    length: ClassVar[int] = 0
    expected_instances = QUESTIONS
    answer_in_context = True
    lenient_extraction = False
    formatter = GenerationFormatter(template="{question}")
    limit = QUESTIONS
    metrics = (RecallMetric(scorer=SubstringRecallScorer),)

    @property
    def instances(self) -> Iterator[Instance]:
        kind = KINDS[self.kind]
        for number in range(QUESTIONS):
            draw = Random(f"ruler {self.kind} {self.length} {number}")
            asked = kind.make(draw, self.length - kind.max_tokens)
            yield Instance(question=asked.prompt, gold_answer=list(asked.answers))

    def oracle(self, instance: Instance) -> str | None:
        """All of what is to be found."""
        return " " + ", ".join(instance.gold_answer)


for _kind in RULER_KINDS:
    _shortest = f"ruler_{_kind}__{RULER_LENGTHS[0]}"
    for _length in RULER_LENGTHS:
        _class = type(
            f"Ruler_{_kind}_{_length}",
            (Ruler,),
            {
                "__module__": __name__,
                "__doc__": f"RULER, {_kind} in {_length:,} tokens.",
                "kind": _kind,
                "length": _length,
                "checked_by": _shortest if _length > RULER_LENGTHS[0] else None,
                "sampling_params": SamplingParams(max_tokens=KINDS[_kind].max_tokens, top_p=1.0),
            },
        )
        register(f"ruler_{_kind}__{_length}")(_class)
