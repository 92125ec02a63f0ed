"""DS-1000: data-science questions of Stack Overflow, answered in a few lines of Python.

- Data: ``xlangai/DS-1000``, test split, 1,000 problems over seven libraries.
- Prompt: the data's, which ends where the solution begins.
- Shots: none, or three other problems with their solutions (``3shot``, ``olmo3base``), seed 1234.
- Extraction: the fenced block where there is one, else the whole output.
- Metric: pass@1 from five samples: the data's own program runs the answer in its context, compares
  results and, where it asks for that, looks for required or forbidden calls. ``bpb`` gives bits
  per byte of all reference solutions together. Unlike in the published settings the plain task and
  ``3shot`` have pass@1 too.

The tests need numpy, pandas, scipy, scikit-learn, matplotlib, tensorflow and torch in the versions
of the paper: they run in a sandbox that offers ``sandbox:ds1000``, and in no other.
"""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import field, frozen, validators

from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, register, register_variant
from olmo_eval_tasks.programs import SOLUTION_BITS, THREE_SHOTS, Programs, pass_at
from olmo_eval_tasks.scorers.code import CodeExecutionScorer


@frozen
class Ds1000Scorer(CodeExecutionScorer):
    """1 where the data's own program accepts the answer, which it is given as text."""

    apart: ClassVar[bool] = False
    capability: ClassVar[str] = "sandbox:ds1000"
    requires: ClassVar[frozenset[str]] = frozenset({"sandbox:ds1000"})
    timeout: float = field(default=120.0, validator=validators.gt(0))

    def program(self, instance: Instance, answer: str, exit_code: int) -> str:
        context = str(instance.metadata["code_context"])
        checks = ["test_execution"] + ["test_string"] * ("test_string(" in context)
        calls = "\n".join(f"{check}({answer!r})" for check in checks)
        return f"{context}\n{calls}\nraise SystemExit({exit_code})\n"


@register("ds1000")
class Ds1000(Programs):
    """Data science in seven libraries."""

    data_source = DataSource(path="xlangai/DS-1000", split="test")
    expected_instances = 1_000
    fewshot_seed = 1234
    sampling_params = SamplingParams(
        max_tokens=1024,
        temperature=0.6,
        top_p=0.6,
        num_samples=5,
        stop_sequences=("</code>", "# SOLUTION END", "```"),
    )
    metrics = pass_at(1, scorer=Ds1000Scorer)
    card = Card(
        citation="Lai et al. 2022, DS-1000: A Natural and Reliable Benchmark for Data Science "
        "Code Generation",
        url="https://arxiv.org/abs/2211.11501",
        licence="CC-BY-SA-4.0",
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        about = doc["metadata"]
        return Instance(
            question=doc["prompt"],
            gold_answer=doc["reference_code"],
            metadata={
                "id": about["problem_id"],
                "library": about["library"],
                "code_context": doc["code_context"],
            },
        )


register_variant("ds1000", "3shot", **THREE_SHOTS)
register_variant("ds1000", "olmo3base", **THREE_SHOTS)
register_variant("ds1000", "pass_at_1")
register_variant("ds1000", "bpb", **SOLUTION_BITS)
