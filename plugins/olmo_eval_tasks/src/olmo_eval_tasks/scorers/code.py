"""``code_exec``: whether generated Python passes its tests, in a sandbox."""

from __future__ import annotations

import builtins
import random
import re
from typing import ClassVar

from attrs import field, frozen, validators

from olmo_eval.agents.episode import Episode
from olmo_eval.common.scorers import AsyncScorer
from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.evals.extract.code import defines, extract_code, indent_code, parses
from olmo_eval.sandbox import ExecResult
from olmo_eval_tasks.scorers.apart.verdict import Tests, Verdict, judged
from olmo_eval_tasks.scorers.status import Status, brief, evidence, status_of

_DEFINED = re.compile(r"^(?:def|class)[ \t]+(\w+)", re.MULTILINE)
_FUTURE = re.compile(r"^from __future__ import .*\n?", re.MULTILINE)


def code_in(text: str) -> str | None:
    """The Python in ``text`` (see ``extract_code``); None where it is blank."""
    code = extract_code(text)
    return code if code.strip() else None


def completed(prefix: str, answer: str, entry_point: str) -> str:
    """The program that ``answer`` makes of ``prefix``, which ends in a function's head.

    An answer that defines the function anew stands below the head, whose imports and helpers it
    may use. A body is put in as it stands; one that starts without indentation, as chat models
    write it, is indented, wholly or, where only its first line lacks it, there alone.
    """
    if defines(answer, entry_point):
        future = "".join(_FUTURE.findall(answer))
        return f"{future}{whole_program(prefix)}{_FUTURE.sub('', answer)}"
    first = next((line for line in answer.splitlines() if line.strip()), "")
    if first[:1].isspace() or not prefix:
        return prefix + answer
    indented = [prefix + indent_code(answer), f"{prefix}    {answer.lstrip()}"]
    return next((program for program in indented if parses(program)), indented[0])


def whole_program(prefix: str) -> str:
    """``prefix`` as a program of its own: a head without docstring gets a body."""
    head = prefix.rstrip("\n ")
    if not head or parses(head):
        return f"{head}\n" if head else ""
    last = head.rpartition("\n")[2]
    indentation = last[: len(last) - len(last.lstrip())]
    return f"{head}\n{indentation}    pass\n"


def own_builtins(code: str) -> tuple[str, ...]:
    """The functions and classes of a program that have the name of a builtin, such as ``sum``."""
    return tuple(sorted({*_DEFINED.findall(code)} & set(dir(builtins))))


async def judged_once(code: str, tests: Tests, episode: Episode, capability: str) -> Verdict:
    """``judged``; once in a run for the same program with the same tests."""
    key = ["apart", code, tests.source, tests.setup, list(tests.names), tests.timeout, capability]
    return await episode.once(key, lambda: judged(code, tests, episode, capability))


def record_verdict(verdict: Verdict, episode: Episode, longest: int) -> None:
    """Record how a program fared, with the end of what it printed where it did not pass."""
    if verdict.passed:
        episode.record("execution", brief(Status.PASSED))
        return
    ran = verdict.ran
    kept = evidence(ran, longest, verdict.status) if ran else brief(verdict.status)
    episode.record("execution", {**kept, "why": verdict.why})


