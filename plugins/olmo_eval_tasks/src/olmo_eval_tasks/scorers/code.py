"""``code_exec``: whether generated Python passes its tests, in a sandbox."""

from __future__ import annotations

import random
import re
import textwrap

from attrs import field, frozen, validators

from olmo_eval.agents.episode import Episode
from olmo_eval.common.scorers import AsyncScorer
from olmo_eval.common.types import Instance, LMOutput

_THOUGHT = re.compile(r"<think>.*?</think>\n*", re.DOTALL | re.IGNORECASE)
_FENCED = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)
_LAST_FENCE = re.compile(r"\n?```\s*\Z")


def code_in(text: str) -> str | None:
    """The first fenced block of ``text``, or the whole of it; None where it is blank.

    What a reasoning model thought aloud (``<think>``) is left out.
    """
    text = _THOUGHT.sub("", text)
    block = _FENCED.search(text)
    code = block.group(1) if block else _LAST_FENCE.sub("", text)
    return code if code.strip() else None


def as_body(code: str, entry_point: str) -> str:
    """``code`` as what follows a function's head.

    A body that starts without indentation, as chat models write it, is indented; code that
    defines the function anew, below its head, stays as it is.
    """
    first = next((line for line in code.splitlines() if line.strip()), "")
    defines = re.search(rf"^(?:async )?def {re.escape(entry_point)}\b", code, re.MULTILINE)
    if first[:1].isspace() or defines:
        return code
    return textwrap.indent(code, "    ")


@frozen
class CodeExecutionScorer(AsyncScorer):
    """1 where the program made of the question's code, the answer and the tests runs to its end.

    The instance's metadata gives ``code_prefix`` (what stands before the answer), ``test`` and
    ``entry_point``. The program must reach its last line, which ends it with an exit code drawn
    anew each time: leaving early with success, or catching the tests' failures, is no pass.
    ``timeout`` is in seconds.
    """

    name: str = "code_exec"
    reads = "text"
    requires = frozenset({"python"})
    timeout: float = field(default=10.0, validator=validators.gt(0))

    def program(self, instance: Instance, answer: str, exit_code: int) -> str:
        """The Python source to run; it ends with ``exit_code`` where every test passed."""
        known = instance.metadata
        body = as_body(answer, str(known.get("entry_point", "")))
        code = str(known.get("code_prefix", "")) + body
        return f"{code}\n{known['test']}\nraise SystemExit({exit_code})\n"

    async def score_async(self, instance: Instance, output: LMOutput, episode: Episode) -> float:
        if output.extracted_answer is None:
            return 0.0
        passed = random.randrange(65, 125)
        source = self.program(instance, str(output.extracted_answer), passed)
        sandbox = await episode.sandbox("python")
        await sandbox.write("answer.py", source.encode("utf-8", "replace"))
        result = await sandbox.exec(["python3", "-I", "answer.py"], timeout=self.timeout)
        return float(result.exit_code == passed)
