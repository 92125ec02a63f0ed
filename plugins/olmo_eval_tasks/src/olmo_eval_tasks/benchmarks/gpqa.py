"""GPQA: graduate-level questions that search engines do not answer, four choices.

- Data: ``Idavidrein/gpqa``, subsets gpqa_diamond (198 questions), gpqa_main (448) and gpqa_extended
  (546); each also down to its biology, chemistry or physics. The data lists the right answer apart
  from the wrong ones; they are shuffled, seeded by the record's id.
- Prompt: a chat with lettered choices that ends with ``ANSWER: X``; ``mc`` asks
  ``Question: ...\\nAnswer:`` and scores the letters.
- Shots: none.
- Extraction: the letter that the text marks as its answer.
- Metric: the share of right letters. ``bpb`` is published with a primary metric that it does not
  compute; here it is bits per byte.
"""

from __future__ import annotations

from typing import Any, ClassVar

from olmo_eval.common.types import Instance
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card
from olmo_eval_tasks.choices import SCORED, ChatChoices, declare, one_of, shuffled_choices
from olmo_eval_tasks.subjects import GPQA_DOMAINS, GPQA_SETS

SIZES = {"diamond": 198, "main": 448, "extended": 546}


class Gpqa(ChatChoices):
    """Questions that experts of the field answer in 65% of cases, others in 34% with the web."""

    domain: ClassVar[str] = ""
    card = Card(
        citation="Rein et al. 2024, GPQA: A Graduate-Level Google-Proof Q&A Benchmark",
        url="https://arxiv.org/abs/2311.12022",
        licence="CC-BY-4.0",
        access="GPQA is gated: accept its terms at https://huggingface.co/datasets/Idavidrein/gpqa "
        "and set HF_TOKEN.",
        defects=("The authors ask that questions are not shown in plain text online.",),
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance | None:
        domain = doc["High-level domain"]
        if self.domain and domain.casefold() != self.domain:
            return None
        wrong = [doc[f"Incorrect Answer {n}"].strip() for n in (1, 2, 3)]
        name = doc["Record ID"]
        choices, gold = shuffled_choices(doc["Correct Answer"].strip(), wrong, seeded_by=name)
        more = {"domain": domain}
        return self.choice_instance(doc["Question"].strip(), choices, gold, id=name, metadata=more)


for _set in GPQA_SETS:
    for _domain in ("", *GPQA_DOMAINS):
        _name = f"gpqa_{_set}_{_domain}".rstrip("_")
        _source = DataSource(path="Idavidrein/gpqa", subset=f"gpqa_{_set}", split="train")
        _size = None if _domain else SIZES[_set]
        one_of(Gpqa, _name, data_source=_source, domain=_domain, expected_instances=_size)
        declare(_name, SCORED)