class PythonScorer(AsyncScorer):
    """Base of scorers that give 1 where a Python program runs to its end.

    The program ends with an exit code drawn anew each time: leaving early with success, or
    catching the failures of tests, is no pass. Subclasses have the fields ``timeout`` (seconds)
    and ``max_output_len``: as many characters of what a failed program printed last are kept
    beside the output.
    """

    reads = "text"
    #: the environment that it asks for
    capability: ClassVar[str] = "python"
    requires = frozenset({"python"})
    timeout: float
    max_output_len: int

    def program(self, instance: Instance, answer: str, exit_code: int) -> str | None:
        """The Python source to run; it ends with ``exit_code`` where every test passed. None:
        the answer is wrong whatever a program would say."""
        raise NotImplementedError(f"{type(self).__name__} does not say what to run")

    async def score_async(self, instance: Instance, output: LMOutput, episode: Episode) -> float:
        """1 or 0; how the program ended is recorded as ``execution``."""
        if output.extracted_answer is None:
            episode.record("execution", brief(Status.NO_CODE))
            return 0.0
        return await self.score_code(instance, str(output.extracted_answer), episode)

    async def score_code(self, instance: Instance, answer: str, episode: Episode) -> float:
        """The score of an answer, run in one program with what it is measured by."""
        # the exit code that says that every test has passed is drawn for each program anew
        if self.program(instance, answer, 0) is None:
            episode.record("execution", brief(Status.FAILED))
            return 0.0
        key = [type(self).__qualname__, self.version, self.timeout]
        key.append(str(self.program(instance, answer, 0)))
        result, passed = await episode.once(key, lambda: self._ran(instance, answer, episode))
        status = status_of(result, passed)
        kept = brief(status) if passed else evidence(result, self.max_output_len, status)
        episode.record("execution", kept)
        return float(passed)

    async def _ran(
        self, instance: Instance, answer: str, episode: Episode
    ) -> tuple[ExecResult, bool]:
        passed = random.randrange(65, 125)
        source = str(self.program(instance, answer, passed))
        sandbox = await episode.sandbox(self.capability)
        await sandbox.write("answer.py", source.encode("utf-8", "replace"))
        result = await sandbox.exec(["python3", "-I", "answer.py"], timeout=self.timeout)
        return result, result.exit_code == passed


@frozen
class CodeExecutionScorer(PythonScorer):
    """1 where the program made of the question's code and the answer passes its tests.

    The instance's metadata gives ``test``, and where they apply ``code_prefix`` and
    ``code_suffix`` (what stands before and after the answer) and ``entry_point``. Program and tests
    run apart from each other (``scorers.apart``), so that no program can make a test pass but by
    the right values. Tests that exchange what cannot travel run in one program with the answer,
    ``separator`` between them.
    """

    name: str = "code_exec"
    timeout: float = field(default=20.0, validator=validators.gt(0))
    language: str = field(default="python", validator=validators.in_(("python",)))
    separator: str = "\n\n"
    max_output_len: int = field(default=4000, validator=validators.ge(0))

    version: ClassVar[int] = 4
    #: whether program and tests can be told apart; tests that patch the program's modules cannot
    apart: ClassVar[bool] = True

    async def score_code(self, instance: Instance, answer: str, episode: Episode) -> float:
        if not self.apart:
            return await super().score_code(instance, answer, episode)
        code = self.code(instance, answer)
        tests = self.tests(instance, code)
        verdict = await judged_once(code, tests, episode, self.capability)
        if not verdict.possible:
            return await super().score_code(instance, answer, episode)
        record_verdict(verdict, episode, self.max_output_len)
        return float(verdict.passed)

    def code(self, instance: Instance, answer: str) -> str:
        """The program that the answer makes."""
        known = instance.metadata
        prefix, suffix = str(known.get("code_prefix", "")), known.get("code_suffix")
        if suffix is None:
            return completed(prefix, answer, str(known.get("entry_point", "")))
        return f"{prefix}{answer}{suffix}"

    def tests(self, instance: Instance, code: str) -> Tests:
        """The tests of the program ``code``, which may use what stands before the answer."""
        known = instance.metadata
        whole = known.get("code_suffix") is None
        entry_point = known.get("entry_point")
        return Tests(
            source=str(known["test"]),
            setup=whole_program(str(known.get("code_prefix", ""))) if whole else "",
            names=((str(entry_point),) if entry_point else ()) + own_builtins(code),
            timeout=self.timeout,
        )

    def program(self, instance: Instance, answer: str, exit_code: int) -> str:
        tests = f"{self.separator}{instance.metadata['test']}"
        return f"{self.code(instance, answer)}{tests}\nraise SystemExit({exit_code})\n"
