"""CRUXEval: predict what a short Python function returns, or an input that makes it return that.

- Data: ``cruxeval-org/cruxeval``, test split, 800 functions that a language model wrote, each with
  one input and its output.
- Prompt: the paper's, with two worked examples (``direct``) or one that thinks step by step
  (``cot``); the answer is an assertion between ``[ANSWER]`` and ``[/ANSWER]``.
- Shots: those of the prompt.
- Extraction: the paper's: what follows the first ``==`` of the assertion (output), or stands
  between ``assert`` and ``==`` (input); with ``cot``, of what follows ``[ANSWER]``, or of the last
  line where that is missing. ``robust`` is a chat that thinks step by step; it reads the last
  assertion wherever it stands, by Python's grammar, so that ``==`` may stand inside a string.
- Metric: the paper's pass@1 from ten samples at temperature 0.2 and, in ``pass_at_5``, pass@5 from
  ten at temperature 0.8. ``assert f(input) == output`` is run with the answer in it; an answer that
  calls the function on its input again, or an input without a call, is wrong.

``greedy`` takes one sample without randomness. How many tokens an answer may have is ours: 256,
and 1,024 with ``cot``.
"""

from __future__ import annotations

import ast
import re
from typing import Any, ClassVar

from olmo_eval.common.formatters import ChatFormatter, GenerationFormatter
from olmo_eval.common.metrics import Metric
from olmo_eval.common.types import Instance, LMOutput, SamplingParams
from olmo_eval.data import DataSource
from olmo_eval.evals.tasks.common import Card, Task, register, register_variant
from olmo_eval_tasks.programs import pass_at
from olmo_eval_tasks.scorers.output_prediction import OutputPredictionScorer

_OUTPUT = (
    "You are given a Python function and an assertion containing an input to the function. "
    "Complete the assertion with a literal (no unsimplified expressions, no function calls) "
    "containing the output when executing the provided code on the given input, even if the "
    "function is incorrect or incomplete. Do NOT output any extra information. "
)
_INPUT = "You will be given a function f and an output in the form f(??) == output. "
OUTPUT_DIRECT = (
    _OUTPUT
    + """\
Provide the full assertion with the correct output in [ANSWER] and [/ANSWER] tags, following the \
examples.

[PYTHON]
def f(n):
    return n
assert f(17) == ??
[/PYTHON]
[ANSWER]
assert f(17) == 17
[/ANSWER]

[PYTHON]
def f(s):
    return s + "a"
assert f("x9j") == ??
[/PYTHON]
[ANSWER]
assert f("x9j") == "x9ja"
[/ANSWER]

[PYTHON]
{code}
assert f({input}) == ??
[/PYTHON]
[ANSWER]
"""
)
OUTPUT_COT = (
    _OUTPUT
    + """\
Execute the program step by step before arriving at an answer, and provide the full assertion with \
the correct output in [ANSWER] and [/ANSWER] tags, following the examples.

[PYTHON]
def f(s):
    s = s + s
    return "b" + s + "a"
assert f("hi") == ??
[/PYTHON]
[THOUGHT]
Let's execute the code step by step:

1. The function f is defined, which takes a single argument s.
2. The function is called with the argument "hi", so within the function, s is initially "hi".
3. Inside the function, s is concatenated with itself, so s becomes "hihi".
4. The function then returns a new string that starts with "b", followed by the value of s (which \
is now "hihi"), and ends with "a".
5. The return value of the function is therefore "bhihia".
[/THOUGHT]
[ANSWER]
assert f("hi") == "bhihia"
[/ANSWER]

[PYTHON]
{code}
assert f({input}) == ??
[/PYTHON]
[THOUGHT]
"""
)
INPUT_DIRECT = (
    _INPUT
    + """\
Find any input such that executing f on the input leads to the given output. There may be multiple \
answers, but you should only output one. In [ANSWER] and [/ANSWER] tags, complete the assertion \
with one such input that will produce the output when executing the function.

[PYTHON]
def f(my_list):
    count = 0
    for i in my_list:
        if len(i) % 2 == 0:
            count += 1
    return count
assert f(??) == 3
[/PYTHON]
[ANSWER]
assert f(["mq", "px", "zy"]) == 3
[/ANSWER]

[PYTHON]
def f(s1, s2):
    return s1 + s2
assert f(??) == "banana"
[/PYTHON]
[ANSWER]
assert f("ba", "nana") == "banana"
[/ANSWER]

[PYTHON]
{code}
assert f(??) == {output}
[/PYTHON]
[ANSWER]
"""
)
INPUT_COT = (
    _INPUT
    + """\
Your task is to find any input such that executing f on the input leads to the given output. There \
may be multiple answers, but only output one. First, think step by step. You MUST surround the \
answer with [ANSWER] and [/ANSWER] tags. Express your answer as a passing assertion containing the \
input and the given output.

[PYTHON]
def f(x):
    return x + 1
assert f(??) == 17
[/PYTHON]
[THOUGHT]
To find an input such that executing f on the input leads to the given output, we can work \
backwards from the given assertion. We know that f(??) == 17. \n
Since the function f(x) returns x + 1, for f(??) to be equal to 17, the value of ?? should be 16. \
\n[/THOUGHT]
[ANSWER]
assert f(16) == 17
[/ANSWER]

[PYTHON]
{code}
assert f(??) == {output}
[/PYTHON]
[THOUGHT]
"""
)


