"""``program_tests``: whether a Python program answers its tests' inputs, in a sandbox."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from attrs import field, frozen, validators

from olmo_eval.agents.episode import Episode
from olmo_eval.common.scorers import AsyncScorer
from olmo_eval.common.types import Instance, LMOutput
from olmo_eval.sandbox import ExecResult
from olmo_eval_tasks.scorers.status import Status, brief, evidence, status_of

#: what solutions may use without importing it, as LiveCodeBench lets them
IMPORTS = """\
from string import *
from re import *
from datetime import *
from collections import *
from heapq import *
from bisect import *
from copy import *
from math import *
from random import *
from statistics import *
from itertools import *
from functools import *
from operator import *
from io import *
from sys import *
from json import *
from typing import *
import string, re, datetime, collections, heapq, bisect, copy, math, random, statistics
import itertools, functools, operator, io, sys, json
sys.setrecursionlimit(50000)
"""
#: calls the function with one JSON value a line of the input, and prints its result after a mark
CALL = """
import json as _json, sys as _sys
_arguments = [_json.loads(line) for line in _sys.stdin.read().split("\\n") if line.strip()]
_function = getattr(Solution(), {name!r}) if "Solution" in globals() else {name}
_result = _function(*_arguments)
print({mark!r} + _json.dumps(_result))
"""


@frozen
class ProgramTest:
    """What a program is given, and what it must answer."""

    input: str
    output: str


@frozen
class ProgramInstance(Instance):
    """A problem with ``tests``, which may be megabytes and are therefore no part of records."""

    tests: tuple[ProgramTest, ...] = ()


@frozen
class ProgramTestsScorer(AsyncScorer):
    """1 where the program gives the right output for every test of a ``ProgramInstance``.

    The metadata's ``function`` names the function (or the method of ``Solution``) that is called
    with the lines of the input as JSON values and must return the output's value. Without it the
    program reads the input from stdin, and what it prints is compared line by line without blanks
    at the ends, numbers by their value. Only this process knows the right outputs. ``timeout`` is
    seconds for one test.
    """

    reads = "text"
    requires = frozenset({"python"})
    name: str = "program_tests"
    timeout: float = field(default=6.0, validator=validators.gt(0))
    max_output_len: int = field(default=1000, validator=validators.ge(0))

    async def score_async(self, instance: Instance, output: LMOutput, episode: Episode) -> float:
        """1 or 0; how the program ended is recorded as ``execution``."""
        if output.extracted_answer is None:
            episode.record("execution", brief(Status.NO_CODE))
            return 0.0
        tests = instance.tests if isinstance(instance, ProgramInstance) else ()
        answer, function = str(output.extracted_answer), instance.metadata.get("function")
        key = ["program_tests", answer, function, self.timeout, _digest(tests)]
        kept = await episode.once(key, lambda: self._ran(answer, function, tests, episode))
        episode.record("execution", kept)
        return float(kept["status"] == Status.PASSED)

    async def _ran(
        self, answer: str, function: Any, tests: Sequence[ProgramTest], episode: Episode
    ) -> dict[str, Any]:
        """How a program fared with its tests, up to the first that it fails."""
        mark = f"result-{random.getrandbits(64):x}:" if function else ""
        source = IMPORTS + answer
        if function:
            source += CALL.format(name=str(function), mark=mark)
        sandbox = await episode.sandbox("python")
        await sandbox.write("answer.py", source.encode("utf-8", "replace"))
        for number, test in enumerate(tests):
            result = await sandbox.exec(
                ["python3", "-I", "answer.py"],
                stdin=test.input.encode("utf-8", "replace"),
                timeout=self.timeout,
            )
            right = same_value if mark else same_lines
            printed = result.stdout.rpartition(mark)[2] if mark else result.stdout
            found = not mark or mark in result.stdout
            if not (found and result.exit_code == 0 and right(printed, test.output)):
                return {"test": number, **evidence(result, self.max_output_len, _failed(result))}
        return brief(Status.PASSED if tests else Status.FAILED)


def _failed(result: ExecResult) -> Status:
    """The status of a program that gave the wrong output, which may be wrong since it was cut."""
    return Status.OUTPUT_LIMIT if result.truncated and result.ok else status_of(result)


def _digest(tests: Sequence[ProgramTest]) -> str:
    digest = hashlib.sha256()
    for test in tests:
        for text in (test.input, test.output):
            data = text.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def same_value(printed: str, expected: str) -> bool:
    """Whether two texts are the same JSON value."""
    try:
        return bool(json.loads(printed) == json.loads(expected))
    except ValueError:
        return False


def same_lines(printed: str, expected: str) -> bool:
    """Whether two texts have the same lines, but for blanks at the ends and how numbers are
    written."""
    mine, theirs = (t.strip().splitlines() for t in (printed, expected))
    if len(mine) != len(theirs):
        return False
    return all(_same_line(a.strip(), b.strip()) for a, b in zip(mine, theirs, strict=True))


def _same_line(mine: str, theirs: str) -> bool:
    if mine == theirs:
        return True
    pair = (mine.split(), theirs.split())
    if len(pair[0]) != len(pair[1]):
        return False
    try:
        return all(Decimal(a) == Decimal(b) for a, b in zip(*pair, strict=True))
    except InvalidOperation:
        return False
