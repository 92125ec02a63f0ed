"""``scicode``: whether the steps of a scientific problem pass their tests, in a sandbox.

A test compares what a step returns with a ``target``. Where the data has the step's solution, its
target is what the solution returns, computed in the sandbox; else it is read from the data's file
``test_data.h5``.
"""

from __future__ import annotations

import ast
import os
import pickle
import random
import re
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from attrs import field, frozen, validators

from olmo_eval.agents.episode import Episode
from olmo_eval.common.metrics import Metric
from olmo_eval.common.metrics.base import as_scorer
from olmo_eval.common.scorers import AsyncScorer, Scorer
from olmo_eval.common.types import Instance, LMOutput, Response
from olmo_eval.errors import DataError, MissingDependencyError
from olmo_eval.evals.extract.code import extract_code
from olmo_eval.extras import require
from olmo_eval.sandbox import Sandbox, SandboxError
from olmo_eval_tasks.scorers.status import Status, brief, evidence, status_of

INSTALL = "pip install --no-deps nvidia-scicode==26.3"
_TARGETS = "targets.pkl"
_IMPORTS = re.compile(r"^[ \t]*(?:from[ \t].+import[ \t].+|import[ \t].+)$\n?", re.MULTILINE)
_COMPARING = re.compile(r"^from scicode\.compare\.cmp import .*$", re.MULTILINE)
_FENCED = re.compile(r"```(?:python)?[ \t]*\n(.*?)```", re.DOTALL)
_HINT = (
    "pip install h5py scipy, download test_data.h5 as https://github.com/scicode-bench/SciCode "
    "says, and name its folder: DATA_CACHE_DIR=FOLDER"
)


def codes_of(output: LMOutput) -> list[str]:
    """The program of each step: the code of each answer, or the fenced blocks of a single one."""
    answers: Sequence[str] | None = output.metadata.get("answers")
    if answers is not None:
        return [_without_imports(extract_code(answer)) for answer in answers]
    blocks = _FENCED.findall(output.text)
    return [_without_imports(block) for block in blocks or [output.text] if block.strip()]


def _without_imports(code: str) -> str:
    """The imports are the problem's, as the published harness has it."""
    return _IMPORTS.sub("", code).strip("\n")


@frozen
class ScicodeScorer(AsyncScorer):
    """1 where every step passes its tests; how each fared is recorded as ``scicode``."""

    name: str = "scicode"
    #: seconds that a step may take, as published
    timeout: float = field(default=1800.0, validator=validators.gt(0))
    max_output_len: int = field(default=1000, validator=validators.ge(0))
    reads = "text"
    requires: ClassVar[frozenset[str]] = frozenset({"sandbox:scicode"})

    async def score_async(self, instance: Instance, output: LMOutput, episode: Episode) -> float:
        steps = instance.metadata["steps"]
        asked = [step for step in steps if step["given"] is None]
        codes = codes_of(output)
        told: list[dict[str, Any]] = []
        for number, step in enumerate(asked):
            if number >= len(codes) or not codes[number].strip():
                told.append({"step": step["number"], **brief(Status.NO_CODE)})
                continue
            program = assembled(instance, dict(zip(_numbers(asked), codes, strict=False)), step)
            key = ["scicode", instance.id, number, self.timeout, program]
            ran = await episode.once(key, partial(self._ran, instance, step, program, episode))
            told.append({"step": step["number"], **ran})
        passed = [one["status"] == Status.PASSED for one in told]
        episode.record(self.name, {"steps": told, "passed": sum(passed), "of": len(asked)})
        return float(all(passed))

    async def _ran(
        self, instance: Instance, step: Mapping[str, Any], program: str, episode: Episode
    ) -> dict[str, Any]:
        """How the program of a step fared with its tests."""
        sandbox = await episode.sandbox("sandbox:scicode")
        if step["gold"]:
            await self._write_gold_targets(instance, step, sandbox)
        else:
            targets = pickle.dumps(targets_of(step["number"], len(step["tests"])), protocol=4)
            await sandbox.write(_TARGETS, targets)
        code = random.randrange(65, 125)
        result = await self._run(
            program + tests_of(step) + f"\nraise SystemExit({code})\n", sandbox
        )
        passed = result.exit_code == code
        status = status_of(result, passed)
        return brief(status) if passed else evidence(result, self.max_output_len, status)

    async def _write_gold_targets(
        self, instance: Instance, step: Mapping[str, Any], sandbox: Sandbox
    ) -> None:
        """What the solution returns, for each test.

        Raises:
            SandboxError: the solution does not run there, so that nothing can be compared.
        """
        gold = {each["number"]: each["gold"] for each in instance.metadata["steps"]}
        source = assembled(instance, gold, step) + recording_of(step)
        result = await self._run(source, sandbox)
        if result.exit_code != 0:
            raise SandboxError(
                f"the data's solution of step {step['number']} does not run in this environment, "
                f"which needs numpy, scipy and sympy: {result.stderr.strip()[-300:]}"
            )

    async def _run(self, source: str, sandbox: Sandbox) -> Any:
        await sandbox.write("step.py", source.encode("utf-8", "replace"))
        return await sandbox.exec(["python3", "-I", "step.py"], timeout=self.timeout)


