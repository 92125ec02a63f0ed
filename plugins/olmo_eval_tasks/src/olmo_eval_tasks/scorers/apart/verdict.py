"""The evaluation's side: from a program and its tests to whether it passes them."""

from __future__ import annotations

import ast
import builtins
import json
from functools import cache, lru_cache
from importlib import import_module, resources
from typing import Any

from attrs import frozen

from olmo_eval.agents.episode import Episode
from olmo_eval.sandbox import ExecResult, Sandbox, SandboxError
from olmo_eval_tasks.scorers.status import Status, status_of

#: how often more calls than were foreseen are made before it is given up
_ROUNDS = 4
_RECURSION_LIMIT = 10_000
_RESULTS = "results.json"
_PACKAGE = "olmo_eval_tasks.scorers.apart"
_START = """
import sys, types
for name in ("olmo_eval_tasks", "olmo_eval_tasks.scorers", {package!r}):
    sys.modules[name] = types.ModuleType(name)
for name, source in {sources!r}:
    module = sys.modules[{package!r} + "." + name] = types.ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)
module.main()
"""


@frozen
class Verdict:
    """How a program fared: ``passed``, or ``why`` not.

    ``possible`` is False where its tests exchange what cannot travel, so that nothing is decided;
    ``ran`` is how the program itself ended, where it was started; ``tests_timed_out`` says that it
    ended, and the tests did not with what it gave.
    """

    passed: bool
    why: str = ""
    possible: bool = True
    ran: ExecResult | None = None
    tests_timed_out: bool = False

    @property
    def status(self) -> Status:
        """How the program fared, in a word."""
        if self.tests_timed_out:
            return Status.TIMEOUT
        if self.passed or self.ran is None:
            return Status.PASSED if self.passed else Status.FAILED
        if self.ran.ok and self.why.startswith("MemoryError"):  # one that a call has raised
            return Status.OUT_OF_MEMORY
        return status_of(self.ran)


@frozen
class Tests:
    """The tests of a program.

    ``setup`` is code that they may use, such as the helpers of a prompt; ``names`` are the
    program's own, even where the set-up has such names too; ``timeout`` is in seconds.
    """

    source: str
    setup: str = ""
    names: tuple[str, ...] = ()
    timeout: float = 20.0

    def request(self, answers: list[Any] | None) -> dict[str, Any]:
        return {
            "setup": self.setup,
            "tests": self.source,
            "program_names": sorted({*self.names, *names_of_program(self.source, self.setup)}),
            "answers": answers,
            "recursion_limit": _RECURSION_LIMIT,
        }


async def judged(program: str, tests: Tests, episode: Episode, capability: str) -> Verdict:
    """Whether ``program`` passes ``tests``, each in an environment that is as new.

    Raises:
        SandboxError: an environment failed, or tests could not be run that no program had touched.
    """
    try:
        names_of_program(tests.source, tests.setup)
    except SyntaxError:
        return Verdict(False, possible=False)
    box = await episode.sandbox(capability)
    calls = await _foreseen(tests, box)
    if calls is None:
        return Verdict(False, possible=False)
    for _round in range(_ROUNDS):
        results, ran = await _made(program, calls, tests.timeout, box)
        if results is None:
            return Verdict(False, _ended(ran), ran=ran)
        box = await episode.renew(capability)
        answers = [list(pair) for pair in zip(calls, results, strict=True)]
        said = await _asked(tests, answers, box)
        if "passed" in said:
            slow = said.get("timed_out", False)
            return Verdict(said["passed"], said.get("why", ""), ran=ran, tests_timed_out=slow)
        if "impossible" in said:
            break
        calls = said["calls"]
    return Verdict(False, possible=False)


_FORESEEN: dict[Tests, list[Any] | None] = {}
_MOST_KEPT = 4096


async def _foreseen(tests: Tests, box: Sandbox) -> list[Any] | None:
    """The calls that tests seem to make, learnt once; None where something cannot travel."""
    if tests not in _FORESEEN:
        said = await _asked(tests, None, box)
        if len(_FORESEEN) >= _MOST_KEPT:
            _FORESEEN.clear()
        _FORESEEN[tests] = said.get("calls")
    return _FORESEEN[tests]


async def _asked(tests: Tests, answers: list[Any] | None, box: Sandbox) -> dict[str, Any]:
    """What the tests say. Raises SandboxError where they say nothing."""
    asked = json.dumps(tests.request(answers)).encode()
    result = await box.exec(_command("tests"), stdin=asked, timeout=tests.timeout)
    if result.timed_out:
        why = "the tests took too long with these results"
        return {"passed": False, "why": why, "timed_out": True}
    try:
        said: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        end = " ".join(result.stderr.split())[-300:]
        raise SandboxError(f"the tests could not be run: {end}") from None
    return said


async def _made(
    program: str, calls: list[Any], timeout: float, box: Sandbox
) -> tuple[list[Any] | None, ExecResult]:
    """The results of the calls; None where the program did not come to make them all."""
    request = {
        "program": program,
        "calls": calls,
        "results": _RESULTS,
        "recursion_limit": _RECURSION_LIMIT,
    }
    data = json.dumps(request).encode()
    ran = await box.exec(_command("calls"), stdin=data, timeout=timeout)
    if not ran.ok:
        return None, ran
    try:
        results = json.loads(await box.read(_RESULTS))
        json.dumps(results)
    except (OSError, ValueError, RecursionError):  # what the program left; an environment that
        return None, ran  # fails is a SandboxError, and no fault of the program's
    whole = isinstance(results, list) and len(results) == len(calls)
    return (results if whole else None), ran


def _ended(ran: ExecResult) -> str:
    if ran.timed_out:
        return "timeout"
    lines = [line for line in ran.stderr.splitlines() if line.strip()]
    return lines[-1] if lines else f"ended with exit code {ran.exit_code} before its tests"


@cache
def _command(which: str) -> list[str]:
    """The command that runs ``calls`` or ``tests`` where there is nothing but Python."""
    package = resources.files(import_module(_PACKAGE))
    sources = [(name, (package / f"{name}.py").read_text("utf-8")) for name in ("values", which)]
    return ["python3", "-I", "-c", _START.format(package=_PACKAGE, sources=sources)]


@lru_cache(maxsize=_MOST_KEPT)
def names_of_program(tests: str, setup: str) -> list[str]:
    """What tests name that neither they, their set-up nor Python define: the program must.

    Raises:
        SyntaxError: the tests, or their set-up, are not Python.
    """
    used, defined = _names(ast.parse(tests))
    _used, prepared = _names(ast.parse(setup))
    return sorted(used - defined - prepared - set(dir(builtins)))


def _names(tree: ast.AST) -> tuple[set[str], set[str]]:
    used: set[str] = set()
    defined: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else defined).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            defined.add(node.name)
        elif isinstance(node, ast.arg):
            defined.add(node.arg)
        elif isinstance(node, ast.alias):
            defined.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            defined.add(node.name)
    return used, defined
