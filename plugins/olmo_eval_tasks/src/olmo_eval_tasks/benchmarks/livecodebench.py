"""LiveCodeBench, code generation: contest problems of LeetCode, AtCoder and Codeforces, dated.

- Data: ``livecodebench/code_generation_lite``, all six releases, 1,055 problems from May 2023 to
  April 2025. ``-o split=2024-08-01..2025-02-01`` keeps the problems of these days, the first
  included and the last not; either may be left out. Problems older than a model's training data
  measure memory.
- Prompt: a chat with the problem, and the starter code where the problem is a function; the
  benchmark's own words.
- Shots: none.
- Extraction: the last fenced block, as the benchmark has it.
- Metric: pass@1 from ten samples at temperature 0.2: all public and hidden tests must pass, run in
  a sandbox, six seconds each. ``greedy`` takes one sample.
"""

from __future__ import annotations

import base64
import io
import json
import pickle
import zlib
from collections.abc import Iterator
from typing import Any

from olmo_eval.common.formatters import ChatFormatter
from olmo_eval.common.types import Instance, LMOutput, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.errors import UsageError
from olmo_eval.evals.extract.code import code_blocks
from olmo_eval.evals.tasks.common import Card, Task, register, register_variant
from olmo_eval_tasks.programs import pass_at
from olmo_eval_tasks.scorers.program_tests import ProgramInstance, ProgramTest, ProgramTestsScorer

RELEASES = ("test.jsonl", *(f"test{number}.jsonl" for number in range(2, 7)))
SYSTEM = (
    "You are an expert Python programmer. You will be given a question (problem specification) and "
    "will generate a correct Python program that matches the specification and passes all tests."
)
WITH_STARTER = (
    "### Format: You will use the following starter code to write the solution to the problem and "
    "enclose your code within delimiters.\n```python\n{starter}\n```\n"
)
WITHOUT_STARTER = (
    "### Format: Read the inputs from stdin solve the problem and write the answer to stdout (do "
    "not directly test on the sample inputs). Enclose your code within delimiters as follows. "
    "Ensure that when the python program runs, it reads the inputs, runs the algorithm and writes "
    "output to STDOUT.\n```python\n# YOUR CODE HERE\n```\n"
)
PROMPT = (
    "### Question:\n{question}\n\n{format}\n### Answer: (use the provided format with backticks)\n"
)


@register("livecodebench")
class LiveCodeBench(Task):
    """Dated contest problems, as programs or functions."""

    data_source = DataSource(path="livecodebench/code_generation_lite", data_files=RELEASES)
    formatter = ChatFormatter(system_prompt=SYSTEM, user_template=PROMPT)
    sampling_params = SamplingParams(max_tokens=2000, temperature=0.2, top_p=0.95, num_samples=10)
    metrics = pass_at(1, scorer=ProgramTestsScorer)
    card = Card(
        citation="Jain et al. 2024, LiveCodeBench: Holistic and Contamination Free Evaluation of "
        "Large Language Models for Code",
        url="https://arxiv.org/abs/2403.07974",
        licence="CC-BY-4.0",
        defects=(
            "Some problems accept several outputs; the tests know one.",
            "The problems' texts belong to their contest sites.",
        ),
    )

    @property
    def instances(self) -> Iterator[Instance]:
        """The problems of the days that ``split`` names.

        Raises:
            UsageError: ``split`` names no days.
        """
        first, last = window(self.config.split)
        for instance in super().instances:
            day = instance.metadata["date"]
            if first <= day and (not last or day < last):
                yield instance

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        starter = doc.get("starter_code") or ""
        form = WITH_STARTER if starter else WITHOUT_STARTER
        about = json.loads(doc.get("metadata") or "{}")
        tests = [*json.loads(doc["public_test_cases"]), *hidden_tests(doc["private_test_cases"])]
        return ProgramInstance(
            question=doc["question_content"],
            tests=tuple(ProgramTest(t["input"], t["output"]) for t in tests),
            metadata={
                "id": doc["question_id"],
                "date": doc["contest_date"][:10],
                "difficulty": doc["difficulty"],
                "platform": doc["platform"],
                "format": form.replace("{starter}", starter),
                "function": about.get("func_name") if starter else None,
            },
        )

    def extract_answer(self, output: LMOutput) -> str | None:
        blocks = [block.code for block in code_blocks(output.text) if block.code.strip()]
        return blocks[-1] if blocks else None


def window(split: str | None) -> tuple[str, str]:
    """The first day, and the day after the last, that ``2024-08-01..2025-02-01`` names.

    Raises:
        UsageError: it names none.
    """
    if split in (None, "test"):
        return "", ""
    first, dots, last = str(split).partition("..")
    days = [day for day in (first, last) if day]
    if not dots or any(len(d) not in (4, 7, 10) or not d.replace("-", "").isdigit() for d in days):
        raise UsageError(
            f"livecodebench: split {split!r} is not a range of days",
            hint="write -o split=2024-08-01..2025-02-01; either end may be left out",
        )
    return first, last


class _Texts(pickle.Unpickler):
    """Reads a pickled text; anything that would import code is refused."""

    def find_class(self, module: str, name: str) -> Any:
        raise ValueError(f"the tests hold {module}.{name}, not text")


def hidden_tests(packed: str) -> list[dict[str, Any]]:
    """The hidden tests of a row: JSON, or JSON that is pickled, compressed and in base64.

    Raises:
        ValueError: they are something else.
    """
    try:
        tests = json.loads(packed)
    except ValueError:
        unpacked = zlib.decompress(base64.b64decode(packed))
        try:
            tests = json.loads(_Texts(io.BytesIO(unpacked)).load())
        except pickle.UnpicklingError as error:
            raise ValueError(f"the hidden tests cannot be read: {error}") from error
    return list(tests)


register_variant("livecodebench", "greedy", temperature=0.0, top_p=None, num_samples=1)