def _numbers(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(step["number"]) for step in steps]


def assembled(instance: Instance, codes: Mapping[str, str], step: Mapping[str, Any]) -> str:
    """The imports, and the code of every step up to ``step``; that of given ones is the data's."""
    parts = [instance.metadata["dependencies"]]
    for each in instance.metadata["steps"]:
        parts.append(each["given"] or codes.get(each["number"], ""))
        if each["number"] == step["number"]:
            break
    return "\n\n".join(parts) + "\n\n"


def tests_of(step: Mapping[str, Any]) -> str:
    """The tests, with what they compare by."""
    lines = [
        _start(step),
        f"with open({_TARGETS!r}, 'rb') as _file:",
        "    _targets = _pickle.load(_file)",
    ]
    for number, test in enumerate(step["tests"]):
        lines += [f"target = _targets[{number}]", _COMPARING.sub("", test)]
    return "\n".join(lines)


def recording_of(step: Mapping[str, Any]) -> str:
    """The tests, keeping what they would compare with ``target``."""
    lines = [_start(step), "_targets = []"]
    for test in step["tests"]:
        lines += ["_kept = None", recorded(_COMPARING.sub("", test)), "_targets.append(_kept)"]
    lines += [f"with open({_TARGETS!r}, 'wb') as _file:", "    _pickle.dump(_targets, _file, 4)"]
    return "\n".join(lines)


def _start(step: Mapping[str, Any]) -> str:
    compares = any("scicode.compare" in test for test in step["tests"])
    return f"{comparing() if compares else ''}\nimport pickle as _pickle"


def recorded(test: str) -> str:
    """``test`` with each comparison of something with ``target`` replaced by ``_kept = something``;
    with ``target[0]``, ``target[1]``, ..., by a list of them."""
    tree = ast.parse(test)
    for node in tree.body:
        if isinstance(node, ast.Assert):
            found = dict(_compared(node.test))
            if found:
                values = [found[key] for key in sorted(found)]
                kept = values[0] if list(found) == [-1] else ast.List(values, ast.Load())
                place = tree.body.index(node)
                tree.body[place] = ast.Assign([ast.Name("_kept", ast.Store())], kept)
    return ast.unparse(ast.fix_missing_locations(tree))


def _compared(tree: ast.expr) -> list[tuple[int, ast.expr]]:
    """What is compared with which part of ``target``; -1 is all of it."""
    pairs: list[tuple[ast.expr, ast.expr]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and len(node.args) >= 2:
            pairs.append((node.args[0], node.args[1]))
        elif isinstance(node, ast.Compare):
            pairs.append((node.left, node.comparators[0]))
    return [(part, one) for one, other in pairs if (part := _part(other)) is not None]


def _part(node: ast.expr) -> int | None:
    if isinstance(node, ast.Name) and node.id == "target":
        return -1
    if isinstance(node, ast.Subscript) and _part(node.value) == -1:
        index = node.slice
        return index.value if isinstance(index, ast.Constant) else None  # type: ignore[return-value]
    return None


def package_folder() -> Path:
    """The folder of the package ``nvidia-scicode``; finding it imports nothing.

    Raises:
        MissingDependencyError: it is not installed.
    """
    found = find_spec("scicode")
    places = found.submodule_search_locations if found else None
    if not places:
        raise MissingDependencyError(
            "scicode: its data comes with the package nvidia-scicode, which is not installed",
            hint=INSTALL,
        )
    return Path(next(iter(places)))


def comparing() -> str:
    """The source of the package's comparisons."""
    return (package_folder() / "compare" / "cmp.py").read_text("utf-8")


def targets_file() -> Path:
    """Where it is written what steps should return.

    Raises:
        DataError: it is not there.
    """
    folder = Path(os.environ.get("DATA_CACHE_DIR") or package_folder() / "data")
    file = folder / "test_data.h5"
    if not file.is_file():
        raise DataError(f"scicode: what the steps should return is not in {file}", hint=_HINT)
    return file


def targets_of(step: str, tests: int) -> list[Any]:
    """What a step should return in each of its tests.

    Raises:
        DataError: the file of targets is not there.
        MissingDependencyError: it cannot be read.
    """
    file = targets_file()
    parse = require("scicode.parse.parse", "pip install h5py scipy sympy")
    found: list[Any] = parse.process_hdf5_to_tuple(step, tests, file)
    return found


@frozen
class StepsMetric(Metric):
    """Share of all steps that pass."""

    name: str = field(default="steps", kw_only=True)
    scorer: Scorer = field(factory=ScicodeScorer, converter=as_scorer)
    weighted: ClassVar[bool] = True

    def value(self, response: Response) -> float | None:
        kept = [output.metadata.get(self.scorer.name) for output in response.outputs]
        if not kept or None in kept:
            raise ValueError(f"scorer {self.scorer.name} recorded no steps")
        return float(sum(one["passed"] / one["of"] for one in kept if one) / len(kept))

    def weight(self, response: Response) -> float:
        steps = response.instance.metadata["steps"]
        return float(sum(step["given"] is None for step in steps))
