r"""GSM-Symbolic: GSM8K's problems from templates, with other names and numbers.

- Data: ``apple/GSM-Symbolic``, test split: 100 templates of GSM8K's test problems with 50
  instances each. The instances of one template are a cluster. Subset main is as hard as the
  originals; the variants ``p1`` and ``p2`` add one and two clauses to the problem.
- Prompt, shots, extraction, metric: as for ``gsm8k``; 1,024 tokens.
- Nothing of this family could be compared with the data, only its fields with their description.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, register, register_variant
from olmo_eval_tasks.word_problems import OLMO3BASE, ROBUST, STOPS, WordProblems

PATH = "apple/GSM-Symbolic"


@register("gsm_symbolic")
class GsmSymbolic(WordProblems):
    """GSM8K's problems with other names and numbers."""

    data_source = DataSource(path=PATH, subset="main", split="test")
    sampling_params = SamplingParams(max_tokens=1024, stop_sequences=STOPS)
    card = Card(
        citation="Mirzadeh et al. 2024, GSM-Symbolic: Understanding the Limitations of "
        "Mathematical Reasoning in Large Language Models",
        url="https://arxiv.org/abs/2410.05229",
        licence="CC-BY-NC-ND-4.0",
        defects=("instances of one template are near copies of each other",),
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        template = {"cluster": str(doc["id"]), "id": f"{doc['id']}_{doc['instance']}"}
        answer = doc["answer"]
        return self.problem(
            doc["question"], answer.rpartition("####")[2], solution=answer, **template
        )


register_variant("gsm_symbolic", "olmo3base", **OLMO3BASE)
register_variant("gsm_symbolic", "robust", **ROBUST)
for _harder in ("p1", "p2"):
    register_variant(
        "gsm_symbolic", _harder, data_source=DataSource(path=PATH, subset=_harder, split="test")
    )
