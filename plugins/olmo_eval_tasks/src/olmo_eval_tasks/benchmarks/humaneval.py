"""HumanEval: write the body of a Python function from its signature and docstring.

- Data: ``openai/openai_humaneval``, test split, 164 problems
  (https://huggingface.co/datasets/openai/openai_humaneval, MIT).
- Prompt: the function's head as it stands; ``chat`` asks for the body in words; the task
  ``humaneval:olmo3base`` puts problem and solution into a fenced block.
- Shots: none, or three other problems with their solutions (``3shot``), drawn with seed 1234.
- Extraction: the first fenced block where there is one, else the whole output; a body without
  indentation is indented. ``humaneval:olmo3base`` takes the output as it stands.
- Metric: pass@k, by running the tests in a sandbox; ``bpb`` gives bits per byte of the solution.
  Unlike in the published settings the plain tasks have a metric: pass@1 of their one greedy
  sample.
- Chen et al. 2021, "Evaluating Large Language Models Trained on Code"
  (https://arxiv.org/abs/2107.03374).

``codex_humaneval`` is the same data under its older name. Its variant ``olmo3base`` is published
with three shots but without a formatter that shows them; the request is the bare problem.
"""

from __future__ import annotations

from typing import Any

from olmo_eval.common.formatters import ChatFormatter, GenerationFormatter, PPLFormatter
from olmo_eval.common.metrics import Metric, PassAtKMetric
from olmo_eval.common.types import Instance, LMOutput, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Task, register, register_variant
from olmo_eval_tasks.choices import BITS_PER_BYTE
from olmo_eval_tasks.scorers.code import CodeExecutionScorer, code_in

FENCE = "```"
ASK = (
    "Complete this Python function. Write only the function body (the implementation code that "
    "goes inside the function). Do not repeat the function signature or docstring.\n\n"
    "```python\n{question}\n```"
)
STOPS = (
    "\nclass",
    "\ndef",
    "\nif",
    "\nprint",
    "\n#",
    "\n```",
    "\n```\n\n",
    "<|eot_id|>",
    "<|endoftext|>",
    "<|im_end|>",
)


@register("humaneval")
class HumanEval(Task):
    """Functions with docstring and hidden unit tests."""

    data_source = DataSource(path="openai/openai_humaneval", split="test")
    expected_instances = 164
    fewshot_seed = 1234
    sampling_params = SamplingParams(max_tokens=1024, stop_sequences=STOPS)
    metrics: tuple[Metric, ...] = (PassAtKMetric(scorer=CodeExecutionScorer, k=1),)

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        entry_point = doc["entry_point"]
        return Instance(
            question=doc["prompt"],
            gold_answer=doc["canonical_solution"],
            metadata={
                "id": doc["task_id"],
                "entry_point": entry_point,
                "code_prefix": doc["prompt"],
                "test": f"{doc['test']}\ncheck({entry_point})\n",
            },
        )

    def extract_answer(self, output: LMOutput) -> str | None:
        return code_in(output.text)


@register("codex_humaneval")
class CodexHumanEval(HumanEval):
    """The same problems, under the name that older settings use."""


@register("humaneval:olmo3base")
class FencedHumanEval(HumanEval):
    """Problem and solution as one fenced block, 32 samples."""

    formatter = GenerationFormatter(template="{question}", answer_prefix="")
    num_fewshot = 3
    sampling_params = SamplingParams(
        max_tokens=1024,
        temperature=0.6,
        top_p=0.6,
        num_samples=32,
        stop_sequences=("\n```", "\nclass", "\nif", "\nprint", "\n#", "\n```\n\n", "<|eot_id|>"),
    )
    metrics = tuple(
        PassAtKMetric(scorer=CodeExecutionScorer(timeout=3.0), k=k) for k in (1, 2, 4, 8, 16)
    )
    primary_metric = "pass_at_1"

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        instance = super().process_doc(doc, index)
        return Instance(
            question=f"{FENCE}python\n{instance.question}",
            gold_answer=f"{instance.gold_answer}{FENCE}",
            metadata=instance.metadata,
        )

    def extract_answer(self, output: LMOutput) -> str | None:
        return output.text or None


for _task in ("humaneval", "codex_humaneval"):
    register_variant(
        _task,
        "3shot",
        formatter=GenerationFormatter(template="{question}", answer_prefix=""),
        num_fewshot=3,
    )
    # Solutions keep their own indentation; among the shots a space stands before it, as published.
    register_variant(_task, "bpb", formatter=PPLFormatter(answer_prefix=" "), metrics=BITS_PER_BYTE)

register_variant("codex_humaneval", "olmo3base", num_fewshot=3)
register_variant("humaneval", "chat", formatter=ChatFormatter(user_template=ASK))
register_variant("humaneval", "pass_at_1", temperature=0.2)
register_variant(
    "humaneval",
    "pass_at_10",
    metrics=(PassAtKMetric(scorer=CodeExecutionScorer, k=10),),
    temperature=0.8,
    num_samples=10,
)