class CruxEval(Task):
    """What both directions share."""

    data_source = DataSource(path="cruxeval-org/cruxeval", split="test")
    expected_instances = 800
    answer_in_context = True  # outputs are made of literals of the code and its input
    sampling_params = SamplingParams(
        max_tokens=256, temperature=0.2, top_p=0.95, num_samples=10, stop_sequences=("[/ANSWER]",)
    )
    card = Card(
        citation="Gu et al. 2024, CRUXEval: A Benchmark for Code Reasoning, Understanding and "
        "Execution",
        url="https://arxiv.org/abs/2401.03065",
        licence="MIT",
    )
    predicts: ClassVar[str]

    def process_doc(self, doc: dict[str, Any], index: int = 0) -> Instance:
        given = {key: doc[key] for key in ("id", "code", "input", "output")}
        call = f"f({doc['input']})"
        return Instance(
            question=doc["code"],
            gold_answer=doc["output"] if self.predicts == "output" else call,
            metadata=given,
        )

    def extract_answer(self, output: LMOutput) -> str | None:
        return stated(output.text, self.predicts)

    def oracle(self, instance: Instance) -> str:
        known = instance.metadata
        return f"[ANSWER]\nassert f({known['input']}) == {known['output']}\n"


def stated(assertion: str, what: str) -> str | None:
    """The ``output`` or ``input`` of an assertion, by the paper's rule; None where it is blank."""
    text = assertion.partition("[/ANSWER]")[0]
    if "==" in text:
        text = text.split("==")[1 if what == "output" else 0]
    if what == "input" and "assert" in text:
        text = text.split("assert")[1]
    return text.strip() or None


def _after_thought(text: str, what: str) -> str | None:
    if "[ANSWER]" in text:
        return stated(text.split("[ANSWER]")[1], what)
    return text.strip().rpartition("\n")[2].strip() or None


def output_after_thought(text: str) -> str | None:
    """The output that follows a chain of thought."""
    return _after_thought(text, "output")


def input_after_thought(text: str) -> str | None:
    """The input that follows a chain of thought."""
    return _after_thought(text, "input")


def output_anywhere(text: str) -> str | None:
    """The output of the last assertion, whatever stands around it."""
    return _last_assertion(text, "output")


def input_anywhere(text: str) -> str | None:
    """The input of the last assertion, whatever stands around it."""
    return _last_assertion(text, "input")


def _last_assertion(text: str, what: str) -> str | None:
    """By Python's own grammar where it is one line of Python, so that ``==`` may stand inside."""
    text = text.rpartition("[ANSWER]")[2].partition("[/ANSWER]")[0]
    lines = re.findall(r"^[ \t>`*]*(assert\b.*?)[ \t`*]*$", text, re.MULTILINE)
    if not lines:
        return stated(text, what)
    try:
        (statement,) = ast.parse(lines[-1]).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return stated(lines[-1], what)
    test = getattr(statement, "test", None)
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return stated(lines[-1], what)
    side = test.comparators[0] if what == "output" else test.left
    return ast.get_source_segment(lines[-1], side)


def _pass_at(what: str, *ks: int) -> tuple[Metric, ...]:
    return pass_at(*ks, scorer=OutputPredictionScorer(predicts=what))


@register("cruxeval_output")
class CruxEvalOutput(CruxEval):
    """What does the function return for the given input?"""

    predicts = "output"
    formatter = GenerationFormatter(template=OUTPUT_DIRECT)
    metrics = _pass_at("output", 1)


@register("cruxeval_input")
class CruxEvalInput(CruxEval):
    """For which input does the function return the given output?"""

    predicts = "input"
    formatter = GenerationFormatter(template=INPUT_DIRECT)
    metrics = _pass_at("input", 1)


for _what, _cot, _thought, _anywhere in (
    ("output", OUTPUT_COT, output_after_thought, output_anywhere),
    ("input", INPUT_COT, input_after_thought, input_anywhere),
):
    _task = f"cruxeval_{_what}"
    register_variant(_task, "direct")
    register_variant(
        _task,
        "cot",
        formatter=GenerationFormatter(template=_cot),
        answer_extractor=_thought,
        max_tokens=1024,
    )
    register_variant(_task, "pass_at_1")
    register_variant(_task, "pass_at_5", metrics=_pass_at(_what, 5, 1), temperature=0.8)
    register_variant(_task, "greedy", temperature=0.0, top_p=None, num_samples=1)
    register_variant(
        _task,
        "robust",
        formatter=ChatFormatter(user_template=_cot.removesuffix("[THOUGHT]\n").rstrip()),
        answer_extractor=_anywhere,
        stop_sequences=None,
        max_tokens=2048,
    )
