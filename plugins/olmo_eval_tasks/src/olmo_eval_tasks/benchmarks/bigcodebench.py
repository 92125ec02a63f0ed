"""BigCodeBench: Python functions that use many libraries, from a docstring with everything in it.

- Data: ``bigcode/bigcodebench``, split v0.1.2, 1,140 problems.
- Prompt: the function's head with its docstring (the Complete setting); ``robust`` asks for it as
  a chat, in the words of the data's Instruct setting.
- Shots: none, or three other problems with their solutions (``3shot``, ``olmo3base``), seed 1234.
- Extraction: the fenced block where there is one, else the whole output.
- Metric: pass@1 from five samples, by running the data's unittest cases; ``bpb`` gives bits per
  byte of all solutions together. Unlike in the published settings the plain task and ``3shot``
  have pass@1 too.

The tests need about 70 libraries: they run in a sandbox that offers ``sandbox:bigcodebench``. One
without these libraries would score right answers 0, so no other is taken.
"""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import frozen

from olmo_eval.common.formatters import ChatFormatter
from olmo_eval.common.types import Instance, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, register, register_variant
from olmo_eval_tasks.programs import SOLUTION_BITS, THREE_SHOTS, Programs, pass_at
from olmo_eval_tasks.scorers.code import CodeExecutionScorer

#: runs every case of the data's test class, at least one, and fails where one does
RUN_CASES = """
import unittest as _unittest
_suite = _unittest.defaultTestLoader.loadTestsFromTestCase(TestCases)
_result = _unittest.TextTestRunner().run(_suite)
assert _result.testsRun and _result.wasSuccessful()
"""


@frozen
class BigCodeBenchScorer(CodeExecutionScorer):
    """``code_exec`` in the sandbox that has the benchmark's libraries."""

    apart: ClassVar[bool] = False
    capability: ClassVar[str] = "sandbox:bigcodebench"
    requires: ClassVar[frozenset[str]] = frozenset({"sandbox:bigcodebench"})


@register("bigcodebench")
class BigCodeBench(Programs):
    """Practical Python with many library calls."""

    data_source = DataSource(path="bigcode/bigcodebench", split="v0.1.2")
    expected_instances = 1_140
    fewshot_seed = 1234
    sampling_params = SamplingParams(
        max_tokens=1280,
        temperature=0.6,
        top_p=0.6,
        num_samples=5,
        stop_sequences=(
            "<|endoftext|>",
            "<|endofmask|>",
            "</s>",
            "\nif __name__",
            "\ndef main(",
            "\nprint(",
            "\ndef ",
            "\nclass ",
            "\nimport ",
            "\nfrom ",
            "\nassert ",
        ),
    )
    metrics = pass_at(1, scorer=BigCodeBenchScorer(timeout=60.0))
    card = Card(
        citation="Zhuo et al. 2024, BigCodeBench: Benchmarking Code Generation with Diverse "
        "Function Calls and Complex Instructions",
        url="https://arxiv.org/abs/2406.15877",
        licence="Apache-2.0",
    )

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        return Instance(
            question=doc["complete_prompt"],
            gold_answer=doc["canonical_solution"],
            metadata={
                "id": doc["task_id"],
                "entry_point": doc["entry_point"],
                "instruct_prompt": doc.get("instruct_prompt", ""),
                "code_prefix": doc["complete_prompt"],
                "test": doc["test"] + RUN_CASES,
            },
        )


register_variant("bigcodebench", "3shot", **THREE_SHOTS)
register_variant("bigcodebench", "olmo3base", **THREE_SHOTS)
register_variant("bigcodebench", "pass_at_1")
register_variant("bigcodebench", "bpb", **SOLUTION_BITS)
register_variant(
    "bigcodebench",
    "robust",
    formatter=ChatFormatter(user_template="{instruct_prompt}"),
    stop_sequences=None,
    max_tokens=2048,
)
